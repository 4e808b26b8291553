# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of a declaration, kept beside its model to find the line of what a check objects to. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..errors import Problem
from .located import ComposeTree
from .yaml_file import YamlFile


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """``declaration``: none for an environment that was made in memory. ``compose``: Compose projects by guest."""

    declaration: YamlFile | None = None
    compose: Mapping[str, ComposeTree] = field(default_factory=dict)

    def problem(self, path: tuple[str, ...], message: str) -> Problem:
        """*message* about *path* of the declaration."""
        return _problem(self.declaration, path, message, "declaration")

    def compose_problem(self, guest: str, path: tuple[str, ...], message: str) -> Problem:
        """*message* about *path* of the Compose file of *guest*."""
        return _problem(self.compose.get(guest), path, message, f"compose of guest {guest}")


def _problem(file: YamlFile | ComposeTree | None, path: tuple[str, ...], message: str, otherwise: str) -> Problem:
    return file.problem(path, message) if file else Problem(otherwise, 0, ".".join(path), message)
