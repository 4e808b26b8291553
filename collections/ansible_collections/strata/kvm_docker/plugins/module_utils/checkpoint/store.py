# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where checkpoints lie: a folder for each, by the digest of what it was made from; whole or not there.

Layout below ``folders.checkpoints``, all of it for its owner only::

    key                              what inputs are digested with
    <environment>/<digest>/          manifest.json, memory/<guest>, disks/<disk>, keys/...
    <environment>/<digest>/clones    state folders that it was started in
    <environment>/.staging/          what is being made, renamed into place when complete
"""

from __future__ import annotations

import json
import secrets
import shutil
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..digests import is_sha256
from ..errors import CheckpointError
from ..folders import Folders
from ..guest.files import free_space, make_private, sync_folder, write_whole
from ..locks import exclusive
from ..plan.secrets import Seal
from ..progress import Progress
from . import manifest as manifests
from .manifest import Manifest
from .origin import Origin

_BYTES = 32
#: Seconds that a run waits for another one that uses the checkpoints of an environment of this name.
_WAIT = 600.0


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One that is there, in ``folder``."""

    folder: Path
    manifest: Manifest

    @property
    def name(self) -> str:
        """As people are told of it."""
        return self.manifest.digest[:12]

    @property
    def data(self) -> dict[str, Any]:
        """As modules return it."""
        told = self.manifest
        return {"digest": told.digest, "made": told.made, "size": told.size, "guests": list(told.guests)}

    def file(self, name: str) -> Path:
        """The file that the manifest has under *name*."""
        return self.folder / name


@dataclass(frozen=True, slots=True)
class Store:
    """The checkpoints of one environment."""

    folders: Folders
    environment: str

    @property
    def folder(self) -> Path:
        return self.folders.checkpoints / self.environment

    @property
    def staging(self) -> Path:
        """Of one that is being made."""
        return self.folder / ".staging"

    def alone(self, progress: Progress, check: bool = False) -> AbstractContextManager[None]:
        """Nobody else makes, uses or removes checkpoints of the environment meanwhile, from any state folder. Who only
        looks (*check*) leaves nothing behind."""
        if check:
            return nullcontext()
        _have_root(self.folders)
        path = self.folders.checkpoints / f".{self.environment}.lock"
        return exclusive(path, f"the checkpoints of {self.environment}", _WAIT, progress)

    def seal(self, check: bool = False) -> Seal:
        """What inputs are digested with; its key is made where there is none, for who only looks (*check*) one that
        nothing was made with."""
        path = self.folders.checkpoints / "key"
        if not path.exists() and check:
            return Seal(bytes(_BYTES))
        if not path.exists():
            _have_root(self.folders)
            write_whole(path, secrets.token_bytes(_BYTES))
        return Seal(path.read_bytes())

    def digests(self) -> list[str]:
        """Of all that are there, damaged ones too; :class:`CheckpointError` where a file is in the folder's place."""
        _require_root(self.folders)
        return sorted(path.name for path in self.folder.glob("*") if is_sha256(path.name) and path.is_dir())

    def read(self, digest: str) -> Checkpoint:
        """The one of *digest*; :class:`CheckpointError` where its manifest is damaged."""
        folder = self.folder / digest
        try:
            text = (folder / manifests.NAME).read_text(encoding="utf-8")
        except (FileNotFoundError, IsADirectoryError, UnicodeDecodeError):
            text = ""
        found = manifests.read_text(text, str(folder))
        if found.digest != digest:
            raise CheckpointError(f"checkpoint {folder}: it is another one by its manifest. Remove it.")
        return Checkpoint(folder, found)

    def whole(self) -> Iterator[Checkpoint]:
        """Those with a readable manifest, the newest first."""
        return iter(self.listed()[0])

    def listed(self) -> tuple[list[Checkpoint], list[str]]:
        """Those with a readable manifest, the newest first; why each of the others is none."""
        whole, damaged = [], []
        for digest in self.digests():
            try:
                whole.append(self.read(digest))
            except CheckpointError as error:
                damaged.append(str(error))
        return sorted(whole, key=lambda one: one.manifest.made, reverse=True), damaged

    def find(self, origin: Origin) -> Checkpoint | None:
        """The checkpoint of just this *origin*."""
        return self.read(origin.digest) if origin.digest in self.digests() else None

    def fitting(self, origin: Origin, layers: Collection[str]) -> Checkpoint | None:
        """As :meth:`find`, or else the newest that fits *origin*; *layers*: SHA-256 of those that are there."""
        others = (one for one in self.whole() if origin.fits(one.manifest.origin, layers))
        return self.find(origin) or next(others, None)

    def stage(self) -> Path:
        """A fresh folder to make one in; what a killed run left there is removed."""
        _have_root(self.folders)
        make_private(self.folder)
        self.sweep()
        for name in ("", "memory", "disks"):
            make_private(self.staging / name)
        return self.staging

    def sweep(self) -> None:
        """Remove what was not finished."""
        for left in (self.staging, *self.folder.glob(".removed.*")):
            _delete(left)

    def publish(self, manifest: Manifest) -> Checkpoint:
        """Have what was staged in place; its files are on the disk already."""
        write_whole(self.staging / manifests.NAME, manifests.text_of(manifest).encode())
        for folder in (*(path for path in self.staging.rglob("*") if path.is_dir()), self.staging):
            sync_folder(folder)
        self.staging.rename(self.folder / manifest.digest)
        sync_folder(self.folder)
        return Checkpoint(self.folder / manifest.digest, manifest)

    def remove(self, digest: str) -> None:
        """Have it gone; killed meanwhile, none is left that looks whole."""
        aside = self.folder / f".removed.{digest}"
        (self.folder / digest).rename(aside)
        _delete(aside)
        with suppress(OSError):
            self.folder.rmdir()


