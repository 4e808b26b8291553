# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Top-level ``secrets`` and ``configs`` of a Compose file, with their content (Compose Specification)."""

from __future__ import annotations

from collections.abc import Mapping
from os.path import normpath

from .compose import FileSource
from .node import Node
from .yaml_file import read_file

_EXTERNAL = "there is no store of them outside the file; use 'file'"
KNOWN = ("file", "environment", "content")
UNSUPPORTED = {
    "external": _EXTERNAL,
    "name": _EXTERNAL,
    "labels": "they become files, which have no labels",
    "driver": _EXTERNAL,
    "driver_opts": _EXTERNAL,
    "template_driver": "use variables in 'content'",
}


def read_file_sources(entries: Mapping[str, Node]) -> dict[str, FileSource]:
    return {name: _read(name, item) for name, item in entries.items()}


def _read(name: str, node: Node) -> FileSource:
    """Exactly one key says where the content comes from; no message shows it."""
    fields = node.fields(KNOWN, UNSUPPORTED)
    if len(fields) != 1:
        node.wrong(f"exactly one of {', '.join(KNOWN)} is required")
        return FileSource(name=name, content="")
    kind, item = next(iter(fields.items()))
    if kind == "content":
        return FileSource(name=name, content=item.value if isinstance(item.value, str) else _not_text(item))
    content = _file(item) if kind == "file" else _variable(item)
    return FileSource(name=name, content=content)


def _not_text(node: Node) -> str:
    node.wrong("it must be text")
    return ""


def _file(node: Node) -> str:
    path = node.folder / node.filled()
    if node.path[0] == "configs":
        node.findings.files.texts.add(normpath(path))
    try:
        return read_file(path)
    except OSError as error:
        node.wrong(f"{path} cannot be read: {error.strerror}")
    except UnicodeDecodeError:
        node.wrong(f"{path} is not UTF-8 text, and only text is supported")
    return ""


def _variable(node: Node) -> str:
    name = node.filled()
    if name not in node.variables:
        node.without_value(f"variable {name} has no value")
    return node.variables.get(name, "")
