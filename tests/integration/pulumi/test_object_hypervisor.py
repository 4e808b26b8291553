# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects of a real libvirt by the provider's protocol: networks, pools and disks, without any guest."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import kvm_lab
import libvirt
import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils import locks
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.hypervisor import Hypervisor
from ansible_collections.strata.kvm_docker.plugins.module_utils.progress import Progress
from declared import Declaration
from gate_client import Gate
from pulumi.runtime.proto import provider_pb2 as proto

pytestmark = pytest.mark.lab

URN = "urn:pulumi:dev::shop::strata:index:Object::lan"


@pytest.fixture
def declaration(hypervisor: Hypervisor, tmp_path: Path) -> Iterator[Declaration]:
    """Of the environment `lab` with one network; it is removed at the end."""
    made = Declaration(path=tmp_path / "lab.environment.yml", folders=hypervisor.folders)
    made.write()
    yield made
    kvm_lab.remove(hypervisor, "lab")


@pytest.fixture
def gate(shared: Gate, hypervisor: Hypervisor) -> Gate:
    shared.configure(hypervisor=hypervisor.uri, stateFolder=str(hypervisor.folders.root))
    return shared.about(URN)


def network(hypervisor: Hypervisor, name: str = "lan") -> libvirt.virNetwork:
    return hypervisor.connection.networkLookupByName(f"lab-{name}")


def networks(hypervisor: Hypervisor) -> set[str]:
    return {found.name() for found in hypervisor.connection.listAllNetworks()}


def changed(answer: Any) -> dict[str, bool]:
    """Whether it is an input, by path."""
    return {path: found.inputDiff for path, found in answer.detailedDiff.items()}


def test_a_network_is_made_changed_in_place_and_removed(
    gate: Gate, declaration: Declaration, hypervisor: Hypervisor
) -> None:
    given = declaration.given("network", "lan")
    identity, outputs = gate.create(given)
    assert identity == "lab/network/lan"
    assert outputs == {**given, "handle": {}, "due": "", "reported": [], "problem": ""}
    uuid = network(hypervisor).UUIDString()
    declaration.write(networks={"lan": {"cidr": "10.211.0.0/24", "forward": "isolated", "autostart": False}})
    later = declaration.given("network", "lan")
    assert changed(gate.diff(given, later, outputs)) == {"spec.autostart": True}
    outputs = gate.update(given, later)
    assert network(hypervisor).autostart() == 0
    assert network(hypervisor).UUIDString() == uuid
    gate.delete(identity, later)
    assert "lab-lan" not in networks(hypervisor)
    gate.delete(identity, later)
    assert gate.read(outputs, later, identity) == ("", {}, {})


def test_what_nobody_touched_has_not_drifted(gate: Gate, declaration: Declaration) -> None:
    given = declaration.given("network", "lan")
    identity, outputs = gate.create(given)
    assert gate.read(outputs, given, identity) == (identity, given, outputs)
    assert gate.diff(given, given, outputs).changes == proto.DiffResponse.DIFF_NONE


def test_drift_is_shown_by_leaf_and_put_right_by_the_next_update(
    gate: Gate, declaration: Declaration, hypervisor: Hypervisor
) -> None:
    given = declaration.given("network", "lan")
    identity, outputs = gate.create(given)
    network(hypervisor).setAutostart(False)
    network(hypervisor).destroy()
    _identity, inputs, state = gate.read(outputs, given, identity)
    assert inputs == given
    assert state["spec"] == {**given["spec"], "autostart": False}
    assert "autostart drifted" in state["due"]
    assert changed(gate.diff(given, given, state)) == {"spec.autostart": False, "due": False}
    assert gate.update(given, given) == outputs
    assert network(hypervisor).isActive()
    assert network(hypervisor).autostart()


def test_what_is_off_is_due_to_be_started(gate: Gate, declaration: Declaration, hypervisor: Hypervisor) -> None:
    given = declaration.given("network", "lan")
    identity, outputs = gate.create(given)
    network(hypervisor).destroy()
    _identity, _inputs, state = gate.read(outputs, given, identity)
    assert state == {**outputs, "due": "start: not running"}
    gate.update(given, given)
    assert network(hypervisor).isActive()


