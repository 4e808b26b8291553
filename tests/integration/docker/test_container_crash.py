# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run that is killed at any call to the engine leaves what the next run brings to its end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import count
from typing import Any

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.compose import (
    IpamConfig,
    Mount,
    Network,
    PublishedPort,
    Service,
    ServiceNetwork,
    UpdateConfig,
    Volume,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.unnamed_volumes import volume_name
from container_lab import HEALTHY, IMAGE, SLEEP, Stack, sleeper

pytestmark = pytest.mark.lab


class Killed(BaseException):
    """Stands for SIGKILL: nothing handles it."""


class KillAfter:
    """Kills the run when its *call*-th changing request was answered, so also before the one that would follow."""

    def __init__(self, client: Any, call: int) -> None:
        self._client, self._call = client, call
        self._send = client.send
        self.calls: list[str] = []

    def __enter__(self) -> KillAfter:
        self._client.send = self._counted
        return self

    def __exit__(self, *_error: object) -> None:
        del self._client.send  # the class's own is seen again

    def _counted(self, request: Any, **options: Any) -> Any:
        answer = self._send(request, **options)
        if request.method != "GET":
            self.calls.append(f"{request.method} {request.path_url}")
            if len(self.calls) == self._call:
                raise Killed
        return answer


NETWORKS = {
    "default": Network(name="crash_default"),
    "lan": Network(name="crash_lan", ipam=(IpamConfig(subnet="10.92.0.0/24"),)),
}
ON_BOTH = {"default": ServiceNetwork(), "lan": ServiceNetwork(aliases=("web",))}


APP = sleeper(
    networks=ON_BOTH,
    ports=(PublishedPort(target=80, published="18100"),),
    mounts=(Mount(type="volume", target="/unnamed"), Mount(type="volume", source="data", target="/data")),
    healthcheck=HEALTHY,
    stop_signal="SIGKILL",
)
BESIDE = replace(APP, networks={"default": ServiceNetwork()}, ports=(), update_config=UpdateConfig(order="start-first"))
LIMITED = replace(APP, mem_limit=64 * 1024**2)
LESS_LIMITED = replace(
    APP,
    mem_limit=96 * 1024**2,
    restart="always",
    networks={"default": ServiceNetwork(), "lan": ServiceNetwork(aliases=("web", "www"))},
)
OTHER_SUBNET = {**NETWORKS, "lan": Network(name="crash_lan", ipam=(IpamConfig(subnet="10.93.0.0/24"),))}
VERSION = {"VERSION": "2"}

#: Name -> what is declared first and then, of services, networks and volumes.
CHANGES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "a replacement": ({"services": {"app": APP}}, {"services": {"app": replace(APP, environment=VERSION)}}),
    "a replacement beside": (
        {"services": {"app": BESIDE}},
        {"services": {"app": replace(BESIDE, environment=VERSION)}},
    ),
    "an update in place": (
        {"services": {"app": LIMITED}},
        {"services": {"app": LESS_LIMITED}},
    ),
    "a creation": ({"services": {}}, {"services": {"app": APP}}),
    "a removal": ({"services": {"app": APP}}, {"services": {}, "volumes": {}}),
    "another subnet": ({"networks": NETWORKS}, {"networks": OTHER_SUBNET}),
}


@pytest.mark.parametrize("taken_back", [False, True], ids=["goes on", "is taken back"])
@pytest.mark.parametrize("change", CHANGES)
def test_a_killed_run_is_brought_to_its_end(change: str, taken_back: bool, stack: Callable[..., Stack]) -> None:
    mine = stack("crash", APP, networks=NETWORKS, volumes={"data": Volume(name="crash_data")})
    first, second = (replace(mine.project, **fields) for fields in CHANGES[change])
    symmetric = change not in ("a creation", "a removal")
    for call in count(1):
        mine.project = first
        if call == 1 or not (symmetric or taken_back):
            mine.run(remove_orphans=True)
        mine.project = second
        try:
            with KillAfter(mine.client, call) as kill:
                mine.run(remove_orphans=True)
        except Killed:
            mine.project = first if taken_back else second
            mine.run(remove_orphans=True)
            assert_converged(mine, kill.calls)
        else:
            assert call > 2
            return
        if symmetric and not taken_back:
            first, second = second, first


@pytest.mark.parametrize("service", [APP, BESIDE], ids=["after", "beside"])
def test_a_killed_adoption_is_brought_to_its_end(service: Service, stack: Callable[..., Stack]) -> None:
    name = "crash-app-1"
    mine = stack("crash", service, networks=NETWORKS, volumes={"data": Volume(name="crash_data")})
    for call in count(1):
        mine.remove()
        mine.client.create_container(IMAGE, SLEEP, name=name, entrypoint=[])
        mine.client.start(name)
        try:
            with KillAfter(mine.client, call) as kill:
                mine.run(adopt=True)
        except Killed:
            mine.run(adopt=True)
            assert_converged(mine, kill.calls)
            assert not [row for row in mine.client.containers(all=True) if f"/{name}.strata-old" in row["Names"]]
        else:
            return
        finally:
            mine.client.remove_container(name, force=True)


def assert_converged(stack: Stack, calls: list[str]) -> None:
    """Nothing is left to do, and there is nothing but what is declared."""
    assert not stack.plan(), calls
    assert not stack.plan().orphans, calls
    containers = {item.key.name: "running" for item in stack.declared() if item.key.kind == "container"}
    assert stack.containers() == containers, calls
    declared = {volume.name for volume in stack.project.volumes.values()}
    unnamed = {volume_name(name, "/unnamed") for name in containers}
    assert {volume["Name"] for volume in stack.client.volumes()["Volumes"] or ()} == declared | unnamed, calls
