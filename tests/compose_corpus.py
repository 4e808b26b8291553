# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Compose files in ``tests/corpus``: a folder each, with what it takes to read it.

``compose.override.yaml`` is merged over ``compose.yaml`` where it is there; ``profiles`` holds active profiles, one a
line. The first line of a file that is to be refused is ``# path: essence of the message``, and there may be more.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.compose import Project
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.read_compose import read_compose

CORPUS = Path(__file__).parent / "corpus"


@dataclass(frozen=True)
class Case:
    folder: Path

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def files(self) -> list[Path]:
        named = [self.folder / "compose.yaml", self.folder / "compose.override.yaml"]
        return [file for file in named if file.is_file()]

    @property
    def profiles(self) -> list[str]:
        file = self.folder / "profiles"
        return file.read_text().split() if file.is_file() else []

    def read(self) -> Project:
        return read_compose(self.files, self.name, self.profiles)

    def refusals(self) -> list[tuple[str, str]]:
        """Path and essence of each message that reading it must give."""
        notes = [line[2:] for line in self.files[0].read_text().splitlines() if line.startswith("# ")]
        return [(path, essence) for path, _colon, essence in (note.partition(": ") for note in notes)]


def cases(kind: str) -> list[Case]:
    return [Case(folder) for folder in sorted((CORPUS / kind).iterdir())]


def paths(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every path of *value*, with what is there."""
    yield path, value
    if isinstance(value, dict):
        for key, item in value.items():
            yield from paths(item, (*path, str(key)))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from paths(item, (*path, str(index)))
