# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``include``: other Compose applications as parts of this one (Compose Specification, "Include"). No I/O."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..errors import Problem
from .located import Located, plain
from .words import shown, unknown_key

SECTIONS = ("services", "networks", "volumes", "secrets", "configs")
_KNOWN = ("path", "project_directory", "env_file")
_URL = ("http://", "https://", "git@", "oci://")


@dataclass(frozen=True, slots=True, kw_only=True)
class Included:
    """One entry: files of which later ones are merged over the first, their folder, and where variables come from."""

    entry: Located
    files: tuple[Path, ...]
    folder: Path
    env_files: tuple[Path, ...]
    """Empty for the ``.env`` of the folder, if there is one."""


def read_includes(root: Located, problems: list[Problem]) -> Iterator[Included]:
    written = root.value.get("include") if isinstance(root.value, dict) else None
    if written is None or written.value is None:
        return
    if not isinstance(written.value, list):
        problems.append(written.origin.problem(("include",), f"it must be a list; it is {shown(written.value)}"))
        return
    for index, entry in enumerate(written.value):
        found = _read_entry(entry, ("include", str(index)), problems)
        if found:
            yield found


def _read_entry(entry: Located, path: tuple[str, ...], problems: list[Problem]) -> Included | None:
    fields = entry.value if isinstance(entry.value, dict) else {"path": entry}
    for key in fields.keys() - {*_KNOWN}:
        problems.append(fields[key].origin.problem((*path, key), unknown_key(key, _KNOWN)))
    parts = {key: _paths(fields[key]) if key in fields else () for key in _KNOWN}
    if not parts["path"] or None in parts.values() or len(parts["project_directory"] or ()) > 1:
        message = "'path' is required: a file or a list; 'project_directory' is a folder, 'env_file' a file or a list"
        problems.append(entry.origin.problem(path, message))
        return None
    files, folders, env_files = (tuple(Path(item) for item in part or ()) for part in parts.values())
    if str(plain(entry)).startswith(_URL):
        problems.append(entry.origin.problem(path, "only files can be included; fetch it first and write its path"))
        return None
    return Included(entry=entry, files=files, folder=folders[0] if folders else files[0].parent, env_files=env_files)


def _paths(located: Located) -> tuple[str, ...] | None:
    """Absolute paths of one or more; none at all where it is no text."""
    items = located.value if isinstance(located.value, list) else [located]
    if not all(isinstance(item.value, str) and item.value for item in items):
        return None
    return tuple(os.path.normpath(os.path.join(item.origin.folder, item.value)) for item in items)


def joined(root: Located, included: Located, problems: list[Problem]) -> Located:
    """*root* with the resources of *included*; one of another meaning with the same name is refused."""
    if not isinstance(root.value, dict) or not isinstance(included.value, dict):
        return root
    result = dict(root.value)
    for section in SECTIONS:
        new, own = included.part(section), root.part(section)
        for name in new.keys() & own.keys():
            if plain(new[name]) != plain(own[name]):
                there = f"{new[name].origin.file}:{new[name].origin.line}"
                message = f"{there}, which is included, has {section[:-1]} {name!r} too; rename one of them"
                problems.append(own[name].origin.problem((section, name), message))
        if new:
            around = root.value.get(section) or included.value[section]
            result[section] = around.with_value({**new, **own})
    return root.with_value(result)
