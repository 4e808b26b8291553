# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The three-way comparison: what counts as a difference, and who caused it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.diff import differences, leaves
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.model import (
    Declared,
    Difference,
    Effect,
    Key,
    Observed,
)

KEY = Key("container", "app-1", "web")


def compare(
    declared: dict[str, Any], applied: dict[str, Any] | None, observed: dict[str, Any], exact: bool = False
) -> list[tuple[str, ...]]:
    item = Declared(KEY, declared, exact=exact)
    found = differences(item, Observed(KEY, observed, applied), lambda _: Effect.IN_PLACE)
    return [(".".join(difference.path), difference.cause) for difference in found]


def test_equal_specs_have_no_differences() -> None:
    spec = {"memory": 1, "labels": {"a": "b"}, "command": ["x", "y"]}
    assert compare(spec, spec, spec) == []


def test_a_new_value_in_the_declaration_is_caused_by_the_declaration() -> None:
    assert compare({"memory": 2}, {"memory": 1}, {"memory": 1}) == [("memory", "declaration")]


def test_a_value_changed_behind_our_back_is_drift() -> None:
    assert compare({"memory": 1}, {"memory": 1}, {"memory": 7}) == [("memory", "drift")]


def test_a_leaf_removed_from_the_declaration_is_noticed() -> None:
    assert compare({"env": {"A": "1"}}, {"env": {"A": "1", "B": "2"}}, {"env": {"A": "1", "B": "2"}}) == [
        ("env.B", "declaration")
    ]


def test_a_mapping_removed_from_the_declaration_is_noticed_leaf_by_leaf() -> None:
    assert compare({}, {"env": {"A": "1"}}, {"env": {"A": "1"}}) == [("env.A", "declaration")]


def test_a_mapping_that_became_empty_is_noticed_leaf_by_leaf() -> None:
    assert compare({"env": {}}, {"env": {"A": "1"}}, {"env": {"A": "1"}}) == [("env.A", "declaration")]


def test_a_removed_leaf_that_is_already_unset_is_no_difference() -> None:
    assert compare({}, {"memory": 5}, {"memory": 0}) == []


def test_a_default_that_nobody_asked_for_is_no_difference() -> None:
    assert compare({"memory": 1}, {"memory": 1}, {"memory": 1, "driver": "bridge"}) == []


@pytest.mark.parametrize("unset", [None, "", 0, False, [], {}])
def test_every_way_of_saying_unset_equals_absent(unset: Any) -> None:
    assert compare({"x": unset}, None, {}) == []


@pytest.mark.parametrize("value", ["", 0, False, []])
def test_of_a_spec_that_is_compared_exactly_no_value_equals_absent(value: Any) -> None:
    assert compare({"x": value}, None, {}, exact=True) == [("x", "declaration")]
    assert compare({}, {"x": value}, {"x": value}, exact=True) == [("x", "declaration")]
    assert compare({"x": value}, {"x": value}, {"x": value}, exact=True) == []


def test_an_empty_mapping_of_a_spec_that_is_compared_exactly_is_as_good_as_none() -> None:
    assert compare({"x": {}}, None, {}, exact=True) == []
    assert compare({"x": {}}, {"x": {"a": 1}}, {"x": {}}, exact=True) == []


def test_true_and_one_are_different_values() -> None:
    assert compare({"x": True}, None, {"x": 1}) == [("x", "declaration")]


def test_tuples_and_lists_of_equal_values_are_equal() -> None:
    assert compare({"x": ("a", "b")}, None, {"x": ["a", "b"]}) == []


def test_an_empty_mapping_is_a_leaf() -> None:
    assert list(leaves({"a": {}, "b": {"c": 1}})) == [(("a",), {}), (("b", "c"), 1)]


def test_a_sensitive_leaf_is_never_shown() -> None:
    declared = Declared(KEY, {"env": {"PASSWORD": "hunter2"}}, sensitive=frozenset({("env",)}))
    (difference,) = differences(declared, Observed(KEY, {"env": {"PASSWORD": "old"}}), lambda _: Effect.REPLACE)
    assert "hunter2" not in str(difference)
    assert "old" not in str(difference)


def test_a_secret_that_left_the_declaration_is_never_shown_either() -> None:
    observed = Observed(KEY, {"env": {"PASSWORD": "hunter2"}}, {"env": {"PASSWORD": "hunter2"}})
    observed = replace(observed, sensitive=frozenset({("env", "PASSWORD")}))
    (difference,) = differences(Declared(KEY, {}), observed, lambda _: Effect.REPLACE)
    assert "hunter2" not in str(difference)


def test_what_decides_the_effect_is_already_masked() -> None:
    shown: list[str] = []

    def effect(difference: Difference) -> Effect:
        shown.append(str(difference))
        return Effect.REPLACE

    declared = Declared(KEY, {"password": "hunter2"}, sensitive=frozenset({("password",)}))
    differences(declared, Observed(KEY, {}), effect)
    assert shown
    assert "hunter2" not in "".join(shown)
