# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A plan read as a report of drift, and the policies for it."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.environment import DriftRule
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.drift import findings, policy_of, table
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.model import (
    Declared,
    Difference,
    Effect,
    Key,
    Observed,
    Plan,
    Policy,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.resources import plan

APP = Key("container", "app-1", "apps")


def rule(object: str, path: str, policy: Policy) -> DriftRule:
    return DriftRule(object=object, path=path, policy=policy)


def effect(_key: Key, difference: Difference) -> Effect:
    return Effect.IN_PLACE if difference.path == ("memory",) else Effect.REPLACE


def planned(spec: Any, found: Observed | None, *rules: DriftRule, **fields: Any) -> Plan:
    declared = Declared(APP, spec, **fields)
    return plan([declared], [found] if found else [], effect, policy=policy_of(rules))


def states(plan: Plan) -> list[tuple[str, str, list[str]]]:
    return [
        (finding.state, finding.effect, [".".join(item.path) for item in finding.differences])
        for finding in findings(plan)
    ]


def test_an_edited_leaf_is_drift_and_a_new_declaration_is_pending() -> None:
    found = Observed(APP, {"memory": 64, "image": "old"}, applied={"memory": 128, "image": "old"})
    made = planned({"memory": 128, "image": "new"}, found)
    assert states(made) == [("changed", "in place", ["memory"]), ("pending", "replace", ["image"])]


@pytest.mark.parametrize(
    ("found", "state"),
    [
        (None, "missing"),
        (Observed(APP, {"memory": 1}, applied={"memory": 1}, running=False), "stopped"),
        (Observed(APP, {"memory": 1}, broken="half-made"), "broken"),
    ],
)
def test_an_object_that_is_missing_stopped_or_broken_is_told_as_such(found: Observed | None, state: str) -> None:
    made = findings(planned({"memory": 1}, found))
    assert [(finding.state, finding.is_drift) for finding in made] == [(state, True)]


@pytest.mark.parametrize(("remove", "policy"), [(False, "report"), (True, "repair")])
def test_an_orphan_is_undeclared_and_no_drift_as_its_mark_proves_that_we_made_it(remove: bool, policy: str) -> None:
    made = plan([], [Observed(APP, {})], effect, remove_orphans=remove)
    assert [(finding.state, finding.key, finding.policy, finding.is_drift) for finding in findings(made)] == [
        ("undeclared", APP, policy, False)
    ]


def test_a_surplus_is_no_drift_as_a_declaration_wants_it_gone() -> None:
    made = plan([], [Observed(APP, {}, surplus="app has 0 replicas now")], effect)
    assert [(finding.state, finding.is_drift, finding.effect) for finding in findings(made)] == [
        ("pending", False, "delete")
    ]


@pytest.mark.parametrize(("policy", "changes", "found"), [("repair", 1, 1), ("report", 0, 1), ("ignore", 0, 0)])
def test_a_policy_says_whether_drift_is_repaired_and_told(policy: Policy, changes: int, found: int) -> None:
    drifted = Observed(APP, {"memory": 64}, applied={"memory": 128})
    made = planned({"memory": 128}, drifted, rule("container apps/*", "mem*", policy))
    assert (len(made.changes), [(each.state, each.policy) for each in findings(made)]) == (
        changes,
        [("changed", policy)] * found,
    )


def test_a_policy_is_about_drift_and_not_about_a_new_declaration() -> None:
    found = Observed(APP, {"memory": 64}, applied={"memory": 64})
    made = planned({"memory": 128}, found, rule("*", "*", "ignore"))
    assert [str(change) for change in made] == ["update container apps/app-1: memory changed"]


def test_whether_an_object_runs_is_a_leaf_to_policies() -> None:
    stopped = Observed(APP, {"memory": 1}, applied={"memory": 1}, running=False)
    assert not planned({"memory": 1}, stopped, rule("*", "running", "ignore"))
    assert states(planned({"memory": 1}, stopped, rule("*", "running", "report"))) == [
        ("changed", "in place", ["running"])
    ]


def test_the_first_rule_that_matches_decides() -> None:
    policy = policy_of([rule("guest *", "*", "ignore"), rule("*", "memory", "report"), rule("*", "*", "ignore")])
    memory = Difference(("memory",), 1, 2, "drift")
    assert [policy(APP, memory), policy(Key("guest", "web"), memory)] == ["report", "ignore"]
    assert policy_of([])(APP, memory) == "repair"


def test_a_table_and_data_never_show_a_secret() -> None:
    found = Observed(APP, {"env": {"TOKEN": "hunter2"}}, applied={"env": {"TOKEN": "swordfish"}})
    made = findings(planned({"env": {"TOKEN": "swordfish"}}, found, sensitive=frozenset({("env", "TOKEN")})))
    shown = f"{table(made)} {[finding.as_data() for finding in made]}"
    assert "env.TOKEN" in shown
    assert "hunter2" not in shown
    assert "swordfish" not in shown