def _have_root(folders: Folders) -> None:
    """Have the folder of all checkpoints, closed to others; :class:`CheckpointError` for one that others use."""
    _require_root(folders)
    root = folders.checkpoints
    if root.is_dir() and root.stat().st_mode & 0o077 and not (root / "key").exists() and any(root.iterdir()):
        raise CheckpointError(
            f"{root}: others can read this folder, and there is something in it, but checkpoints are for their owner "
            "only. Name an empty folder in STRATA_CHECKPOINTS."
        )
    make_private(root)


def _require_root(folders: Folders) -> None:
    """The folder of all checkpoints, or nothing."""
    root = folders.checkpoints
    if root.exists() and not root.is_dir():
        raise CheckpointError(
            f"{root}: checkpoints are to be there, and it is no folder. Name a folder in STRATA_CHECKPOINTS."
        )


def _delete(path: Path) -> None:
    """Of a link only the link."""
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.exists():
        shutil.rmtree(path)


def clone_roots(checkpoint: Checkpoint) -> dict[str, str]:
    """State folders that it was started in, each with its libvirt's URI."""
    try:
        found = json.loads((checkpoint.folder / "clones").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return {str(root): str(uri) for root, uri in found.items()} if isinstance(found, dict) else {}


def note_clones(checkpoint: Checkpoint, roots: dict[str, str]) -> None:
    """Write down where it was started."""
    write_whole(checkpoint.folder / "clones", json.dumps(roots, sort_keys=True).encode())


def require_space(folder: Path, needed: int, purpose: str) -> None:
    """Raise :class:`CheckpointError` unless *needed* bytes are free at *folder*."""
    free = free_space(folder)
    if free < needed:
        raise CheckpointError(
            f"{purpose} takes up to {needed >> 20} MiB in {folder}, and {free >> 20} MiB are free there. "
            "Free some space, or place checkpoints elsewhere with STRATA_CHECKPOINTS."
        )
