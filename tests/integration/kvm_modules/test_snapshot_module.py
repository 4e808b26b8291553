# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module snapshot on a real libvirt."""

from __future__ import annotations

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.hypervisor import Hypervisor
from docker_module import Modules, actions
from kvm_lab import converge, environment, planned

pytestmark = pytest.mark.lab

ONE = environment(guests=("web",))


def test_a_snapshot_is_made_once_gone_back_to_and_forgotten(modules: Modules, kvm: Hypervisor) -> None:
    converge(kvm, ONE)
    announced = modules.run("snapshot", check=True, guest="web", name="first", description="as made")
    assert announced["snapshots"] == []
    made = modules.run("snapshot", guest="web", name="first", description="as made")
    assert made["plan"] == announced["plan"] != []
    (first,) = made["snapshots"]
    assert (first["name"], first["description"], first["running"], first["current"]) == ("first", "as made", True, True)
    modules.stands("snapshot", guest="web", name="first")
    kvm.connection.lookupByName("lab-web").destroy()
    checked = modules.run("snapshot", check=True, guest="web", name="first", state="reverted")
    assert not kvm.connection.lookupByName("lab-web").isActive()
    reverted = modules.run("snapshot", guest="web", name="first", state="reverted")
    assert reverted["plan"] == checked["plan"]
    assert kvm.connection.lookupByName("lab-web").isActive()
    assert not planned(kvm, ONE)
    (told,) = modules.run("guest_info", name="web")["guests"]
    assert [item["name"] for item in told["snapshots"]] == ["first"]
    gone = modules.run("snapshot", guest="web", name="first", state="absent")
    assert (actions(gone), gone["snapshots"]) == (["delete snapshot first"], [])
    modules.stands("snapshot", guest="web", name="first", state="absent")


def test_what_is_not_there_is_told(modules: Modules, kvm: Hypervisor) -> None:
    for check in (True, False):
        assert "guest web: environment lab has none" in modules.refused("snapshot", check, guest="web", name="first")
    converge(kvm, ONE)
    said = modules.refused("snapshot", check=True, guest="web", name="first", state="reverted")
    assert "there is no snapshot 'first'; there are: none" in said
