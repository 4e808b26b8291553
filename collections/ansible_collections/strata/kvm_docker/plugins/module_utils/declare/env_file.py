# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``env_file`` and ``label_file`` of a service (Compose Specification, "env_file", "label_file"). Reads the files."""

from __future__ import annotations

from os.path import normpath
from pathlib import Path

from .dotenv import read_dotenv, read_raw_env
from .node import Node

KNOWN = ("path", "required", "format")


def read_env_files(node: Node | None) -> dict[str, str]:
    """Values of one file or several, the later ones over the earlier."""
    values: dict[str, str] = {}
    for item in _items(node):
        fields = item.fields(KNOWN) if isinstance(item.value, dict) else {"path": item}
        if "path" not in fields:
            item.wrong("'path' is required")
            continue
        raw = "format" in fields and fields["format"].one_of("raw") == "raw"
        path = item.folder / fields["path"].filled()
        if _is_there(item, path, "required" not in fields or fields["required"].boolean()):
            found, problems = (read_raw_env if raw else read_dotenv)(path, {**values, **item.variables})
            values |= found
            item.findings.files.variables[normpath(path)] = frozenset(found)
            item.findings.wrong.extend(problems)
    return values


def read_label_files(node: Node | None) -> dict[str, str]:
    values: dict[str, str] = {}
    for item in _items(node):
        path = item.folder / item.filled()
        if _is_there(item, path, True):
            found, problems = read_dotenv(path, item.variables)
            values |= found
            item.findings.files.variables[normpath(path)] = frozenset(found)
            item.findings.wrong.extend(problems)
    return values


def _items(node: Node | None) -> list[Node]:
    if node is None:
        return []
    return node.items() if isinstance(node.value, list) else [node]


def _is_there(node: Node, path: Path, required: bool) -> bool:
    if path.is_file():
        return True
    if required:
        node.wrong(f"there is no file {path}")
    return False
