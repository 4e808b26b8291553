# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixed addresses, and what a project declares of networks, volumes and needs."""

from __future__ import annotations

import json
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.compose import (
    Dependency,
    IpamConfig,
    Mount,
    Network,
    Project,
    Service,
    ServiceNetwork,
    UpdateConfig,
    Volume,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.environment import Environment, Guest
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker import docker_network, docker_volume
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.addresses import fixed_addresses
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.container import Container
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.docker_network import (
    DockerNetwork,
    network_spec,
    observed_spec,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.docker_volume import DockerVolume
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import StrataError
from ansible_collections.strata.kvm_docker.plugins.module_utils.inputs import ImageInput, Inputs
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.diff import differences
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.model import (
    Declared,
    Key,
    Need,
    Observed,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.secrets import Seal
from ansible_collections.strata.kvm_docker.plugins.module_utils.resources import plan
from simulated_engine import project


def on_lan(config: IpamConfig, *services: tuple[str, int, str | None], **fields: object) -> Project:
    made = [
        Service(name=name, image="app:1", replicas=count, networks={"lan": ServiceNetwork(ipv4_address=address)})
        for name, count, address in services
    ]
    return project(*made, networks={"lan": Network(name="p_lan", ipam=(config,), **fields)})


def test_containers_on_a_declared_subnet_get_addresses_that_nobody_else_has() -> None:
    config = IpamConfig(subnet="10.0.0.0/28", aux_addresses={"router": "10.0.0.2"})
    found = fixed_addresses(on_lan(config, ("a", 9, None), ("b", 1, "10.0.0.5")))
    assert found["lan", "p-b-1"] == "10.0.0.5"
    assert len(set(found.values())) == len(found) == 10
    assert not {"10.0.0.0", "10.0.0.1", "10.0.0.2", "10.0.0.15"} & set(found.values())


def test_an_address_range_is_honoured() -> None:
    config = IpamConfig(subnet="10.0.0.0/16", ip_range="10.0.7.0/24", gateway="10.0.7.9")
    found = fixed_addresses(on_lan(config, ("a", 100, None)))
    assert all(IPv4Address(address) in IPv4Network("10.0.7.0/24") for address in found.values())
    assert "10.0.7.9" not in found.values()


def test_another_service_moves_no_address() -> None:
    config = IpamConfig(subnet="10.0.0.0/16")
    before = fixed_addresses(on_lan(config, ("b", 3, None)))
    after = fixed_addresses(on_lan(config, ("a", 3, None), ("b", 3, None)))
    assert before.items() <= after.items()


def test_a_subnet_that_is_too_small_is_refused() -> None:
    with pytest.raises(StrataError, match=r"p_lan.*too few addresses"):
        fixed_addresses(on_lan(IpamConfig(subnet="10.0.0.0/29"), ("a", 6, None)))


@pytest.mark.parametrize("config", [IpamConfig(), IpamConfig(subnet="fd00::/64")])
def test_without_an_ipv4_subnet_an_engine_chooses(config: IpamConfig) -> None:
    assert fixed_addresses(on_lan(config, ("a", 1, None))) == {}


def test_an_external_network_is_somebody_else_s_to_number() -> None:
    assert fixed_addresses(on_lan(IpamConfig(subnet="10.0.0.0/24"), ("a", 1, None), external=True)) == {}


def test_a_bridge_s_gateway_is_its_first_address_unless_declared() -> None:
    for declared, expected in ((None, "10.0.0.1"), ("10.0.0.9", "10.0.0.9")):
        network = Network(name="n", ipam=(IpamConfig(subnet="10.0.0.0/24", gateway=declared),))
        assert network_spec(network)["IPAM"]["Config"]["10.0.0.0/24"]["Gateway"] == expected


def test_what_an_engine_fills_in_for_a_network_does_not_count_and_what_was_declared_does() -> None:
    plain = Declared(Key("docker_network", "n", "apps"), network_spec(Network(name="n", labels={"a": ""})))
    listed = {
        "Driver": "bridge",
        "Internal": False,
        "Attachable": False,
        "EnableIPv6": False,
        "Options": {"com.docker.network.bridge.name": "br0"},
        "IPAM": {"Driver": "default", "Config": [{"Subnet": "172.18.0.0/16", "Gateway": "172.18.0.1"}]},
        "Labels": {"a": "", "strata.environment": "lab"},
    }
    now = Observed(plain.key, observed_spec(listed), plain.spec)
    assert differences(plain, now, DockerNetwork().effect) == ()
    without = Declared(plain.key, network_spec(Network(name="n")))
    assert [found.path for found in differences(without, now, DockerNetwork().effect)] == [("Labels", "a")]


@pytest.mark.parametrize("recreate", [False, True])
def test_a_volume_that_changes_is_made_anew_only_where_that_is_asked_for(recreate: bool) -> None:
    mine = project(volumes={"v": Volume(name="v", driver_opts={"type": "tmpfs"}, recreate=recreate)})
    environment = Environment(name="lab", folder="/", guests={"apps": Guest(name="apps", image="i", compose=mine)})
    (declared,) = DockerVolume().declare(environment, Inputs())
    plain = {"Driver": "local", "Options": {}, "Labels": {}, "Keep": False}
    now = Observed(declared.key, plain, plain)
    if recreate:
        (change,) = plan([declared], [now], lambda _key, difference: DockerVolume().effect(difference))
        assert change.action == "replace"
    else:
        with pytest.raises(StrataError, match=r"volume apps/v: Options\.type: None -> tmpfs.*recreate: true"):
            plan([declared], [now], lambda _key, difference: DockerVolume().effect(difference))


def test_what_a_network_and_a_volume_are_made_with_says_whose_they_are_and_what_declares_them() -> None:
    declared = on_lan(IpamConfig(subnet="10.0.0.0/28"))
    mine = replace(declared, volumes={"data": Volume(name="p_data", labels={"own": "1"}, keep=True)})
    environment = Environment(name="lab", folder="/", guests={"apps": Guest(name="apps", image="i", compose=mine)})
    (network,) = DockerNetwork().declare(environment, Inputs())
    (volume,) = DockerVolume().declare(environment, Inputs())
    for made in (
        docker_network.create_arguments("lab", network, Seal(), {"strata.project": "p"}),
        docker_volume.create_arguments("lab", volume, Seal(), {"strata.project": "p"}),
    ):
        labels = made["labels"]
        assert (labels["strata.environment"], labels["strata.project"]) == ("lab", "p")
        assert json.loads(labels["strata.applied"])["Driver"] == made["driver"]


def test_what_is_external_is_not_declared() -> None:
    mine = project(networks={"n": Network(name="n", external=True)}, volumes={"v": Volume(name="v", external=True)})
    environment = Environment(name="lab", folder="/", guests={"apps": Guest(name="apps", image="i", compose=mine)})
    assert list(DockerNetwork().declare(environment, Inputs())) == []
    assert list(DockerVolume().declare(environment, Inputs())) == []


def test_a_container_needs_what_it_is_made_of_and_whom_it_waits_for() -> None:
    app = Service(
        name="app",
        image="app:1",
        networks={"default": ServiceNetwork()},
        mounts=(Mount(type="volume", source="data", target="/data"),),
        depends_on={
            "db": Dependency(condition="service_healthy", restart=True),
            "job": Dependency(condition="service_completed_successfully"),
            "optional": Dependency(required=False),
        },
        update_config=UpdateConfig(parallelism=2),
    )
    db = Service(name="db", image="db:1", replicas=2, network_mode="service:job")
    mine = project(app, db, Service(name="job", image="db:1"), volumes={"data": Volume(name="p_data")})
    environment = Environment(name="lab", folder="/", guests={"apps": Guest(name="apps", image="i", compose=mine)})
    inputs = Inputs(images={("apps", "app:1"): ImageInput(reference="app:1", source="context:1")})
    found = {item.key.name: item for item in Container().declare(environment, inputs)}
    assert found.keys() == {"p-app-1", "p-db-1", "p-db-2", "p-job-1"}
    assert set(found["p-app-1"].needs) == {
        Need(Key("guest", "apps"), lives_on=True),
        Need(Key("engine", "docker", "apps")),
        Need(Key("image", "app:1", "apps")),
        Need(Key("docker_network", "p_default", "apps")),
        Need(Key("docker_volume", "p_data", "apps"), rebuilt_with=True),
        Need(Key("container", "p-db-1", "apps"), "healthy", rebuilt_with=True),
        Need(Key("container", "p-db-2", "apps"), "healthy", rebuilt_with=True),
        Need(Key("container", "p-job-1", "apps"), "completed"),
    }
    assert Need(Key("container", "p-job-1", "apps"), rebuilt_with=True) in found["p-db-1"].needs
    assert found["p-app-1"].rolling == ("apps/app", 2)
    assert found["p-app-1"].spec["Image"] == "context:1"
    assert found["p-db-1"].spec["Image"] == "registry:db:1"
