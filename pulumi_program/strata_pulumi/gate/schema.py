# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The provider's schema, as Pulumi's tools read it (Pulumi Package Schema)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from .engine import INPUTS, OUTPUTS, TYPE, Output
from .option import Option
from .site import OPTIONS

NAME = "strata"


def schema(version: str) -> str:
    """The whole schema as JSON."""
    return json.dumps(
        {
            "name": NAME,
            "version": version,
            "displayName": "Strata",
            "description": "Waits for the Docker engines of guests, and tells when they are gone.",
            "license": "GPL-3.0-or-later",
            "config": {"variables": _options(OPTIONS)},
            "provider": {"description": "Where guests are.", "inputProperties": _options(OPTIONS)},
            "resources": {TYPE: _engine()},
        }
    )


def _engine() -> dict[str, Any]:
    return {
        "description": "The Docker engine of a guest, which is there once it answers by SSH.",
        "inputProperties": _options(INPUTS),
        "requiredInputs": [option.name for option in INPUTS if option.required],
        "properties": {name: _output(output) for name, output in OUTPUTS.items()},
        "required": list(OUTPUTS),
    }


def _options(options: Iterable[Option]) -> dict[str, Any]:
    replaced = {"replaceOnChanges": True}
    return {
        option.name: {"type": option.type, "description": option.about}
        | (replaced if option.effect == "replace" else {})
        for option in options
    }


def _output(output: Output) -> dict[str, Any]:
    kind: dict[str, Any] = {"type": "array", "items": {"type": output.items}} if output.items else {"type": "string"}
    return {**kind, "description": output.about}
