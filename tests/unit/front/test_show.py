# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A plan as data and as diffs: complete, in JSON's types, and without secrets."""

from __future__ import annotations

import json
from ipaddress import IPv4Address

from ansible_collections.strata.kvm_docker.plugins.module_utils.plan import show
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.model import (
    Action,
    Change,
    Declared,
    Difference,
    Key,
    Observed,
    Plan,
)

GUEST = Key("guest", "web")
APP = Key("container", "apps-app-1", "apps")
SECRET = ("env", "PASSWORD")


def created(declared: Declared) -> Plan:
    return Plan((Change(declared.key, "create", "it is not there", declared=declared),))


def changed(*differences: Difference, action: Action = "replace") -> Plan:
    return Plan((Change(APP, action, "declaration changed", differences),))


def test_an_object_that_is_made_is_shown_whole() -> None:
    spec = {"memory": 1024, "networks": {"lan": IPv4Address("10.80.0.11")}, "ports": (80, 443), "firmware": None}
    (entry,) = show.as_diff(created(Declared(GUEST, spec)))
    assert entry["before"] == ""
    assert entry["after"] == {"memory": 1024, "networks": {"lan": "10.80.0.11"}, "ports": [80, 443]}
    assert entry["after_header"] == "guest web (create: it is not there)"


def test_a_changed_object_is_shown_by_the_leaves_that_differ() -> None:
    (entry,) = show.as_diff(changed(Difference(("limits", "memory"), 1, 2, "declaration")))
    assert (entry["before"], entry["after"]) == ({"limits": {"memory": 1}}, {"limits": {"memory": 2}})


def test_a_leaf_that_goes_away_is_missing_after() -> None:
    (entry,) = show.as_diff(changed(Difference(("user",), "root", None, "declaration")))
    assert (entry["before"], entry["after"]) == ({"user": "root"}, {})


def test_an_object_that_starts_is_shown_running() -> None:
    (entry,) = show.as_diff(Plan((Change(GUEST, "start", "it is off"),)))
    assert (entry["before"], entry["after"]) == ({"running": False}, {"running": True})


def test_a_replacement_without_a_difference_of_its_own_says_why() -> None:
    (entry,) = show.as_diff(Plan((Change(APP, "replace", "its network is replaced"),)))
    assert entry == {"prepared": "replace container apps/apps-app-1: its network is replaced\n"}


def test_no_secret_is_shown_when_an_object_is_made_changed_or_deleted() -> None:
    declared = Declared(APP, {"env": {"PASSWORD": "hunter2"}}, sensitive=frozenset({("env",)}))
    observed = Observed(APP, {"env": {"PASSWORD": "hunter2"}})
    difference = Difference(SECRET, "hunter2", "hunter2new", "drift", sensitive=True)
    plans = [
        created(declared),
        changed(difference),
        Plan((Change(APP, "delete", "no longer declared", observed=observed),)),
    ]
    for plan in plans:
        assert "hunter2" not in json.dumps([show.as_diff(plan), show.as_data(plan)])


def test_the_diff_of_a_changed_secret_tells_that_it_changed() -> None:
    (entry,) = show.as_diff(changed(Difference(SECRET, "old", "new", "declaration", sensitive=True)))
    assert entry["before"] != entry["after"]


def test_the_data_of_a_change_names_object_action_and_reason() -> None:
    (item,) = show.as_data(changed(Difference(("user",), None, "app", "drift")))
    assert item == {
        "kind": "container",
        "name": "apps-app-1",
        "guest": "apps",
        "action": "replace",
        "reason": "declaration changed",
        "differences": [{"path": "user", "before": None, "after": "app", "cause": "drift", "effect": "replace"}],
    }


def test_the_summary_counts_actions() -> None:
    assert show.summary(created(Declared(GUEST, {}))) == "1 change: 1 create"
    assert show.summary(Plan()) == "no changes"
