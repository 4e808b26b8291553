# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values of Compose files that know where they come from, so that several files can become one. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..errors import Problem
from .yaml_file import Where, YamlFile

#: Of the Compose Specification, "Reset value" and "Replace value".
RESET, OVERRIDE = "!reset", "!override"


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """``file`` is empty for data that came from no file; relative paths start at ``folder``."""

    file: str = ""
    line: int = 0
    folder: str

    def problem(self, path: Where, message: str) -> Problem:
        return Problem(self.file, self.line, ".".join(path), message)


@dataclass(frozen=True, slots=True)
class Located:
    """``value``: a scalar, or a dict or list of more of these. ``unresolved``: a variable of it has no value."""

    value: Any
    origin: Origin
    tag: str = ""
    unresolved: bool = False

    def with_value(self, value: Any) -> Located:
        return replace(self, value=value)

    def part(self, key: str) -> dict[str, Located]:
        """The mapping below *key*; empty where there is none."""
        below = self.value.get(key) if isinstance(self.value, dict) else None
        return below.value if below is not None and isinstance(below.value, dict) else {}


def from_yaml(yaml: YamlFile, folder: str) -> Located:
    def build(value: Any, path: Where) -> Located:
        origin = Origin(file=yaml.file, line=yaml.line(path), folder=folder)
        return Located(_children(value, path, build), origin, yaml.tags.get(path, ""))

    return build(yaml.tree, ())


def from_data(data: Any, folder: str) -> Located:
    """Of plain data, e.g. of an Ansible task."""
    origin = Origin(folder=folder)

    def build(value: Any, path: Where) -> Located:
        return Located(_children(list(value) if isinstance(value, tuple) else value, path, build), origin)

    return build(data, ())


def _children(value: Any, path: Where, build: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): build(item, (*path, str(key))) for key, item in value.items()}
    if isinstance(value, list):
        return [build(item, (*path, str(index))) for index, item in enumerate(value)]
    return value


def settled(located: Located) -> Located:
    """Without what is marked ``!reset``, and without marks."""
    value = located.value
    if isinstance(value, dict):
        value = {key: settled(item) for key, item in value.items() if item.tag != RESET}
    elif isinstance(value, list):
        value = [settled(item) for item in value if item.tag != RESET]
    return replace(located, value=value, tag="")


def plain(located: Located) -> Any:
    """The bare data."""
    value = located.value
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value


@dataclass(frozen=True, slots=True, kw_only=True)
class ComposeTree:
    """``tree``: bare data of a whole project. ``origins``: where each path of it was written."""

    tree: Any
    origins: Mapping[Where, Origin] = field(repr=False)
    unresolved: frozenset[Where] = frozenset()

    def origin(self, path: Iterable[str]) -> Origin:
        """Of *path*, or of the nearest thing around it."""
        parts = tuple(path)
        ends = range(len(parts), -1, -1)
        return next(self.origins[parts[:end]] for end in ends if parts[:end] in self.origins)

    def problem(self, path: Iterable[str], message: str) -> Problem:
        """*message* about *path*, with its file and line."""
        parts = tuple(path)
        return self.origin(parts).problem(parts, message)


def compose_tree(root: Located) -> ComposeTree:
    found = dict(_walk(root, ()))
    unresolved = frozenset(path for path, located in found.items() if located.unresolved)
    origins = {path: located.origin for path, located in found.items()}
    return ComposeTree(tree=plain(root), origins=origins, unresolved=unresolved)


def _walk(located: Located, path: Where) -> Iterator[tuple[Where, Located]]:
    yield path, located
    if isinstance(located.value, dict):
        for key, item in located.value.items():
            yield from _walk(item, (*path, key))
    elif isinstance(located.value, list):
        for index, item in enumerate(located.value):
            yield from _walk(item, (*path, str(index)))
