# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What modules document that they return, beside what they return."""

from __future__ import annotations

import runpy
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

MODULES = Path(__file__).parents[1] / "collections/ansible_collections/strata/kvm_docker/plugins/modules"
#: Every module has them: https://docs.ansible.com/ansible/latest/reference_appendices/common_return_values.html
COMMON = frozenset({"changed", "deprecations", "diff", "exception", "failed", "invocation", "msg", "warnings"})


@cache
def returns(module: str) -> dict[str, Any]:
    """The section RETURN of *module*."""
    return dict(YAML(typ="safe").load(runpy.run_path(str(MODULES / f"{module}.py"))["RETURN"]))


def undocumented(module: str, result: Mapping[str, Any]) -> list[str]:
    """Keys of *result* that the documentation of *module* does not name: at the top, and one below where it names
    any."""
    documented = returns(module)
    mine = {key: value for key, value in result.items() if key not in COMMON}
    return sorted(key for key in mine if key not in documented) + sorted(set(_below(documented, mine)))


def _below(documented: Mapping[str, Any], result: Mapping[str, Any]) -> Iterator[str]:
    for key in result.keys() & documented.keys():
        known = documented[key].get("contains")
        items = result[key] if isinstance(result[key], list) else [result[key]]
        for item in items if known else []:
            yield from (f"{key}.{name}" for name in item if name not in known)
