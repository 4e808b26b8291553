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
    """One file in *folder* for each container, named by its id: a container that is renamed keeps its note."""

    folder: Path

    @classmethod
    def of(cls, environment: str, folders: Folders) -> AppliedNotes:
        return cls(folders.environment(environment) / "applied")

    def read(self, identity: str, seal: Seal) -> dict[str, Any] | None:
        """The spec that was last applied to the container; ``None`` where no readable note says it."""
        try:
            return read_applied((self.folder / identity).read_text(encoding="utf-8"), seal)
        except (FileNotFoundError, UnicodeDecodeError):
            return None

    def write(self, identity: str, declared: Declared, seal: Seal) -> None:
        """The container is as *declared*."""
        make_private(self.folder)
        write_whole(self.folder / identity, applied_text(declared, seal).encode())

    def forget(self, identity: str) -> None:
        """The container is gone, or about to be changed."""
        (self.folder / identity).unlink(missing_ok=True)
