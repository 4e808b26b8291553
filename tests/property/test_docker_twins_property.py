# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Random services: the provider makes of a twin what the core would make, or the leaf that it cannot say is named."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.compose import Service
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.replicas import Replica
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.container_creation import Creation, creation_of
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.limits import UPDATABLE
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.model import Declared, Key
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.secrets import Seal, sensitive
from hypothesis import given
from simulated_engine import project, spec
from simulated_provider import joined, posted, without_nothing
from strata_pulumi.docker_twins.container import container_twin
from strata_pulumi.docker_twins.unsayable import unsayable
from test_container_property import FIELDS, services

#: In this order an engine keeps none of them.
UNORDERED = ("Env", "SecurityOpt", "DeviceCgroupRules", "CapAdd", "CapDrop")
NEVER_SAYABLE = {
    "HostConfig.Annotations",
    "HostConfig.BlkioWeightDevice",
    "HostConfig.MemorySwappiness",
    "HostConfig.OomKillDisable",
    "HostConfig.OomScoreAdj",
    "HostConfig.UTSMode",
    "EndpointConfig.MacAddress",
}


def declared(service: Service) -> Declared:
    tree = spec(service, **FIELDS)
    replica = Replica(project=project(service, **FIELDS), service=service, index=1)
    return Declared(Key("container", "p-app-1", "apps"), tree, sensitive=sensitive(tree), handle=replica)


def creation(item: Declared) -> Creation:
    return creation_of(item, "lab", Seal(b"key"), origin={}, api=(1, 51), of_image=("/of-image",), ids={})


def wanted(made: Creation) -> dict[str, Any]:
    """The body, as :func:`posted` has it."""
    body, host = dict(made.body), dict(made.body["HostConfig"])
    host = {leaf: value for leaf, value in host.items() if leaf not in UPDATABLE}
    host["Mounts"] = [without_nothing(mount) for mount in host["Mounts"]]
    host["LogConfig"] = without_nothing(host.get("LogConfig") or {})
    body |= {"NetworkingConfig": None, "HostConfig": without_nothing(host)}
    return {**in_order(without_nothing(body)), "StopTimeout": body["StopTimeout"]}


def in_order(body: dict[str, Any]) -> dict[str, Any]:
    def sort(tree: dict[str, Any]) -> dict[str, Any]:
        return {leaf: sorted(value) if leaf in UNORDERED else value for leaf, value in tree.items()}

    ports = {port: sorted(bound, key=str) for port, bound in body["HostConfig"].get("PortBindings", {}).items()}
    return sort({**body, "HostConfig": sort({**body["HostConfig"], "PortBindings": ports})})


@given(services)
def test_a_twin_makes_what_the_core_makes_or_a_leaf_is_named_that_it_cannot_say(service: Service) -> None:
    item = declared(service)
    made = creation(item)
    twin = container_twin(item, made)
    first, second = wanted(made), in_order(posted(twin.arguments))
    differing = {leaf for leaf in first.keys() | second.keys() if first.get(leaf) != second.get(leaf)} - {"HostConfig"}
    host, other = first["HostConfig"], second["HostConfig"]
    differing |= {f"HostConfig.{leaf}" for leaf in host.keys() | other.keys() if host.get(leaf) != other.get(leaf)}
    named = {*unsayable(made, (1, 51))}
    assert differing - named == set()
    kept = {
        name: {leaf: config[leaf] for leaf in config if leaf != "MacAddress"} for name, config in made.endpoints.items()
    }
    assert joined(twin.arguments) == kept


@given(services)
def test_a_leaf_that_is_named_is_one_that_would_be_made_otherwise(service: Service) -> None:
    item = declared(service)
    made = creation(item)
    first, second = wanted(made), in_order(posted(container_twin(item, made).arguments))
    for leaf in {*unsayable(made, (1, 51))} - NEVER_SAYABLE:
        section, _dot, within = leaf.rpartition(".")
        before, after = (tree[section] if section else tree for tree in (first, second))
        assert before.get(within) != after.get(within), leaf


@given(services)
def test_what_stays_is_registered_without_looking_at_how_it_was_made(service: Service) -> None:
    item = declared(replace(service, environment={"PASSWORD": "s3cret"}))
    made = creation(item)
    anew, kept = (container_twin(item, made, stays=stays) for stays in (False, True))
    assert anew.arguments == kept.arguments
    assert {*kept.ignored} - {*anew.ignored} == {"labels", "envs"}
    assert "envs" in anew.secret
