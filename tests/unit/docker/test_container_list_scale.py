# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What it takes to look at many containers, counted in calls."""

from __future__ import annotations

import time
from typing import Any

import pytest
import simulated_engine
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.compose import Service, ServiceNetwork
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker import container_list
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.container_body import create_body
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.container_list import observe
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.engine import Engine
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.labels import marks
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.model import Declared, Key
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.secrets import Seal
from call_count import calls

FEW = 50


def service(number: int) -> Service:
    return Service(name=f"s{number}", image="app:1", networks={"default": ServiceNetwork()})


class Client:
    """An engine with containers of ours; ``asked`` counts the calls."""

    def __init__(self, count: int) -> None:
        self.asked = 0
        self.inspected: list[str] = []
        self.health: dict[str, str] = {}
        self._found = {f"id{number}": self._container(number) for number in range(count)}

    @staticmethod
    def _container(number: int) -> dict[str, Any]:
        made_as = Declared(Key("container", f"p-s{number}-1"), simulated_engine.spec(service(number)))
        body = create_body(made_as.spec, marks("lab", made_as, Seal()), (1, 41))
        shown = simulated_engine.inspected(body, {"p_default": {}})
        return {**shown, "Id": f"id{number}", "Name": f"/p-s{number}-1"}

    def containers(self, **_filters: Any) -> list[dict[str, Any]]:
        self.asked += 1
        return [
            {
                "Id": identity,
                "Names": [item["Name"]],
                "Labels": item["Config"]["Labels"],
                "State": "running",
                "Status": f"Up {self.asked} seconds{self.health.get(identity, '')}",
            }
            for identity, item in self._found.items()
        ]

    def networks(self) -> list[dict[str, Any]]:
        self.asked += 1
        return [{"Id": "n1", "Name": "p_default"}]

    def images(self) -> list[dict[str, Any]]:
        self.asked += 1
        return []

    def info(self) -> dict[str, Any]:
        self.asked += 1
        return {"SwapLimit": True}

    def inspect_container(self, identity: str) -> dict[str, Any]:
        self.asked += 1
        self.inspected.append(identity)
        return self._found[identity]


def engine(count: int) -> Engine:
    client: Any = Client(count)
    project = simulated_engine.project(*(service(number) for number in range(count)))
    return Engine(guest="apps", environment="lab", client=client, project=project)


def asked(count: int) -> int:
    looked_at: Any = engine(count)
    assert len(observe(looked_at, "lab")) == count
    return int(looked_at.client.asked)


def worked(count: int) -> int:
    looked_at = engine(count)
    return calls(lambda: observe(looked_at, "lab"))


def test_each_further_container_takes_one_call_to_the_engine() -> None:
    assert asked(2 * FEW) - asked(FEW) == FEW


def test_looking_at_twice_as_many_containers_takes_about_twice_the_work() -> None:
    assert worked(2 * FEW) < 2.5 * worked(FEW)


def test_a_second_look_of_a_run_inspects_what_changed_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at: Any = engine(4)
    client = looked_at.client
    first = observe(looked_at, "lab")
    client.inspected.clear()
    assert observe(looked_at, "lab") == first
    assert client.inspected == []

    client.health["id2"] = " (unhealthy)"
    looked_at.looks.pop("id1")
    observe(looked_at, "lab")
    assert sorted(client.inspected) == ["id1", "id2"]

    client.inspected.clear()
    later = time.monotonic() + 6
    monkeypatch.setattr(container_list.time, "monotonic", lambda: later)
    observe(looked_at, "lab")
    assert len(client.inspected) == 4