def test_what_is_there_already_is_found(gate: Gate, declaration: Declaration, hypervisor: Hypervisor) -> None:
    """Its creation was killed before Pulumi wrote it down, or Ansible has built it."""
    given = declaration.given("network", "lan")
    gate.create(given)
    uuid = network(hypervisor).UUIDString()
    gate.create(given)
    assert network(hypervisor).UUIDString() == uuid


def test_a_stranger_of_its_name_is_refused(gate: Gate, declaration: Declaration, hypervisor: Hypervisor) -> None:
    stranger = hypervisor.connection.networkDefineXML("<network><name>lab-lan</name></network>")
    try:
        code, message = gate.refused("Create", gate.create_request(declaration.given("network", "lan")))
    finally:
        stranger.undefine()
    assert code == grpc.StatusCode.FAILED_PRECONDITION
    assert message.startswith("network lan: exists already and does not belong to this environment")


def test_a_declaration_that_says_otherwise_by_now_is_told(gate: Gate, declaration: Declaration) -> None:
    given = declaration.given("network", "lan")
    declaration.write(networks={"lan": {"cidr": "10.212.0.0/24"}})
    _code, message = gate.refused("Create", gate.create_request(given))
    assert message.startswith("network lan: the declaration has changed meanwhile")


def test_several_objects_are_made_at_once_and_another_run_is_waited_for(
    gate: Gate, declaration: Declaration, hypervisor: Hypervisor
) -> None:
    names = [f"n{number}" for number in range(6)]
    declaration.write(networks={name: {"cidr": f"10.211.{name[1]}.0/24", "forward": "isolated"} for name in names})
    given = [declaration.given("network", name) for name in names]
    with ThreadPoolExecutor(6) as pool:
        with locks.exclusive(hypervisor.folders.lock("lab"), "lab", 0, Progress()):
            waiting = [pool.submit(gate.create, each) for each in given]
            assert not any(future.done() for future in waiting)
        assert {future.result()[0] for future in waiting} == {f"lab/network/{name}" for name in names}
    assert {f"lab-{name}" for name in names} <= networks(hypervisor)
    with locks.exclusive(hypervisor.folders.lock("lab"), "lab", 0, Progress()):
        assert [gate.read({}, each, "lab/network/n")[2]["problem"] for each in given] == [""] * 6


def test_a_pool_is_made_with_its_folder_and_removed_without(
    gate: Gate, declaration: Declaration, tmp_path: Path
) -> None:
    tmp_path.chmod(0o755)
    declaration.write(pools={"fast": {"path": str(tmp_path / "fast")}})
    given = declaration.given("pool", "fast")
    identity, outputs = gate.create(given)
    assert identity == "lab/pool/fast"
    assert (tmp_path / "fast").is_dir()
    assert gate.read(outputs, given, identity) == (identity, given, outputs)
    gate.delete(identity, given)
    assert gate.read(outputs, given, identity) == ("", {}, {})
    assert (tmp_path / "fast").is_dir()


def test_a_hypervisor_that_does_not_answer_keeps_the_state_with_a_problem(
    gate: Gate, declaration: Declaration, hypervisor: Hypervisor
) -> None:
    given = declaration.given("network", "lan")
    identity, outputs = gate.create(given)
    gate.configure(hypervisor="qemu:///system?socket=/none", stateFolder=str(hypervisor.folders.root))
    _identity, inputs, state = gate.read(outputs, given, identity)
    assert inputs == given
    assert state.pop("problem").startswith("libvirt at qemu:///system?socket=/none cannot be used")
    assert {**state, "problem": ""} == outputs


def test_an_object_whose_declaration_is_gone_is_still_looked_at_and_removed(
    gate: Gate, declaration: Declaration, hypervisor: Hypervisor
) -> None:
    given = declaration.given("network", "lan")
    identity, outputs = gate.create(given)
    declaration.path.unlink()
    assert gate.read(outputs, given, identity) == (identity, given, outputs)
    gate.delete(identity, given)
    assert "lab-lan" not in networks(hypervisor)
