# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Twins of an engine's objects: arguments that pulumi_docker has, secrets, what stays, what cannot be said."""

from __future__ import annotations

import inspect
from dataclasses import replace
from pathlib import Path
from typing import Any

import pulumi_docker
import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.compose import (
    IpamConfig,
    Mount,
    Network,
    Service,
    ServiceNetwork,
    Volume,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.replicas import Replica
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker import docker_network, docker_volume
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.container_creation import Creation, creation_of
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.model import Change, Declared, Key, Need, Plan
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.secrets import Seal, sensitive
from simulated_engine import project, spec
from strata_pulumi.docker_twins import unsayable as unsayable_module
from strata_pulumi.docker_twins.container import ALL_ARGUMENTS, container_twin
from strata_pulumi.docker_twins.network import network_twin
from strata_pulumi.docker_twins.provider_order import hosts_in_order, words_in_order
from strata_pulumi.docker_twins.staying import staying
from strata_pulumi.docker_twins.units import duration
from strata_pulumi.docker_twins.unsayable import unsayable
from strata_pulumi.docker_twins.volume import unnamed_volume_twins, volume_twin

DOCS = Path(__file__).parents[3] / "docs/pulumi_docker.md"
APP = Service(name="app", image="app:1", networks={"default": ServiceNetwork()})
OLD = "f" * 64


def made(service: Service) -> tuple[Declared, Creation]:
    tree, replica = spec(service), Replica(project=project(service), service=service, index=1)
    item = Declared(Key("container", replica.name, "apps"), tree, sensitive=sensitive(tree), handle=replica)
    return item, creation_of(item, "lab", Seal(b"key"), origin={}, api=(1, 51), of_image=(), ids={"other": "other"})


def named(**fields: Any) -> tuple[str, ...]:
    return unsayable(made(replace(APP, **fields))[1], (1, 51))


def test_arguments_are_those_of_the_providers_package() -> None:
    known = set(inspect.signature(pulumi_docker.ContainerArgs.__init__).parameters)
    assert known >= {*ALL_ARGUMENTS, "name"}
    assert known >= {*container_twin(*made(APP), instead_of=OLD).arguments}


def test_a_network_is_made_with_its_addresses_and_marks() -> None:
    network = Network(
        name="lan", attachable=True, ipam=(IpamConfig(subnet="10.9.0.0/24", aux_addresses={"a": "10.9.0.5"}),)
    )
    tree = docker_network.network_spec(network)
    item = Declared(Key("docker_network", "lan", "apps"), tree, sensitive=sensitive(tree))
    twin = network_twin(item, docker_network.create_arguments("lab", item, Seal(), {}))
    config = {"subnet": "10.9.0.0/24", "gateway": "10.9.0.1", "aux_address": {"a": "10.9.0.5"}}
    assert twin.arguments["ipam_configs"] == [config]
    assert twin.arguments["attachable"] is True
    assert {"label": "strata.environment", "value": "lab"} in twin.arguments["labels"]
    assert "labels" not in twin.ignored
    assert set(inspect.signature(pulumi_docker.NetworkArgs.__init__).parameters) >= {*twin.arguments, *twin.ignored}


def test_mount_options_of_a_volume_are_a_secret_and_nothing_replaces_it() -> None:
    tree = docker_volume.volume_spec(Volume(name="data", driver_opts={"type": "cifs", "o": "password=x"}))
    item = Declared(Key("docker_volume", "data", "apps"), tree, sensitive=docker_volume.SENSITIVE)
    twin = volume_twin(item, docker_volume.create_arguments("lab", item, Seal(), {}))
    assert twin.secret == {"driver_opts"}
    assert {*twin.arguments} - {*twin.ignored} == {"name"}


def test_what_is_not_given_is_no_secret() -> None:
    item = Declared(Key("docker_volume", "data", "apps"), docker_volume.volume_spec(Volume(name="data")))
    item = replace(item, sensitive=docker_volume.SENSITIVE)
    twin = volume_twin(item, docker_volume.create_arguments("lab", item, Seal(), {}))
    assert "driver_opts" not in twin.arguments
    assert twin.secret == frozenset()


def test_a_volume_that_nobody_named_has_a_twin_with_marks() -> None:
    _item, creation = made(replace(APP, mounts=(Mount(type="volume", target="/data"),)))
    (twin,) = unnamed_volume_twins(creation)
    assert twin.name.startswith("p-app-1-")
    assert {"label": "strata.container", "value": "p-app-1"} in twin.arguments["labels"]


def test_a_password_makes_a_secret_of_all_variables() -> None:
    assert container_twin(*made(replace(APP, environment={"DB_PASSWORD": "x"}))).secret == {"envs"}
    assert container_twin(*made(APP)).secret == frozenset()


def test_a_container_is_made_and_not_started_and_ends_in_its_time() -> None:
    arguments = container_twin(*made(replace(APP, stop_grace_period=3, restart="always"))).arguments
    assert (arguments["start"], arguments["must_run"], arguments["destroy_grace_seconds"]) == (False, False, 3)
    assert "restart" not in arguments


def test_one_that_does_not_stay_is_made_anew() -> None:
    fresh, anew = container_twin(*made(APP)), container_twin(*made(APP), instead_of=OLD)
    (changed,) = {*anew.arguments} - {*fresh.arguments}
    assert anew.replacing == (changed,)
    assert changed not in anew.ignored
    assert {*ALL_ARGUMENTS} == {*container_twin(*made(APP), stays=True).ignored}


def test_who_shares_a_namespace_is_told_apart() -> None:
    item, creation = made(replace(APP, networks={}, network_mode="container:other"))
    assert container_twin(item, creation).namespaces == {"network_mode": "other"}


def test_what_stands_on_what_moves_does_not_stay() -> None:
    network, app, alone = (
        Key("docker_network", "lan", "a"),
        Key("container", "app", "a"),
        Key("container", "alone", "a"),
    )
    items = [Declared(network, {}), Declared(app, {}, needs=(Need(network),)), Declared(alone, {})]
    moves = Plan(changes=(Change(network, "replace", ""), Change(alone, "update", "")))
    assert staying(items, moves) == {alone}
    assert staying(items, Plan()) == {network, app, alone}


@pytest.mark.parametrize(
    ("fields", "leaf"),
    [
        ({"annotations": {"a": "b"}}, "HostConfig.Annotations"),
        ({"expose": ("80",)}, "ExposedPorts"),
        ({"stop_grace_period": 0.0}, "StopTimeout"),
        ({"command": ("a", "")}, "Cmd"),
        ({"shm_size": 5}, "HostConfig.ShmSize"),
        ({"mounts": (Mount(type="bind", source="/a", target="/b", propagation="shared"),)}, "HostConfig.Binds"),
        ({"networks": {"default": ServiceNetwork(mac_address="02:42:00:00:00:01")}}, "EndpointConfig.MacAddress"),
    ],
)
def test_what_cannot_be_said_is_named(fields: dict[str, Any], leaf: str) -> None:
    assert named() == ()
    assert named(**fields) == (leaf,)


def test_limits_can_all_be_said_as_the_core_sets_them() -> None:
    assert named(pids_limit=7, mem_limit=1234567, cpus=0.123, blkio=replace(APP.blkio, weight=100)) == ()


def test_an_order_that_the_provider_would_change_is_named() -> None:
    servers = ["10.0.0.53", "10.0.0.54", "10.0.0.55"]
    assert named(dns=tuple(words_in_order(servers))) == ()
    assert named(dns=tuple(reversed(words_in_order(servers)))) == ("HostConfig.Dns",)
    hosts = hosts_in_order(["one:10.0.0.1", "two:10.0.0.2"])
    assert named(extra_hosts=tuple(hosts)) == ()
    assert named(extra_hosts=tuple(reversed(hosts))) == ("HostConfig.ExtraHosts",)


def test_each_leaf_that_may_be_refused_has_its_sentence() -> None:
    told = {line.split("|")[1].strip() for line in DOCS.read_text().splitlines() if line.startswith("| `")}
    assert {f"`{leaf}`" for leaf in unsayable_module.CONDITIONAL} <= told


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (0, "0s"),
        (250_000_000, "250ms"),
        (1_500_000_000, "1.5s"),
        (90_000_000_000, "1m30s"),
        (3_600_000_000_000, "1h0m0s"),
        (1_500, "1.5µs"),
        (7, "7ns"),
        (10_000_000_000, "10s"),
    ],
)
def test_a_time_is_written_as_go_writes_it(nanoseconds: int, text: str) -> None:
    assert duration(nanoseconds) == text
