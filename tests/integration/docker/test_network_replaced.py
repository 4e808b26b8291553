# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks that are made anew on a real engine, below the containers that are on them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.compose import (
    IpamConfig,
    Network,
    PublishedPort,
    ServiceNetwork,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import EngineError
from container_lab import IMAGE, Make, Stack, sleeper

pytestmark = pytest.mark.lab

LAN = Network(name="net_lan", ipam=(IpamConfig(subnet="10.96.0.0/24", ip_range="10.96.0.128/25"),))


def endpoints(stack: Stack) -> dict[str, tuple[Any, ...]]:
    """What must survive its network, by container: its id, and its endpoint on the network ``net_lan``."""
    found = {name: stack.inspect(name) for name in stack.containers()}
    return {name: (one["Id"], *_endpoint(one["NetworkSettings"]["Networks"]["net_lan"])) for name, one in found.items()}


def _endpoint(endpoint: dict[str, Any]) -> tuple[Any, ...]:
    kept = ("IPAddress", "MacAddress", "IPAMConfig", "DriverOpts")
    return (*(endpoint[leaf] for leaf in kept), sorted(endpoint["Aliases"]))


def lan_stack(stack: Make) -> Stack:
    """Two replicas of one service, a container with an address and names of its own, and one that does not run."""
    named = ServiceNetwork(aliases=("gate",), ipv4_address="10.96.0.7", mac_address="02:42:0a:60:00:07")
    mine = stack(
        "net",
        sleeper(
            replicas=2, networks={"lan": ServiceNetwork()}, ports=(PublishedPort(target=80, published="18410-18411"),)
        ),
        sleeper("gate", networks={"lan": named, "default": ServiceNetwork(priority=-1)}),
        sleeper("off", networks={"lan": ServiceNetwork()}),
        networks={"lan": LAN},
    )
    mine.run()
    mine.kill("net-off-1")
    return mine


def test_a_network_that_changes_is_made_anew_and_its_containers_run_on_at_their_addresses(stack: Make) -> None:
    mine = lan_stack(stack)
    before, network = endpoints(mine), mine.client.inspect_network("net_lan")["Id"]
    mine.project = replace(mine.project, networks={**mine.project.networks, "lan": replace(LAN, labels={"a": ""})})
    planned = mine.run()
    assert [(change.action, change.key.name) for change in planned] == [("replace", "net_lan"), ("start", "net-off-1")]
    assert not mine.plan()
    after = endpoints(mine)
    assert after.pop("net-off-1")[0] == before.pop("net-off-1")[0]
    assert after == before
    assert mine.client.inspect_network("net_lan")["Id"] != network
    assert mine.inspect("net-app-1")["NetworkSettings"]["Ports"]["80/tcp"][0]["HostPort"] == "18410"


def test_a_network_that_moves_to_another_subnet_takes_its_containers_along(stack: Make) -> None:
    mine = stack("net", sleeper(replicas=2, networks={"lan": ServiceNetwork()}), networks={"lan": LAN})
    mine.run()
    before = {name: mine.inspect(name)["Id"] for name in mine.containers()}
    moved = replace(LAN, ipam=(IpamConfig(subnet="10.97.0.0/24"),))
    mine.project = replace(mine.project, networks={**mine.project.networks, "lan": moved})
    assert {change.action for change in mine.run()} == {"replace", "update"}
    assert not mine.plan()
    assert {name: mine.inspect(name)["Id"] for name in mine.containers()} == before
    assert all(found[1].startswith("10.97.0.") for found in endpoints(mine).values())


def test_a_network_that_the_engine_refuses_leaves_the_old_one_with_its_containers(stack: Make) -> None:
    mine = lan_stack(stack)
    before = endpoints(mine)
    refused = replace(LAN, driver_opts={"com.docker.network.bridge.name": "a-name-that-is-too-long-for-linux"})
    mine.project = replace(mine.project, networks={**mine.project.networks, "lan": refused})
    with pytest.raises(EngineError, match="net_lan"):
        mine.run()
    assert {name: found[:2] for name, found in endpoints(mine).items() if name != "net-off-1"} == {
        name: found[:2] for name, found in before.items() if name != "net-off-1"
    }
    mine.project = replace(mine.project, networks={**mine.project.networks, "lan": LAN})
    mine.run()
    assert not mine.plan()


def test_a_network_that_the_engine_does_not_let_go_keeps_its_containers(
    stack: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else's container comes in between."""
    mine = lan_stack(stack)
    before = endpoints(mine)
    mine.client.create_container(IMAGE, ["sleep", "3600"], name="theirs")
    mine.client.start("theirs")
    client = type(mine.client)
    remove = client.remove_network

    def late(self: Any, network: str) -> Any:
        self.connect_container_to_network("theirs", network)
        return remove(self, network)

    try:
        mine.project = replace(mine.project, networks={**mine.project.networks, "lan": replace(LAN, labels={"a": ""})})
        monkeypatch.setattr(client, "remove_network", late)
        with pytest.raises(EngineError, match="active endpoints"):
            mine.run()
    finally:
        mine.client.remove_container("theirs", force=True)
    assert {name: (found[0], found[3]) for name, found in endpoints(mine).items()} == {
        name: (found[0], found[3]) for name, found in before.items()
    }
    monkeypatch.undo()
    mine.run()
    assert not mine.plan()


def test_a_run_that_is_killed_while_a_network_is_replaced_is_finished_by_the_next(
    stack: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = lan_stack(stack)
    before = {name: found[0] for name, found in endpoints(mine).items()}
    client = type(mine.client)
    for number, call in enumerate(("remove_network", "create_network", "_post_json")):
        changed = replace(LAN, labels={"n": str(number)})
        mine.project = replace(mine.project, networks={**mine.project.networks, "lan": changed})
        with monkeypatch.context() as patched:
            patched.setattr(client, call, killed)
            with pytest.raises(KeyboardInterrupt):
                mine.run()
        mine.run()
        assert not mine.plan()
        assert {name: mine.inspect(name)["Id"] for name in mine.containers()} == before


def killed(*_given: Any, **_named: Any) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("runs", [True, False], ids=["runs", "is stopped"])
def test_a_network_with_somebody_else_s_container_is_left_as_it_is(runs: bool, stack: Make) -> None:
    mine = stack("guarded", sleeper())
    mine.run()
    endpoint = mine.client.create_networking_config({"guarded_default": mine.client.create_endpoint_config()})
    mine.client.create_container(IMAGE, ["sleep", "60"], name="theirs", networking_config=endpoint)
    try:
        mine.client.start("theirs")
        if not runs:
            mine.kill("theirs")
        network = Network(name="guarded_default", labels={"a": ""})
        mine.project = replace(mine.project, networks={"default": network})
        before = mine.client.inspect_network("guarded_default")
        with pytest.raises(EngineError, match="container theirs of somebody else is attached to it; detach it"):
            mine.run()
        assert mine.client.inspect_network("guarded_default") == before
        mine.client.disconnect_container_from_network("theirs", "guarded_default", force=True)
        assert {change.action for change in mine.run()} == {"replace"}
        assert not mine.plan()
    finally:
        mine.client.remove_container("theirs", force=True)
