# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Strangers of our names on libvirt's test driver: what of them is taken over, and what is in the way."""

from __future__ import annotations

import os
from dataclasses import replace
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import libvirt
import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils import naming
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.checks import check
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.environment import (
    Environment,
    GuestNetwork,
    StoragePool,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import ForeignObjectError
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest import image_store
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.host import facts
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.stranger import former_path
from kvm_lab import RECIPES, converge, environment, planned, words

ONE = environment(guests=("web",))


def refusal(hypervisor: Any, declared: Environment) -> str:
    with pytest.raises(ForeignObjectError) as refused:
        planned(hypervisor, declared, adopt=True)
    assert "adopt: true" not in str(refused.value)
    return str(refused.value)


def estranged(hypervisor: Any, *tags: str) -> Element:
    """The guest web, off, as somebody has defined it anew without *tags* of its definition."""
    domain = hypervisor.connection.lookupByName("lab-web")
    if domain.isActive():
        domain.destroy()
    root = ElementTree.fromstring(domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE))
    for tag in tags:
        for part in root.findall(tag):
            root.remove(part)
    return redefined(hypervisor, root)


def redefined(hypervisor: Any, root: Element) -> Element:
    hypervisor.connection.lookupByName("lab-web").undefine()
    hypervisor.connection.defineXML(ElementTree.tostring(root, encoding="unicode"))
    return root


@pytest.mark.parametrize("tags", [("uuid",), ("metadata",), ("uuid", "metadata")])
def test_a_guest_that_was_defined_anew_by_hand_is_taken_over(hypervisor: Any, tags: tuple[str, ...]) -> None:
    converge(hypervisor, ONE)
    estranged(hypervisor, *tags)
    former = hypervisor.connection.lookupByName("lab-web").UUIDString()
    made = converge(hypervisor, ONE, adopt=True)
    assert [str(change) for change in made] == ["start guest web: adopted: somebody else made it"]
    domain = hypervisor.connection.lookupByName("lab-web")
    assert domain.UUIDString() == str(naming.object_uuid("lab", "guest", "web"))
    assert not planned(hypervisor, ONE)
    kept = ElementTree.parse(former_path(hypervisor.folders, "lab", "web"))
    assert kept.findtext("uuid") == former


def test_guests_networks_and_pools_of_another_environment_are_not_taken_over(hypervisor: Any, tmp_path: Path) -> None:
    theirs = replace(environment("lab-2", guests=("web",)), pools={"fast": StoragePool(path=str(tmp_path))})
    converge(hypervisor, theirs)
    guests = {"2-web": replace(theirs.guests["web"], name="2-web", networks={})}
    networks = {"2-lan": GuestNetwork(cidr=IPv4Network("10.9.0.0/24"))}
    pools = {"2-fast": StoragePool(path=str(tmp_path)), "2": StoragePool(path=str(hypervisor.folders.pool("lab-2")))}
    said = refusal(hypervisor, Environment(name="lab", folder="/", networks=networks, pools=pools, guests=guests))
    for key in ("guest 2-web", "network 2-lan", "pool 2", "pool 2-fast"):
        assert f"{key} cannot be taken over: it belongs to environment lab-2." in said
    assert not planned(hypervisor, theirs)


def test_a_guest_with_the_mark_of_another_environment_is_not_taken_over(hypervisor: Any) -> None:
    converge(hypervisor, ONE)
    root = estranged(hypervisor, "uuid")
    next(root.iter(f"{{{naming.XML_NAMESPACE}}}object")).set("environment", "shop")
    redefined(hypervisor, root)
    assert "guest web cannot be taken over: it belongs to environment shop." in refusal(hypervisor, ONE)


@pytest.mark.parametrize(
    ("path", "attribute", "value", "why"),
    [
        ("devices/disk/source", "file", "/x.qcow2", "its disk vda (/x.qcow2) is not there"),
        ("devices/disk/source", "file", __file__, f"its disk vda ({__file__}) is not at the place of one of this"),
        ("devices/disk/driver", "type", "raw", "its disk vda ({pool}/web.qcow2) is not said to be qcow2"),
        ("devices/disk", "device", "cdrom", "it does not have the first disk of this guest"),
    ],
)  # fmt: skip
def test_a_guest_with_other_disks_is_not_taken_over(
    hypervisor: Any, path: str, attribute: str, value: str, why: str
) -> None:
    converge(hypervisor, ONE)
    root = estranged(hypervisor, "uuid", "metadata")
    root.find(path).set(attribute, value)
    if value == "cdrom":
        root.find("devices/disk/target").attrib.update(dev="hda", bus="ide")
    redefined(hypervisor, root)
    assert f"guest web cannot be taken over: {why.format(pool=hypervisor.folders.pool('lab'))}" in refusal(
        hypervisor, ONE
    )


def test_variables_of_uefi_that_would_not_be_found_are_in_the_way(hypervisor: Any) -> None:
    converge(hypervisor, ONE)
    root = estranged(hypervisor, "uuid", "metadata")
    os_element = root.find("os")
    ElementTree.SubElement(os_element, "loader", type="pflash", readonly="yes").text = "/firmware"
    ElementTree.SubElement(os_element, "nvram").text = "/nvram/other.fd"
    redefined(hypervisor, root)
    assert "its UEFI variables, /nvram/other.fd, would not be found" in refusal(hypervisor, ONE)


def test_the_pool_of_the_environment_is_taken_over_in_its_folder_only(hypervisor: Any, tmp_path: Path) -> None:
    pool = "<pool type='dir'><name>lab</name><target><path>{}</path></target></pool>"
    stranger = hypervisor.connection.storagePoolDefineXML(pool.format(tmp_path))
    assert f"its folder is {tmp_path}, of another state folder or of somebody else" in refusal(hypervisor, ONE)
    stranger.undefine()
    hypervisor.connection.storagePoolDefineXML(pool.format(hypervisor.folders.pool("lab")))
    assert "start pool lab" in words(converge(hypervisor, ONE, adopt=True))
    assert not planned(hypervisor, ONE)


def test_a_strangers_pool_of_the_very_name_is_for_the_plan_to_refuse(hypervisor: Any, tmp_path: Path) -> None:
    for name in ("lab-fast", "other"):
        hypervisor.connection.storagePoolDefineXML(
            f"<pool type='dir'><name>{name}</name><target><path>{tmp_path / name}</path></target></pool>"
        )
    pools = {"fast": StoragePool(path=str(tmp_path / "lab-fast")), "slow": StoragePool(path=str(tmp_path / "other"))}
    told = check(Environment(name="lab", folder="/", pools=pools), facts(hypervisor, "lab"))
    assert [problem.path for problem in told] == ["pools.slow.path"]


def test_of_several_recipes_that_led_to_one_image_the_last_one_is_told(hypervisor: Any) -> None:
    recipes = hypervisor.folders.images / "recipes"
    stored = image_store.resolve(hypervisor.folders, RECIPES[0])
    assert stored
    assert image_store.recipe_of(hypervisor.folders, stored.disk) == RECIPES[0]
    later = recipes / f"{'c' * 64}.json"
    later.write_bytes((recipes / f"{RECIPES[0]}.json").read_bytes())
    os.utime(later, (2**31, 2**31))
    assert image_store.recipe_of(hypervisor.folders, stored.disk) == "c" * 64
    assert image_store.recipe_of(hypervisor.folders, Path("/elsewhere") / stored.disk.name) == ""
