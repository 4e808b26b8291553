# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is not as it was locked. Without imports of ours: errors name it, and every module packs what those name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """What is at *path* is not what was locked there; ``None``: it is not there."""

    path: tuple[str, ...]
    locked: Any
    now: Any

    def __str__(self) -> str:
        return f"{'.'.join(self.path)}: {self._words()}"

    def as_data(self) -> dict[str, Any]:
        """As modules return it."""
        return {"path": ".".join(self.path), "locked": self.locked, "now": self.now}

    def _words(self) -> str:
        if self.locked is None:
            return "is not in the lock" + _told(", now ", self.now)
        if self.now is None:
            return "is not there any more" + _told(", locked ", self.locked)
        return f"locked {_told('', self.locked)}, now {_told('', self.now)}"


def _told(before: str, value: Any) -> str:
    """Leaves only: the parts of an entry that came or went say nothing more."""
    if isinstance(value, Mapping):
        return ""
    return before + ((" ".join(value) or "nothing") if isinstance(value, (list, tuple)) else str(value))
