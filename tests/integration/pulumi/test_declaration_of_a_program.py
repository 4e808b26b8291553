# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A declaration as a program reads it beside what a killed run has left on a real libvirt."""

from __future__ import annotations

import subprocess

import pulumi
import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.read import read_environment
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest import image_store
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.hypervisor import Hypervisor
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.model import Key
from declared import Declaration
from gate_client import Gate
from strata_pulumi import declaration as of_a_program
from strata_pulumi import libvirt_twins

pytestmark = pytest.mark.lab

WEB = Key("disk", "web")


def read(hypervisor: Hypervisor, declared: Declaration) -> of_a_program.Declaration:
    options = of_a_program.Options(folders=hypervisor.folders, hypervisor=hypervisor.uri)
    return of_a_program.read_declaration(declared.path, options)


def test_a_disk_that_a_killed_run_has_made_and_not_marked_is_taken_over(
    tiny: tuple[Gate, Hypervisor, Declaration],
) -> None:
    gate, hypervisor, declared = tiny
    for name in ("lab", "fast"):
        gate.create(declared.given("pool", name))
    item = declared.item("disk", "web")
    stored = image_store.resolve(hypervisor.folders, item.spec["image"])
    assert stored
    document = libvirt_twins.disk_document(item, read_environment(declared.path), hypervisor.folders, stored.disk)
    hypervisor.connection.storagePoolLookupByName("lab").createXML(document)
    assert WEB not in read(hypervisor, declared).there
    gate.create(declared.given("disk", "web", adopt=True))
    assert WEB in read(hypervisor, declared).there


def test_a_disk_whose_content_would_be_lost_is_refused_at_once(tiny: tuple[Gate, Hypervisor, Declaration]) -> None:
    gate, hypervisor, declared = tiny
    gate.create(declared.given("pool", "lab"))
    disk = hypervisor.folders.pool("lab") / "web.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", disk, "64M"], check=True)
    try:
        with pytest.raises(pulumi.RunError, match=r"disk web: exists already.* what is there would be lost"):
            read(hypervisor, declared)
    finally:
        disk.unlink()
