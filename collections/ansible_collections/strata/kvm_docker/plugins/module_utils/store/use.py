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
from typing import TypeAlias

from ..declare.environment import Environment
from ..digests import canonical_digest
from ..errors import ImageError
from ..folders import Folders
from ..guest.files import write_whole
from ..guest.image_store import read_json, resolve, using, write_json
from ..inputs import Inputs
from ..kvm.disk_files import chain
from .engine_layer import requests
from .items import touch

_Files: TypeAlias = dict[tuple[int, int], Path]

_NOTE = "store.json"
_ONE_WRITES = threading.Lock()


@dataclass(frozen=True, slots=True)
class References:
    """``declared``: digest of a recipe, archive or layer -> who declares it. ``standing``: file below the store -> who
    stands on it, or has it open."""

    declared: dict[str, str] = field(default_factory=dict)
    standing: dict[Path, str] = field(default_factory=dict)


def register(folders: Folders) -> None:
    """Have the store know of the state folder of *folders*, and of its checkpoints where they are elsewhere."""
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
    found, files = References(), _files(folders.images)
    users = [folders, *(places for _user, places in _users(folders))]
    for root, checkpoints in dict.fromkeys((user.root, user.checkpoints) for user in users):
        for path in sorted((root / "environments").glob(f"*/{_NOTE}")):
            found.declared.update(dict.fromkeys(_declared(path), f"environment {path.parent.name}"))
        kept = (
            path for place in dict.fromkeys((root / "checkpoints", checkpoints)) for path in place.glob("*/*/disks/*")
        )
        for path in (*sorted((root / "pools").glob("*/*")), *sorted(kept)):
            _stand(found, files, path)
    for path in disks:
        _stand(found, files, path)
    for file, process in _opened(files):
        found.standing.setdefault(file, f"process {process}")
    return found


def _declared(path: Path) -> list[str]:
    """The digests in the note *path*; raises :class:`ImageError` where it is damaged, as what it holds is not known."""
    told = read_json(path)
    if told is None and not path.exists():
        return []
    if told is None or not all(isinstance(each, list) for each in told.values()):
        raise ImageError(
            f"{path}: it is damaged, so nobody can tell what environment {path.parent.name} needs of the store. "
            "Nothing was removed. Converge the environment, then collect again."
        )
    return [str(digest) for each in told.values() for digest in each]


def forget_gone(folders: Folders) -> None:
    """Forget state folders that are not there any more."""
    for user, places in _users(folders):
        if not any(place.is_dir() for place in (places.root, places.checkpoints)):
            user.unlink()


def _users(folders: Folders) -> Iterator[tuple[Path, Folders]]:
    """The file of each state folder that uses the store, and where that is, with its checkpoints."""
    for user in sorted((folders.images / ".users").glob("[0-9a-f]*.json")):
        told = read_json(user) or {}
        root, checkpoints = (str(told.get(name, "")) for name in ("root", "checkpoints"))
        if not os.path.isabs(root):
            raise ImageError(
                f"{user}: it is damaged, so nobody can tell in which state folder disks stand on the store. Nothing "
                "was removed. Converge an environment of each state folder that shares the store, remove this file, "
                "and collect again."
            )
        yield user, Folders(Path(root), checkpoint_store=Path(checkpoints) if checkpoints else None)


def _files(store: Path) -> _Files:
    """Every file of *store* by device and inode: it is the same one by whatever path, in whatever mount namespace."""
    found = {}
    for folder, _folders, names in os.walk(store):
        for name in names:
            with suppress(FileNotFoundError):  # who makes a piece removes files
                status = (Path(folder) / name).lstat()
                found[(status.st_dev, status.st_ino)] = Path(folder) / name
    return found


def _stand(found: References, files: _Files, disk: Path) -> None:
    with suppress(FileNotFoundError):  # its guest is being removed
        for below in list(chain(disk))[1:]:
            status = below.stat()
            file = files.get((status.st_dev, status.st_ino))
            if file:
                found.standing.setdefault(file, f"disk {disk}")


def _opened(files: _Files) -> Iterator[tuple[Path, int]]:
    """(file, process) of each of *files* that is open."""
    for process in Path("/proc").glob("[0-9]*"):
        if int(process.name) == os.getpid():
            continue
        with suppress(OSError):
            for descriptor in (process / "fd").iterdir():
                with suppress(OSError):
                    status = descriptor.stat()
                    found = files.get((status.st_dev, status.st_ino))
                    if found:
                        yield found, int(process.name)
