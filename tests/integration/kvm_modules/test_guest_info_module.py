# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module guest_info on a real libvirt."""

from __future__ import annotations

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils import naming
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.hypervisor import Hypervisor
from docker_module import Modules
from kvm_lab import MIB, RECIPES, converge, environment

pytestmark = pytest.mark.lab

STRANGER = "<domain type='qemu'><name>lab-x</name><memory>1024</memory><os><type>hvm</type></os></domain>"


def test_the_guests_of_the_environment_are_told_as_they_are(modules: Modules, kvm: Hypervisor) -> None:
    assert modules.run("guest_info")["guests"] == []
    converge(kvm, environment())
    kvm.connection.defineXML(
        "<domain type='qemu'><name>lab-x</name><memory>1024</memory><os><type>hvm</type></os></domain>"
    )
    found = modules.run("guest_info", check=True)
    assert found["changed"] is False
    assert [guest["name"] for guest in found["guests"]] == ["apps", "web"]
    web = found["guests"][1]
    assert (web["running"], web["memory"], web["vcpus"], web["image"]) == (True, 64 * MIB, 1, RECIPES[0])
    (interface,) = web["interfaces"]
    assert (interface["network"], interface["address"]) == ("lan", "10.211.0.11/20")
    assert interface["mac"] == naming.mac_address("lab", "web", "lan")
    assert [(disk["name"], disk["size"]) for disk in web["disks"]] == [("web", 64 * MIB)]
    assert web["drift"] == []
    kvm.connection.lookupByName("lab-x").undefine()


def test_what_was_edited_is_told_as_drift(modules: Modules, kvm: Hypervisor) -> None:
    converge(kvm, environment(guests=("web",)))
    kvm.connection.lookupByName("lab-web").setAutostart(0)
    kvm.connection.lookupByName("lab-web").destroy()
    (web,) = modules.run("guest_info", name="web")["guests"]
    assert web["running"] is False
    assert web["drift"] == [{"path": "autostart", "applied": True, "found": False}]
    assert modules.run("guest_info", name="nobody")["guests"] == []
