# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Holds a run to the lock of its environment, or makes the lock of what the run resolved."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeAlias

from ..declare.environment import Environment
from ..declare.read import Document
from ..errors import LockError
from ..folders import Folders
from ..guest.files import write_whole
from ..inputs import Inputs
from ..resolve import at_digests
from .lock import Lock, LockedContainerImage, compare, lock_path, read_lock, refuse_moved, text_of, unknown
from .lock_make import carried, make, with_found
from .move import Move

#: As the option ``lock`` has them; not given, a lock that is there is required.
Mode: TypeAlias = Literal["create", "require", "update"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LockReport:
    """What became of the lock in the file ``path``. ``moves``: from the lock that was there to what there is now.

    ``before`` and ``after``: text of the file. ``unknown``: dotted paths of digests that the lock does not hold yet.
    ``unreached``: why no engine could be asked.
    """

    path: Path
    moves: tuple[Move, ...] = ()
    before: str = ""
    after: str = ""
    unknown: tuple[str, ...] = ()
    unreached: str = ""

    @property
    def changed(self) -> bool:
        return self.before != self.after

    @property
    def data(self) -> dict[str, Any]:
        """As modules return it."""
        moved = [move.as_data() for move in self.moves]
        return {"path": str(self.path), "changed": self.changed, "moved": moved, "unknown": list(self.unknown)}

    @property
    def diff(self) -> dict[str, str]:
        """As Ansible shows it."""
        where = str(self.path)
        return {"before_header": where, "after_header": where, "before": self.before, "after": self.after}

    def write(self) -> None:
        """Have the lock in its file, whole or not at all; it belongs to whom the folder belongs to."""
        if write_whole(self.path, self.after.encode(), 0o644) and os.geteuid() == 0:
            owner = self.path.parent.stat()
            os.chown(self.path, owner.st_uid, owner.st_gid)


@dataclass(frozen=True, slots=True, kw_only=True)
class LockUse:
    """``locked``: what the file says, ``None`` where there is none. ``writes``: the run makes it, anew or for the
    first time; otherwise it is held to it, where there is one."""

    document: Document
    path: Path
    folders: Folders
    locked: Lock | None = None
    writes: bool = False

    @classmethod
    def of(cls, document: Document, declaration: Path, mode: Mode | None, folders: Folders) -> LockUse:
        """As *mode* says. Raises :class:`LockError` for a lock that is damaged, or required and not there."""
        path = lock_path(declaration.absolute())
        locked = read_lock(path)
        if mode == "require" and locked is None:
            raise LockError(f"{path}: there is no lock. Make it with strata lock, or with lock: create.")
        writes = mode == "update" or (mode == "create" and locked is None)
        return cls(document=document, path=path, folders=folders, locked=locked, writes=writes)

    @property
    def content(self) -> bytes:
        """Of its file; empty where there is none."""
        return self.path.read_bytes() if self.locked else b""

    def make(self, inputs: Inputs) -> Lock:
        """The lock of *inputs*, as :func:`~..resolve.resolve` had them, as far as this machine knows it now."""
        return make(self._environment, self.document.sources.files, inputs, self.folders)

    def refuse(self, inputs: Inputs) -> None:
        """Raise :class:`MovedError` where *inputs* are not what the run is held to."""
        if self.locked and not self.writes:
            refuse_moved(self.path, self.locked, self.make(inputs))

    def refuse_images(self, found: Iterable[Mapping[str, LockedContainerImage]]) -> None:
        """Raise :class:`MovedError` where what engines tell of images of registries is not what is locked."""
        if self.locked and not self.writes:
            plain = {
                name: LockedContainerImage(source="registry") if image.source == "registry" else image
                for name, image in self.locked.container_images.items()
            }
            refuse_moved(self.path, self.locked, with_found(replace(self.locked, container_images=plain), found))

    def held(self, inputs: Inputs) -> Inputs:
        """*inputs* with every tag of a registry standing for the digest that the run is held to."""
        if self.locked is None or self.writes:
            return inputs
        images = self.locked.container_images.items()
        digests = {name: image.manifest for name, image in images if image.source == "registry" and image.manifest}
        return at_digests(inputs, self._environment, self.folders, digests)

    def report(self, inputs: Inputs, found: Iterable[Mapping[str, LockedContainerImage]]) -> LockReport | None:
        """What there is to tell at the end; *found*: what engines say of images. ``None``: no lock is in use."""
        if self.writes:
            return self.made(inputs, found)
        if self.locked is None:
            return None
        text = text_of(self.locked)
        return LockReport(path=self.path, before=text, after=text, unknown=tuple(unknown(self.locked)))

    def made(self, inputs: Inputs, found: Iterable[Mapping[str, LockedContainerImage]]) -> LockReport:
        """The lock of what is there now."""
        lock = self.resolved(inputs, found)
        return LockReport(
            path=self.path,
            moves=tuple(compare(self.locked, lock)) if self.locked else (),
            before=self.path.read_text(encoding="utf-8") if self.locked else "",
            after=text_of(lock),
            unknown=tuple(unknown(lock)),
        )

    def resolved(self, inputs: Inputs, found: Iterable[Mapping[str, LockedContainerImage]]) -> Lock:
        """What is there now as a lock; what nobody could tell stays as it was locked."""
        return carried(with_found(self.make(inputs), found), self.locked)

    @property
    def _environment(self) -> Environment:
        return self.document.environment
