# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What modules say that they return: what several of them return is in the same words, as no fragment can hold it."""

from __future__ import annotations

import importlib
from typing import Any

import pytest
from module_docs import MODULES, returns, undocumented

NAMES = sorted(path.stem for path in MODULES.glob("*.py") if path.stem != "__init__")
#: What keeps a guest or an environment as it is makes no plan of a layer.
CHANGING = [name for name in NAMES if name not in ("snapshot", "checkpoint")]


def options(name: str) -> dict[str, Any]:
    module = importlib.import_module(f"ansible_collections.strata.kvm_docker.plugins.modules.{name}")
    return dict(module.ARGUMENT_SPEC)


@pytest.mark.parametrize("name", [name for name in CHANGING if "lock_timeout" in options(name)])
def test_a_module_that_applies_a_plan_tells_of_orphans_mistakes_and_failures(name: str) -> None:
    assert {"plan", "orphans", "problems", "failures"} <= returns(name).keys()


@pytest.mark.parametrize("key", ["problems", "failures"])
def test_what_an_error_tells_is_told_in_the_same_words_by_every_module(key: str) -> None:
    told = [returns(name)[key] for name in NAMES if key in returns(name)]
    assert len(told) > 5
    assert all(one == told[0] for one in told)


@pytest.mark.parametrize("name", [name for name in NAMES if "contains" in returns(name).get("plan", {})])
def test_every_plan_has_the_same_keys(name: str) -> None:
    keys = ["kind", "name", "guest", "action", "reason", "differences"]
    assert list(returns(name)["plan"]["contains"]) == keys


def test_a_key_that_is_not_documented_is_found_at_the_top_and_one_below() -> None:
    result = {"changed": True, "embedded": True, "plan": [{"kind": "disk", "colour": "red"}], "disk": {"weight": 1}}
    assert undocumented("disk", result) == ["embedded", "disk.weight", "plan.colour"]
