# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A guest whose QEMU does not start, by the provider's protocol on a real libvirt: the next run goes on from there."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import libvirt
import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.hypervisor import Hypervisor
from declared import Declaration
from gate_client import Gate

pytestmark = pytest.mark.lab


@contextmanager
def held(disk: Path) -> Iterator[None]:
    """Another QEMU has the *disk* open, so none can start from it."""
    with subprocess.Popen(["qemu-io", disk], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdin
        assert other.stdout
        other.stdin.write("length\n")
        other.stdin.flush()
        assert other.stdout.readline()
        yield
        other.stdin.close()


def state(hypervisor: Hypervisor) -> int:
    return hypervisor.connection.lookupByName("lab-web").state()[0]


def test_a_guest_that_does_not_start_is_told_once_and_starts_with_the_next_run(
    tiny: tuple[Gate, Hypervisor, Declaration],
) -> None:
    gate, hypervisor, declaration = tiny
    for kind, name in (("network", "lan"), ("pool", "lab"), ("pool", "fast"), ("disk", "web"), ("disk", "web.data")):
        gate.create(declaration.given(kind, name))
    given = declaration.given("guest", "web")
    with held(hypervisor.folders.pool("lab") / "web.qcow2"):
        for _ in range(2):
            code, message = gate.refused("Create", gate.create_request(given))
            assert code == grpc.StatusCode.FAILED_PRECONDITION
            assert message.startswith("guest web: internal error: ")
            assert 'Failed to get "write" lock' in message
        assert state(hypervisor) == libvirt.VIR_DOMAIN_SHUTOFF
    identity, outputs = gate.create(given)
    assert state(hypervisor) == libvirt.VIR_DOMAIN_RUNNING
    assert outputs["handle"]["boot"]
    assert gate.read(outputs, given, identity) == (identity, given, outputs)
    gate.delete(identity, given)
