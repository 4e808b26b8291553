# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The access to an environment's guests by the provider's protocol: keys, and the SSH configuration."""

from __future__ import annotations

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest import access
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.hypervisor import Hypervisor
from declared import Declaration
from gate_client import Gate
from pulumi.runtime.proto import provider_pb2 as proto
from strata_pulumi import provider_mark

pytestmark = pytest.mark.lab

URN = "urn:pulumi:dev::shop::strata:index:Access::lab"


@pytest.fixture
def gate(on_libvirt: Gate) -> Gate:
    return on_libvirt.about(URN)


def test_it_is_made_once_and_removed_with_all_that_leads_to_the_environment(
    gate: Gate, declaration: Declaration, hypervisor: Hypervisor
) -> None:
    given = {"declaration": str(declaration.path), "environment": "lab"}
    folder = hypervisor.folders.environment("lab")
    identity, outputs = gate.create(given)
    assert identity == "lab"
    mark = provider_mark.read("lab", hypervisor.folders)
    assert outputs == {**given, "sshConfig": str(folder / "ssh_config"), "mark": mark}
    key = access.public_key("lab", hypervisor.folders)
    assert gate.read(outputs, given, identity) == (identity, given, outputs)
    assert gate.update(given, given, outputs) == outputs
    assert access.public_key("lab", hypervisor.folders) == key
    gate.delete(identity, given)
    assert not folder.exists()
    assert gate.read(outputs, given, identity)[0] == ""
    gate.delete(identity, given)


def test_another_declaration_changes_nothing_and_another_environment_is_another_access(
    gate: Gate, declaration: Declaration
) -> None:
    given = {"declaration": str(declaration.path), "environment": "lab"}
    state = {**given, "sshConfig": "/var/lib/strata/environments/lab/ssh_config"}
    assert gate.diff(given, {**given, "declaration": "/elsewhere.environment.yml"}, state).detailedDiff == {}
    assert list(gate.diff(given, {**given, "environment": "shop"}, state).replaces) == ["environment"]


def test_a_stack_that_does_not_know_the_containers_that_are_there_draws_another_mark_and_fails(
    gate: Gate, declaration: Declaration, hypervisor: Hypervisor
) -> None:
    given = {"declaration": str(declaration.path), "environment": "lab"}
    _identity, outputs = gate.create(given)
    _code, message = gate.refused("Create", gate.create_request({**given, "marked": True}))
    assert message.endswith("Run again: they are then taken over.")
    assert provider_mark.read("lab", hypervisor.folders) not in ("", outputs["mark"])


def test_its_id_alone_is_not_enough_to_import_it(gate: Gate) -> None:
    _code, message = gate.refused("Read", proto.ReadRequest(id="lab", urn=URN))
    assert message == "the access to an environment cannot be imported by its id; declare it in the program."
