# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A declared container as what it is created with: body, volumes that nobody named, networks to attach it to."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.compose import (
    Mount,
    Network,
    Service,
    ServiceNetwork,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.environment import Environment, Guest
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.container import Container
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.container_creation import (
    Creation,
    creation_of,
    shared,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.labels import is_ours
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.unnamed_volumes import volume_name
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import EngineError
from ansible_collections.strata.kvm_docker.plugins.module_utils.inputs import Inputs
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.model import Declared
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.secrets import Seal
from simulated_engine import project

APP = Service(name="app", image="app:1", networks={"front": ServiceNetwork(priority=1), "back": ServiceNetwork()})


def declared(*services: Service) -> Declared:
    networks = {name: Network(name=f"p_{name}") for name in ("front", "back")}
    guest = Guest(name="apps", image="i", compose=project(*services, networks=networks))
    environment = Environment(name="lab", folder="/", guests={"apps": guest})
    return next(item for item in Container().declare(environment, Inputs()) if item.key.name == "p-app-1")


def made(*services: Service, **known: Any) -> Creation:
    given: dict[str, Any] = {"origin": {"strata.project": "p"}, "api": (1, 45), "of_image": (), "ids": {}}
    return creation_of(declared(*services), "lab", Seal(), **{**given, **known})


def test_its_labels_say_whose_it_is_and_what_it_is_in_its_project() -> None:
    labels = made(APP, told={"strata.adopted": "id"}).body["Labels"]
    assert is_ours(labels, "lab")
    told = {name: labels[f"strata.{name}"] for name in ("project", "container", "service", "replica", "adopted")}
    assert told == {"project": "p", "container": "p-app-1", "service": "app", "replica": "1", "adopted": "id"}


def test_it_is_created_on_its_first_network_and_attached_to_the_others() -> None:
    creation = made(APP)
    assert list(creation.body["NetworkingConfig"]["EndpointsConfig"]) == ["p_front"]
    assert list(creation.endpoints) == ["p_back"]


def test_volumes_that_it_and_its_image_leave_without_a_name_get_one_and_are_to_be_there_before() -> None:
    mounts = (Mount(type="volume", target="/a"), Mount(type="volume", source="own", target="/b"))
    creation = made(replace(APP, mounts=mounts), of_image={"/b", "/c"})
    names = {target: volume_name("p-app-1", target) for target in ("/a", "/c")}
    found = {mount["Target"]: mount["Source"] for mount in creation.body["HostConfig"]["Mounts"]}
    assert found == {"/a": names["/a"], "/b": "own", "/c": names["/c"]}
    labels = {"strata.environment": "lab", "strata.container": "p-app-1", "strata.project": "p"}
    assert creation.volumes == dict.fromkeys(names.values(), labels)


def test_a_container_whose_namespace_it_shares_is_named_by_its_id() -> None:
    services = (replace(APP, networks={}, network_mode="service:db", pid="service:db"), Service(name="db", image="db"))
    assert shared(declared(*services).spec) == {"p-db-1"}
    host = made(*services, ids={"p-db-1": "f00"}).body["HostConfig"]
    assert (host["NetworkMode"], host["PidMode"]) == ("container:f00", "container:f00")


def test_what_an_engine_would_ignore_is_refused() -> None:
    with pytest.raises(EngineError, match=r"annotations needs an engine with API 1\.43"):
        made(replace(APP, annotations={"a": "b"}), api=(1, 41))
