# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""JSON Schema of the declaration, for editors; generated from the model.

``python -m ansible_collections.strata.kvm_docker.plugins.module_utils.declare.schema > schema/environment.schema.json``
"""

from __future__ import annotations

import ast
import inspect
import json
import sys
from collections.abc import Mapping
from typing import Any

from . import environment
from .environment import Environment
from .read import PLUGIN
from .words import FILLED

_DRAFT = "https://json-schema.org/draft/2020-12/schema"


def json_schema() -> dict[str, Any]:
    """The schema of what a person writes: with the plugin's name, without what the reader fills in."""
    from pydantic import TypeAdapter

    schema = TypeAdapter(Environment).json_schema()
    definitions = schema.pop("$defs")
    for name, definition in {**definitions, "Environment": schema}.items():
        _describe(definition, _docstrings(getattr(environment, name)))
        _remove(definition, FILLED.get(name, frozenset()))
    plugin = {"const": PLUGIN, "description": "Says to Ansible whose inventory source this file is."}
    properties = {"plugin": plugin, **schema.pop("properties")}
    return {
        "$schema": _DRAFT,
        **schema,
        "title": "Strata environment",
        "required": ["plugin", *schema["required"]],
        "properties": properties,
        "$defs": {name: definitions[name] for name in sorted(definitions)},
    }


def _describe(definition: dict[str, Any], docstrings: Mapping[str, str]) -> None:
    """Docstrings of attributes as descriptions; titles that only repeat the key and empty defaults go."""
    for name, attribute in definition["properties"].items():
        attribute.pop("title", None)
        if "patternProperties" in attribute:
            attribute["additionalProperties"] = False
        if attribute.get("default", ...) is None:
            _without_null(attribute)
        if name in docstrings:
            attribute["description"] = docstrings[name]
    definition["description"] = definition["description"].replace("``", "`")


def _without_null(attribute: dict[str, Any]) -> None:
    """A key that may be left out need not be written as null."""
    del attribute["default"]
    choices = [choice for choice in attribute.pop("anyOf", []) if choice != {"type": "null"}]
    if len(choices) == 1:
        attribute.update(choices[0])
    elif choices:
        attribute["anyOf"] = choices


def _remove(definition: dict[str, Any], filled: frozenset[str]) -> None:
    for name in filled:
        del definition["properties"][name]
        definition["required"].remove(name)


def _docstrings(model: type) -> dict[str, str]:
    """The text below each attribute of *model*, which Python itself does not keep."""
    body = ast.parse(inspect.getsource(model)).body[0]
    if not isinstance(body, ast.ClassDef):
        raise AssertionError(f"{model} is no class")
    return {
        before.target.id: " ".join(text.value.value.split()).replace("``", "`")
        for before, text in zip(body.body, body.body[1:], strict=False)
        if isinstance(before, ast.AnnAssign) and isinstance(before.target, ast.Name)
        if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant) and isinstance(text.value.value, str)
    }


def rendered() -> str:
    """The schema as the committed file has it."""
    return json.dumps(json_schema(), indent=2) + "\n"


if __name__ == "__main__":
    sys.stdout.write(rendered())
