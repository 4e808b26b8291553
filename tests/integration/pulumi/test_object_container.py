# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A container of a real engine by the provider's protocol: made by the core, or given to it by another provider."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils import seal_key
from ansible_collections.strata.kvm_docker.plugins.module_utils.naming import LABEL_APPLIED, LABEL_ENVIRONMENT
from declared import Declaration
from gate_client import Gate
from packages import busybox_program
from stand_in import ADDRESS, StandIn

sys.path.insert(0, str(Path(__file__).parent.parent / "docker"))

from container_lab import import_image

pytestmark = pytest.mark.lab

URN = "urn:pulumi:dev::shop::strata:index:Object::{}"
COMPOSE = """
name: shop
services:
  app:
    image: busy:1
    command: [sleep, "600"]
    stop_grace_period: 1s
    mem_limit: 32m
    networks: {default: {aliases: [front]}}
"""
SECTIONS: dict[str, Any] = {
    "images": {"debian": {"build": {"suite": "trixie"}}},
    "container_images": {"busy:1": {"archive": "busy.tar"}},
    "networks": {"lan": {"cidr": "10.83.0.0/24"}},
    "guests": {
        "web": {"image": "debian", "networks": {"lan": {"address": ADDRESS}}, "compose": "compose.yaml"},
    },
}


@pytest.fixture(scope="module")
def archive(standing: StandIn) -> bytes:
    client = standing.engine.client()
    import_image(client, busybox_program(), "busy:1")
    saved = b"".join(client.get_image("busy:1"))
    client.remove_image("busy:1")
    client.close()
    return saved


@pytest.fixture
def declaration(
    guest: StandIn, archive: bytes, client: docker.APIClient, configured: Gate, tmp_path: Path
) -> Iterator[Declaration]:
    """One guest with one service, whose image and network are there."""
    (tmp_path / "compose.yaml").write_text(COMPOSE)
    (tmp_path / "busy.tar").write_bytes(archive)
    seal_key.have("lab", guest.folders)
    made = Declaration(path=tmp_path / "lab.environment.yml", folders=guest.folders)
    made.write(**SECTIONS)
    client.create_network("shop_default", labels={LABEL_ENVIRONMENT: "lab"})
    given = made.given("image", "busy:1", "web")
    gate = configured.about(URN.format("image"))
    identity, _outputs = gate.create(given)
    yield made
    gate.delete(identity, given)
    client.remove_network("shop_default")


@pytest.fixture
def client(guest: StandIn) -> Iterator[docker.APIClient]:
    made = guest.engine.client()
    yield made
    for row in made.containers(all=True):
        made.remove_container(row["Id"], force=True)
    made.close()


@pytest.fixture
def gate(configured: Gate) -> Gate:
    return configured.about(URN.format("app"))


def test_it_is_made_followed_when_it_drifts_and_removed(
    gate: Gate, declaration: Declaration, client: docker.APIClient
) -> None:
    given = declaration.given("container", "shop-app-1", "web")
    identity, outputs = gate.create(given)
    assert identity == "lab/container/web/shop-app-1"
    assert client.inspect_container("shop-app-1")["State"]["Running"]
    assert gate.diff(given, given, outputs).detailedDiff == {}
    client.stop("shop-app-1", timeout=0)
    time.sleep(2.5)  # for that long a look is as good as new
    told = gate.diff(given, given, outputs).detailedDiff
    assert list(told) == ["due"]
    gate.update(given, given, outputs)
    assert client.inspect_container("shop-app-1")["State"]["Running"]
    gate.delete(identity, given)
    assert client.containers(all=True) == []


def test_a_network_follows_its_declaration_below_a_container_that_runs_on(
    gate: Gate, declaration: Declaration, client: docker.APIClient, configured: Gate
) -> None:
    given = declaration.given("container", "shop-app-1", "web")
    identity, _outputs = gate.create(given)
    before = client.inspect_container("shop-app-1")
    network = configured.about(URN.format("network"))
    old = declaration.given("docker_network", "shop_default", "web")
    _identity, outputs = network.create(old)
    compose = declaration.path.parent / "compose.yaml"
    compose.write_text(f"{compose.read_text()}networks: {{default: {{attachable: true}}}}\n")
    new = declaration.given("docker_network", "shop_default", "web")
    assert list(network.diff(old, new, outputs).detailedDiff) == ["spec.Attachable"]
    assert not network.diff(old, new, outputs).replaces
    network.update(old, new, outputs)
    after = client.inspect_container("shop-app-1")
    assert client.inspect_network("shop_default")["Attachable"]
    assert (after["Id"], after["State"]["StartedAt"]) == (before["Id"], before["State"]["StartedAt"])
    assert "shop_default" in after["NetworkSettings"]["Networks"]
    gate.delete(identity, given)


def test_what_another_provider_has_made_gets_its_limits_and_aliases_and_is_started(
    gate: Gate, declaration: Declaration, client: docker.APIClient
) -> None:
    given = declaration.given("container", "shop-app-1", "web")
    identity, _outputs = gate.create(given)
    whole = client.inspect_container("shop-app-1")
    gate.delete(identity, given)
    labels = whole["Config"]["Labels"]
    assert LABEL_APPLIED in labels
    endpoint = client.create_networking_config({"shop_default": client.create_endpoint_config()})
    bare = {**whole["HostConfig"], "Memory": 0, "MemorySwap": 0}
    made = client.create_container_from_config(
        {**whole["Config"], "HostConfig": bare, "NetworkingConfig": endpoint}, name="shop-app-1"
    )["Id"]
    gate.create(given)
    found = client.inspect_container("shop-app-1")
    assert found["Id"] == made
    assert found["State"]["Running"]
    assert found["HostConfig"]["Memory"] == 32 << 20
    assert "front" in found["NetworkSettings"]["Networks"]["shop_default"]["Aliases"]
    gate.delete(identity, given)
    assert client.containers(all=True) == []
