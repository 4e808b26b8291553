# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The result of the module as lines for a person."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.strata.kvm_docker.plugins.plugin_utils import table


def change(kind: str, name: str, action: str, guest: str = "") -> dict[str, Any]:
    return {"kind": kind, "name": name, "guest": guest, "action": action, "reason": "it is not there"}


RESULT: dict[str, Any] = {
    "environment": "two_hosts",
    "plan": [change("guest", "web", "create"), change("container", "apps-redis-1", "replace", "apps")],
    "seconds": {"observe": 0.5, "apply": 20.0},
    "guests": [
        {
            "name": "apps",
            "address": "10.80.0.12",
            "engine": "26.1.5",
            "published": [],
            "containers": [
                {"name": "apps-app-1", "state": "running", "health": "healthy", "ports": ["8001->8000", "8002->8000"]},
                {"name": "apps-redis-1", "state": "exited", "health": "", "ports": []},
            ],
        },
        {"name": "web", "address": "10.80.0.11", "engine": "", "containers": [], "published": ["127.0.0.1:8080"]},
    ],
}


def test_guests_containers_and_published_ports_stand_in_aligned_columns() -> None:
    assert table.lines(RESULT) == [
        "two_hosts: 2 changes (1 create, 1 replace) in 20.5 s",
        "",
        "GUEST  ADDRESS     ENGINE  CONTAINER     STATE    HEALTH   PORTS",
        "apps   10.80.0.12  26.1.5  apps-app-1    running  healthy  8001->8000, 8002->8000",
        "                           apps-redis-1  exited",
        "web    10.80.0.11",
        "",
        "127.0.0.1:8080",
    ]


def test_check_mode_lists_what_would_be_changed_and_why() -> None:
    assert table.lines(RESULT, check=True) == [
        "two_hosts: would make 2 changes (1 create, 1 replace) in 20.5 s",
        "  create guest web: it is not there",
        "  replace container apps/apps-redis-1: it is not there",
    ]


def test_a_lock_is_told_when_it_is_written_with_what_moved() -> None:
    moved = [
        {"path": "files.a", "locked": "1", "now": "2"},
        {"path": "files.b", "locked": None, "now": "2"},
        {"path": "files.c", "locked": "1", "now": None},
    ]
    lock = {"path": "/srv/x.lock", "changed": True, "moved": moved, "unknown": []}
    told = ["/srv/x.lock: written", "  files.a: moved", "  files.b: is new", "  files.c: is gone"]
    assert table.lines({**RESULT, "lock": lock, "guests": []})[1:] == told
    assert table.lines({**RESULT, "lock": lock}, check=True)[1] == "/srv/x.lock: would be written"
    assert len(table.lines({**RESULT, "lock": {**lock, "changed": False}, "guests": []})) == 1


def test_an_unchanged_environment_says_so() -> None:
    assert table.headline({**RESULT, "plan": []}, check=True) == "two_hosts: nothing to change in 20.5 s"


@pytest.mark.parametrize("check", [True, False])
def test_what_is_no_longer_declared_is_named_in_one_line(check: bool) -> None:
    orphans = ["container apps/apps-old-1", "network back"]
    assert table.lines({**RESULT, "plan": [], "orphans": orphans}, check)[:2] == [
        "two_hosts: nothing to change in 20.5 s",
        "no longer declared, and left alone (orphans: remove): container apps/apps-old-1, network back",
    ]


@pytest.mark.parametrize("check", [True, False])
def test_guests_whose_engine_was_not_looked_at_are_named(check: bool) -> None:
    told = table.lines({**RESULT, "plan": [], "unobserved": ["apps", "web"]}, check)
    assert told[1] == "engine not looked at: guest apps, web"


def test_an_environment_that_is_gone_has_no_table() -> None:
    assert len(table.lines({**RESULT, "guests": []})) == 1
