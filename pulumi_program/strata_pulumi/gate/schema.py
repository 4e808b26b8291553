# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The provider's schema, as Pulumi's tools read it (Pulumi Package Schema)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from .option import Option, Type
from .resource import Output, Resource
from .resources import RESOURCES
from .site import OPTIONS

NAME = "strata"

_ANY = {"$ref": "pulumi.json#/Any"}


def schema(version: str) -> str:
    """The whole schema as JSON."""
    return json.dumps(
        {
            "name": NAME,
            "version": version,
            "displayName": "Strata",
            "description": "Brings objects of guests and their Docker engines to what a declaration says of them, and "
            "waits for the engines.",
            "license": "GPL-3.0-or-later",
            "config": {"variables": _options(OPTIONS)},
            "provider": {"description": "Where guests are.", "inputProperties": _options(OPTIONS)},
            "resources": {kind: _resource(resource) for kind, resource in RESOURCES.items()},
        }
    )


def _resource(resource: Resource) -> dict[str, Any]:
    echoed = resource.INPUTS if resource.ECHOES else ()
    required = [option.name for option in resource.INPUTS if option.required]
    return {
        "description": resource.ABOUT,
        "inputProperties": _options(resource.INPUTS),
        "requiredInputs": required,
        "properties": _options(echoed) | {name: _output(output) for name, output in resource.OUTPUTS.items()},
        "required": [*(required if resource.ECHOES else ()), *resource.OUTPUTS],
    }


def _options(options: Iterable[Option]) -> dict[str, Any]:
    replaced = {"replaceOnChanges": True}
    return {
        option.name: _typed(option.type, option.items)
        | {"description": option.about}
        | (replaced if option.effect == "replace" else {})
        for option in options
    }


def _output(output: Output) -> dict[str, Any]:
    return _typed(output.type, output.items) | {"description": output.about}


def _typed(kind: Type, items: str | None) -> dict[str, Any]:
    """*items*: type of what is in a list or mapping, where all are of one."""
    inner = {"type": items} if items else _ANY
    within = {"array": {"items": inner}, "object": {"additionalProperties": inner}}
    return {"type": kind, **within.get(kind, {})}
