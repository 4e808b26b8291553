# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/declaration.md against the model: every key in its own table, with its default, and none that there is not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any, get_args, get_origin, get_type_hints

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare import (
    compose,
    environment,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.read import PLUGIN
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.scalars import SIZES, parse_bytes
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.words import FILLED
from pages import page

PAGE = page("declaration.md")


def parts(model: type, path: str = "") -> Iterator[tuple[str, type]]:
    """(path, class) of *model* and all that is below it; names that people choose are ``<name>``."""
    yield path, model
    for key, hint in get_type_hints(model, include_extras=True).items():
        for inner, below in _inner(hint):
            if below is not compose.Project and not key.startswith("_"):
                yield from parts(below, f"{path}.{key}{inner}".lstrip("."))


def _inner(hint: Any, suffix: str = "") -> Iterator[tuple[str, type]]:
    if isinstance(hint, type) and is_dataclass(hint):
        yield suffix, hint
    elif get_origin(hint) is Mapping:
        yield from _inner(get_args(hint)[1], f"{suffix}.<name>")
    else:
        for argument in get_args(hint):
            yield from _inner(argument, suffix)


PARTS = dict(parts(environment.Environment))


def heading(path: str) -> str:
    return f"`{path}`" if path else "Top level"


def default(field: Field[Any], model: type) -> Any:
    """As a table writes it."""
    if field.default is MISSING and field.default_factory is MISSING:
        return "required"
    value = field.default
    if value in (MISSING, None, ()):
        return "none"
    if get_type_hints(model, include_extras=True)[field.name] in SIZES:
        return ("size", value)
    return str(value)


def written(cell: str, expected: Any) -> Any:
    text = cell.strip("`")
    return ("size", parse_bytes(text)) if isinstance(expected, tuple) else text


def test_the_page_has_a_table_for_each_part_of_the_model() -> None:
    assert len(PARTS) == 18
    assert [path for path in PARTS if not PAGE.section(heading(path))] == []


@pytest.mark.parametrize("path", PARTS, ids=lambda path: path or "top")
def test_each_table_has_the_keys_and_defaults_of_the_model(path: str) -> None:
    model = PARTS[path]
    expected = {
        field.name: default(field, model) for field in fields(model) if field.name not in FILLED.get(model.__name__, ())
    }
    if not path:
        expected = {"plugin": "required", **expected}
    rows = {row[0].strip("`"): row for row in PAGE.rows(heading(path))}
    assert {key: written(rows[key][1], expected.get(key)) for key in rows} == expected
    assert [key for key, row in rows.items() if len(row) < 3 or not row[2]] == []


def test_the_page_names_the_plugin() -> None:
    assert f"`{PLUGIN}`" in PAGE.text
