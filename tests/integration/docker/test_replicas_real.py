# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Replicas on a real engine: one after the other, fewer of them, others' names, ports and addresses."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.compose import (
    IpamConfig,
    Network,
    PublishedPort,
    ServiceNetwork,
    UpdateConfig,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.replicas import replicas
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.model import Key
from container_lab import GUEST, HEALTHY, Make, sleeper

pytestmark = pytest.mark.lab


def test_another_replica_runs_while_one_is_replaced(stack: Make) -> None:
    mine = stack("roll", sleeper(replicas=2, healthcheck=HEALTHY))
    mine.run()
    for name in mine.containers():
        mine.settle(name)
    send, up = mine.client.send, []

    def watched(request: Any, **options: Any) -> Any:
        answer = send(request, **options)
        if request.method != "GET":
            rows = mine.client.containers(filters={"label": "strata.environment=roll"})
            up.append(sum("(healthy)" in row["Status"] for row in rows))
        return answer

    mine.change("app", environment={"VERSION": "2"}, update_config=UpdateConfig(delay=0.1))
    mine.client.send = watched
    try:
        planned = mine.run()
    finally:
        del mine.client.send  # the class's own is seen again
    assert [change.action for change in planned] == ["replace", "replace"]
    assert min(up) == 1
    assert not mine.plan()


def test_two_containers_swap_their_ports_and_addresses(stack: Make) -> None:
    def service(name: str, port: int, address: str) -> Any:
        return sleeper(
            name,
            ports=(PublishedPort(target=80, published=str(port)),),
            networks={"lan": ServiceNetwork(ipv4_address=address)},
        )

    lan = {"lan": Network(name="swap_lan", ipam=(IpamConfig(subnet="10.95.0.0/24"),))}
    mine = stack("swap", service("a", 18301, "10.95.0.11"), service("b", 18302, "10.95.0.12"), networks=lan)
    mine.run()
    swapped = (service("a", 18302, "10.95.0.12"), service("b", 18301, "10.95.0.11"))
    mine.project = replace(mine.project, services={item.name: item for item in swapped})
    mine.run()
    assert not mine.plan()
    again = [
        replace(item, networks={"lan": ServiceNetwork(ipv4_address=f"10.95.0.{last}")})
        for item, last in zip(swapped, (11, 12), strict=True)
    ]
    mine.project = replace(mine.project, services={item.name: item for item in again})
    assert {change.action for change in mine.run()} == {"update"}
    assert not mine.plan()


def test_a_replica_beyond_the_declared_number_goes_and_the_others_run_on(stack: Make) -> None:
    mine = stack("scale", sleeper(replicas=3), sleeper("old"))
    mine.run()
    before = mine.inspect("scale-app-1")["State"]
    mine.project = replace(mine.project, services={"app": replace(mine.project.services["app"], replicas=1)})
    planned = mine.run()
    assert [str(change) for change in planned] == [
        f"delete container apps/scale-app-{index}: app has 1 replica now" for index in (2, 3)
    ]
    assert planned.orphans == (Key("container", "scale-old-1", GUEST),)
    assert mine.containers() == {"scale-app-1": "running", "scale-old-1": "running"}
    assert mine.inspect("scale-app-1")["State"] == before
    assert not mine.plan()
    mine.change("app", replicas=0)
    assert [change.reason for change in mine.run()] == ["app has 0 replicas now"]


@pytest.mark.parametrize(
    "fields", [{"replicas": 2}, {"container_name": "scale-other"}, {"container_name": None}], ids=str
)
def test_a_container_of_another_name_gives_its_port_and_address_to_those_of_the_new_one(
    fields: dict[str, Any], stack: Make
) -> None:
    lan = {"lan": Network(name="scale_lan", ipam=(IpamConfig(subnet="10.97.0.0/29"),))}
    ports = (PublishedPort(target=80, published="18310-18311"),)
    mine = stack(
        "scale", sleeper(container_name="scale-app", ports=ports, networks={"lan": ServiceNetwork()}), networks=lan
    )
    mine.run()
    mine.change("app", **fields)
    made = replicas(mine.project)
    assert [(change.action, change.key.name) for change in mine.run()] == [
        ("delete", "scale-app"),
        *(("create", name) for name in made),
    ]
    assert mine.containers() == dict.fromkeys(made, "running")
    assert not mine.plan()


def test_a_container_that_somebody_renamed_is_an_orphan_whatever_its_number(stack: Make) -> None:
    mine = stack("scale", sleeper(replicas=2))
    mine.run()
    for index in (1, 2):
        mine.client.rename(f"scale-app-{index}", f"aside-{index}")
    mine.change("app", replicas=1)
    planned = mine.run()
    assert [str(change) for change in planned] == ["create container apps/scale-app-1: not there"]
    assert [key.name for key in planned.orphans] == ["aside-1", "aside-2"]
    mine.run(remove_orphans=True)
    assert mine.containers() == {"scale-app-1": "running"}
