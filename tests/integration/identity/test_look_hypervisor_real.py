# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a real libvirtd has of an environment: all of it is known, it rests, and it is nobody else's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Network

import kvm_lab
import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.environment import Environment, GuestNetwork
from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.compare import differ
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.leaf import Leaf, segments_of
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.look.hypervisor import hypervisor_branches
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.look.names import (
    derived_names,
    place_names,
    whole_names,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.ruleset import RULES
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.tokens import Tokens
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm import domain
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.hypervisor import Hypervisor
from made_fingerprint import made

pytestmark = pytest.mark.lab

ENVIRONMENT = kvm_lab.environment("looks", ["web"])
DEFINED = """
<domain type='qemu'>
  <name>looks-defined</name><memory unit='MiB'>64</memory>
  <os><type arch='x86_64' machine='q35'>hvm</type></os>
</domain>
"""
#: Its objects are named as if they were of the environment.
BESIDE = Environment(
    name="looks-two",
    folder="/declaration",
    networks={"lan": GuestNetwork(cidr=IPv4Network("10.216.0.0/24"), forward="isolated")},
)
#: Its name begins as those of the environment, but for the dash.
OF_OTHERS = "<network><name>looksalike</name></network>"


@pytest.fixture(scope="module")
def kvm(hypervisor: Hypervisor) -> Iterator[Hypervisor]:
    """The hypervisor with a guest that boots nothing, a domain that somebody defined, and what others have."""
    root = hypervisor.folders.root
    hypervisor = replace(hypervisor, folders=Folders(root, root / "tiny-images"))
    kvm_lab.fill_store(hypervisor.folders, kernel=None)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(domain, "SHUTDOWN_TIMEOUT", 0.5)
        kvm_lab.converge(hypervisor, ENVIRONMENT)
        kvm_lab.converge(hypervisor, BESIDE)
        connection = hypervisor.connection
        others = connection.defineXML(DEFINED), connection.networkDefineXML(OF_OTHERS)
        yield hypervisor
        for one in others:
            one.undefine()
        for environment in (ENVIRONMENT, BESIDE):
            kvm_lab.remove(hypervisor, environment.name)


def look(kvm: Hypervisor) -> dict[str, Leaf]:
    places = place_names(ENVIRONMENT, kvm.folders)
    tokens = Tokens(derived_names(ENVIRONMENT), places, whole_names(ENVIRONMENT))
    told = made(*hypervisor_branches(kvm, ENVIRONMENT.name), tokens=tokens, rules=RULES)
    return {leaf.path: leaf for leaf in told.leaves}


def different(one: dict[str, Leaf], other: dict[str, Leaf]) -> list[str]:
    return [path for path in sorted(one.keys() | other.keys()) if differ(one.get(path), other.get(path))]


def test_every_object_of_the_environment_is_there_and_none_of_others(kvm: Hypervisor) -> None:
    every = {network.name() for network in kvm.connection.listAllNetworks()}
    assert {"looks-lan", "looks-two-lan", "looksalike"} <= every
    found = {segments_of(path)[:2] for path in look(kvm)}
    assert found == {
        ("networks", "lan"),
        ("pools", ":own"),
        ("disks", ":own"),
        ("domains", "web"),
        ("domains", "defined"),
    }


def test_every_leaf_is_known(kvm: Hypervisor) -> None:
    assert [path for path, leaf in look(kvm).items() if not leaf.known] == []


def test_two_looks_agree(kvm: Hypervisor) -> None:
    assert different(look(kvm), look(kvm)) == []


def test_a_guest_that_runs_is_told_as_it_is_defined_and_as_it_runs(kvm: Hypervisor) -> None:
    found = look(kvm)
    assert found["domains/web/memory/#text"].plane == "definition"
    assert found["domains/web/live/memory/#text"].plane == "runtime"
    assert found["domains/web/state/state"].value == 1
    assert found["domains/defined/state/state"].value == 5
    assert not [path for path in found if path.startswith("domains/defined/live/")]


def test_names_of_the_environment_are_in_no_leaf_that_counts(kvm: Hypervisor) -> None:
    found = [leaf for leaf in look(kvm).values() if leaf.counts and not leaf.path.startswith("domains/defined")]
    theirs = (*derived_names(ENVIRONMENT), str(kvm.folders.root))
    assert [leaf for leaf in found for value in theirs if value in f"{leaf.path} {leaf.value}"] == []


def test_a_guest_that_was_powered_off_and_on_has_changed_in_nothing_that_counts(kvm: Hypervisor) -> None:
    first = look(kvm)
    guest = kvm.connection.lookupByName("looks-web")
    guest.destroy()
    assert "domains/web/state/state" in different(first, look(kvm))
    guest.create()
    assert different(first, look(kvm)) == []


def test_what_lies_in_the_pool_is_looked_at_anew(kvm: Hypervisor) -> None:
    first, stray = look(kvm), kvm.folders.pool(ENVIRONMENT.name) / "stray.img"
    stray.write_bytes(b"x" * 512)
    told = different(first, look(kvm))
    stray.unlink()
    assert {segments_of(path)[:3] for path in told} == {("disks", ":own", "stray.img")}
    assert different(first, look(kvm)) == []
