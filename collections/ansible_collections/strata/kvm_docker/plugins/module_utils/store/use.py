# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who refers to what is in the store: environments by what they declare, disks by what they stand on, processes.

A store may be shared by several state folders (``$STRATA_IMAGES``), so each of them is noted in it.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from ..declare.environment import Environment
from ..digests import canonical_digest
from ..folders import Folders
from ..guest.files import write_whole
from ..guest.image_store import read_json, resolve, using, write_json
from ..inputs import Inputs
from ..kvm.disk_files import chain
from .engine_layer import requests
from .items import touch

_NOTE = "store.json"
_ONE_WRITES = threading.Lock()


@dataclass(frozen=True, slots=True)
class References:
    """``declared``: digest of a recipe, archive or layer -> who declares it. ``standing``: file below the store -> who
    stands on it, or has it open."""

    declared: dict[str, str] = field(default_factory=dict)
    standing: dict[Path, str] = field(default_factory=dict)


def register(folders: Folders) -> None:
    """Have the store know of the state folder of *folders*."""
    user = {"root": str(folders.root)}
    if folders.checkpoint_store:
        user["checkpoints"] = str(folders.checkpoint_store)
    path = folders.images / ".users" / f"{canonical_digest(user)[:16]}.json"
    with _ONE_WRITES:
        if read_json(path) != user:
            write_json(path, user)


def note(folders: Folders, environment: Environment, inputs: Inputs) -> None:
    """Write down what *environment* declares of the store, until it is removed: nothing of it is collected."""
    layers = sorted(request.digest for request in requests(environment, inputs).values())
    archives = sorted({image.made_from for image in inputs.images.values() if image.kind == "recipe"})
    recipes = sorted(set(inputs.guest_images.values()))
    content = json.dumps({"recipes": recipes, "archives": archives, "layers": layers})
    with using(folders):
        register(folders)
        write_whole(folders.environment(environment.name) / _NOTE, content.encode())
        for recipe in recipes:
            stored = resolve(folders, recipe)
            if stored:
                touch(stored.disk.parent)
        for archive in archives:
            touch(folders.images / "container-archives" / f"{archive}.tar")


def references(folders: Folders, disks: Iterable[Path] = ()) -> References:
    """All that refers to the store of *folders*. *disks*: files that may stand on it, beside those of known pools."""
    found = References()
    for root in _roots(folders):
        for path in sorted((root / "environments").glob(f"*/{_NOTE}")):
            for digests in (read_json(path) or {}).values():
                found.declared.update(dict.fromkeys(digests, f"environment {path.parent.name}"))
        for path in sorted((root / "pools").glob("*/*")):
            _stand(found, folders, path)
    for path in (*_kept(folders), *disks):
        _stand(found, folders, path)
    for file, process in _opened(folders.images):
        found.standing.setdefault(file, f"process {process}")
    return found


def _kept(folders: Folders) -> Iterator[Path]:
    """The disks of all checkpoints, of every state folder and wherever each keeps them."""
    elsewhere = ((read_json(user) or {}).get("checkpoints") for user, _root in _users(folders))
    places = [root / "checkpoints" for root in _roots(folders)] + [Path(str(each)) for each in elsewhere if each]
    for place in dict.fromkeys([folders.checkpoints, *places]):
        yield from sorted(place.glob("*/*/disks/*"))


def forget_gone(folders: Folders) -> None:
    """Forget state folders that are not there any more."""
    for user, root in _users(folders):
        if not root.is_dir():
            user.unlink()


def _users(folders: Folders) -> Iterator[tuple[Path, Path]]:
    """The file of each state folder that uses the store, and the state folder."""
    for user in sorted((folders.images / ".users").glob("[0-9a-f]*.json")):
        yield user, Path(str((read_json(user) or {}).get("root") or folders.root))


def _roots(folders: Folders) -> list[Path]:
    return list(dict.fromkeys((folders.root, *(root for _user, root in _users(folders)))))


def _stand(found: References, folders: Folders, disk: Path) -> None:
    if not disk.is_file():
        return
    for below in list(chain(disk))[1:]:
        if below.is_relative_to(folders.images):
            found.standing.setdefault(below, f"disk {disk}")


def _opened(store: Path) -> Iterator[tuple[Path, int]]:
    """(file, process) of each file of *store* that is open, in whatever mount namespace: told by inode."""
    inodes = {}
    for folder, _folders, names in os.walk(store):
        for name in names:
            path = Path(folder) / name
            status = path.lstat()
            inodes[(status.st_dev, status.st_ino)] = path
    for process in Path("/proc").glob("[0-9]*"):
        if int(process.name) == os.getpid():
            continue
        with suppress(OSError):
            for descriptor in (process / "fd").iterdir():
                with suppress(OSError):
                    status = descriptor.stat()
                    found = inodes.get((status.st_dev, status.st_ino))
                    if found:
                        yield found, int(process.name)
