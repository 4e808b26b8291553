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


@dataclass(frozen=True, slots=True)
class FilesRead:
    """Absolute paths of the files that were read for Compose projects. ``texts``: Compose files and configs.

    ``variables``: files of ``NAME=value`` lines, each with the names in it.
    """

    texts: set[str] = field(default_factory=set)
    variables: dict[str, frozenset[str]] = field(default_factory=dict)

    def add(self, other: FilesRead) -> None:
        """Those of *other* too."""
        self.texts.update(other.texts)
        self.variables.update(other.variables)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """``declaration``: none for an environment that was made in memory. ``compose``: Compose projects by guest.

    ``files``: what was read for these projects.
    """

    declaration: YamlFile | None = None
    compose: Mapping[str, ComposeTree] = field(default_factory=dict)
    files: FilesRead = field(default_factory=FilesRead)

    def problem(self, path: tuple[str, ...], message: str) -> Problem:
        """*message* about *path* of the declaration."""
        return _problem(self.declaration, path, message, "declaration")

    def compose_problem(self, guest: str, path: tuple[str, ...], message: str) -> Problem:
        """*message* about *path* of the Compose file of *guest*."""
        return _problem(self.compose.get(guest), path, message, f"compose of guest {guest}")


def _problem(file: YamlFile | ComposeTree | None, path: tuple[str, ...], message: str, otherwise: str) -> Problem:
    return file.problem(path, message) if file else Problem(otherwise, 0, ".".join(path), message)
