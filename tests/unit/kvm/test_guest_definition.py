# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What another front end defines from the same parts, on libvirt's test driver: the core finds it as declared."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import kvm_lab
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest import image_store
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.disk import Disk, mark_of
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.guest_definition import (
    domain_xml_of,
    guest_files,
    note_written,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.guest_spec import guest_spec
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.mark import Mark
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.overlay import mark_overlay, volume_xml
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.pool import pool_identity, render_pool
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.model import Key

LAB = kvm_lab.environment(guests=["web"])
WEB = LAB.guests["web"]


def edited(hypervisor: Any) -> bool:
    """Whether the definition of the guest is found to be another one than what was written."""
    found = next(item for item in kvm_lab.observe(hypervisor, "lab") if item.key == Key("guest", "web"))
    return any(found.spec["edited"].values())


def left(hypervisor: Any) -> list[str]:
    return kvm_lab.words(kvm_lab.planned(hypervisor, LAB))


def test_a_domain_of_our_xml_is_as_declared_once_it_is_noted_how_libvirt_wrote_it(hypervisor: Any) -> None:
    kvm_lab.apply(hypervisor, [one for one in kvm_lab.planned(hypervisor, LAB) if one.key.kind != "guest"])
    stored = image_store.resolve(hypervisor.folders, kvm_lab.RECIPES[0])
    assert stored
    domain = hypervisor.connection.defineXML(domain_xml_of(LAB, WEB, kvm_lab.INPUTS, stored, hypervisor.folders))
    domain.setAutostart(WEB.autostart)
    assert edited(hypervisor)
    note_written(domain, Mark(environment="lab", applied=guest_spec(LAB, WEB, kvm_lab.INPUTS)))
    assert not edited(hypervisor)
    assert left(hypervisor) == ["start guest web"]
    domain.create()
    assert left(hypervisor) == []
    domain.destroy()


def test_a_pool_and_a_disk_of_our_xml_and_mark_are_as_declared(hypervisor: Any) -> None:
    kvm_lab.apply(hypervisor, [one for one in kvm_lab.planned(hypervisor, LAB) if one.key.kind == "network"])
    identity, folder = pool_identity("lab", "lab"), hypervisor.folders.pool("lab")
    folder.mkdir(parents=True)
    pool = hypervisor.connection.storagePoolDefineXML(render_pool(identity.name, identity.uuid, folder))
    pool.setAutostart(True)
    pool.create()
    (disk,) = Disk().declare(LAB, kvm_lab.INPUTS)
    path = guest_files(LAB, WEB, hypervisor.folders)["disk"]
    stored = image_store.resolve(hypervisor.folders, kvm_lab.RECIPES[0])
    assert stored
    volume = pool.createXML(volume_xml(path.name, disk.spec["size"], stored.disk))
    assert ElementTree.fromstring(volume.XMLDesc()).findtext("target/path") == str(path)
    kvm_lab.empty_qcow2(path, disk.spec["size"], stored.disk)
    mark_overlay(path, mark_of(disk))
    assert left(hypervisor) == ["create guest web"]


def test_a_declared_pool_is_known_by_the_names_of_both() -> None:
    assert [pool_identity("lab", name).name for name in ("lab", "fast")] == ["lab", "lab-fast"]
    assert pool_identity("lab", "fast").uuid != pool_identity("lab", "lab").uuid
