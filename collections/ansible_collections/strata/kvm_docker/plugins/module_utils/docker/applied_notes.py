# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was last applied to containers, in the environment's folder: their label says what they were made as, and no
engine changes a label.

A note goes before its container is changed in place and is written anew after it. So where there is none (a run was
killed, or another state folder is used) it is not known what was applied in place, and every difference there counts
as a new declaration: a change may be told with the wrong cause, but is never taken for drift and left undone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..folders import Folders
from ..guest.files import make_private, write_whole
from ..plan.model import Declared
from ..plan.secrets import Seal
from .labels import applied_text, read_applied


@dataclass(frozen=True, slots=True)
class AppliedNotes:
    """One file in *folder* for each container of an engine, named by its id: one that is renamed keeps its note.

    An engine may be reached in several ways, each with a folder of its own beside the others; the newest note counts,
    and it is the only one.
    """

    folder: Path

    @classmethod
    def of(cls, environment: str, folders: Folders, engine: str) -> AppliedNotes:
        """*engine*: the guest whose it is, or its URL."""
        name = f"@{hashlib.sha256(engine.encode()).hexdigest()[:16]}" if "/" in engine else engine
        return cls(folders.environment(environment) / "applied" / name)

    def read(self, identity: str, seal: Seal) -> dict[str, Any] | None:
        """The spec that was last applied to the container; ``None`` where no readable note says it."""
        own = self.folder / identity
        try:
            note = own if own.exists() else next(self._all(identity), own)
            return read_applied(note.read_text(encoding="utf-8"), seal)
        except (FileNotFoundError, UnicodeDecodeError):
            return None

    def write(self, identity: str, declared: Declared, seal: Seal) -> None:
        """The container is as *declared*."""
        make_private(self.folder.parent)
        make_private(self.folder)
        write_whole(self.folder / identity, applied_text(declared, seal).encode())

    def forget(self, identity: str) -> None:
        """The container is gone, or about to be changed."""
        for note in self._all(identity):
            note.unlink(missing_ok=True)

    def noted(self) -> frozenset[str]:
        """Ids of the containers that have a note, or the beginning of one."""
        names = (note.name for note in self.folder.iterdir()) if self.folder.is_dir() else ()
        return frozenset(name.removeprefix(".").removesuffix(".new") for name in names)

    def drop(self, identities: Iterable[str]) -> None:
        """These containers are gone, whoever removed them: noted once, and then not on the engine any more.

        Those that were noted *before* the engine was asked, as others may make containers meanwhile.
        """
        for identity in identities:
            for name in (identity, f".{identity}.new"):
                (self.folder / name).unlink(missing_ok=True)

    def _all(self, identity: str) -> Iterator[Path]:
        return self.folder.parent.glob(f"*/{identity}")
