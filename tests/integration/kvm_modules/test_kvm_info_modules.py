# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules that look at networks, pools, disks, snapshots and guest images, on a real libvirt."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.hypervisor import Hypervisor
from docker_module import Modules
from kvm_lab import MIB, converge, empty_qcow2, environment, planned

pytestmark = pytest.mark.lab

ONE = environment(guests=("web",))
LOOKS = {"guest_network": "networks", "storage_pool": "pools", "disk": "disks", "snapshot": "snapshots"}


def looked(modules: Modules, module: str, **options: Any) -> list[dict[str, Any]]:
    """What the module's look tells, in check mode and out of it."""
    told = [modules.run(f"{module}_info", check=check, **options) for check in (True, False)]
    assert [result["changed"] for result in told] == [False, False]
    seen = [result[LOOKS[module]] for result in told]
    assert seen[0] == seen[1]
    return list(seen[1])


def test_what_a_module_made_is_told_as_the_module_returned_it(modules: Modules, kvm: Hypervisor) -> None:
    assert [looked(modules, module) for module in LOOKS] == [[], [], [], []]
    modules.run("guest_network", name="lan", cidr="10.211.0.0/20", forward="isolated")
    pool = modules.run("storage_pool", name="fast", path=str(kvm.folders.root / "srv" / "looked"))["pool"]
    image = kvm.folders.root / "looked.qcow2"
    empty_qcow2(image, 16 * MIB)
    web: dict[str, Any] = {"name": "web", "source": str(image), "memory": "64 MiB", "disk": "64 MiB"}
    web |= {"networks": {"lan": {"address": "10.211.0.11"}}, "virt_type": "qemu", "wait": "none"}
    modules.run("guest", **web)
    disk = modules.run("disk", guest="web", name="data", size="1 MiB", pool="fast", keep=True)["disk"]
    network = modules.run("guest_network", name="lan", cidr="10.211.0.0/20", forward="isolated")["network"]
    snapshots = modules.run("snapshot", guest="web", name="first", description="as made")["snapshots"]
    assert looked(modules, "guest_network") == looked(modules, "guest_network", name="lan") == [network]
    assert (network["name"], list(network["hosts"])) == ("lan", ["web"])
    assert looked(modules, "storage_pool", name="fast") == [pool]
    assert looked(modules, "disk", guest="web", name="data") == [disk]
    assert looked(modules, "snapshot") == looked(modules, "snapshot", guest="web", name="first") == snapshots
    assert [(snapshot["guest"], snapshot["name"]) for snapshot in snapshots] == [("web", "first")]
    for module in LOOKS:
        name = {"guest": "nobody", "name": "none"} if module in ("disk", "snapshot") else {"name": "none"}
        assert looked(modules, module, **name) == []


def test_all_of_an_environment_are_told_by_name(modules: Modules, kvm: Hypervisor) -> None:
    converge(kvm, environment())
    own = looked(modules, "storage_pool")
    path = str(kvm.folders.pool("lab"))
    assert [(pool["name"], pool["libvirt_name"], pool["path"], pool["running"]) for pool in own] == [
        ("lab", "lab", path, True)
    ]
    assert kvm.connection.storagePoolLookupByName("lab").UUIDString() == own[0]["uuid"]
    assert [disk["name"] for disk in looked(modules, "disk")] == ["apps", "web"]
    assert [disk["path"] for disk in looked(modules, "disk", guest="web")] == [f"{path}/web.qcow2"]
    for guest in ("web", "apps"):
        modules.run("snapshot", guest=guest, name="first")
    assert [snapshot["guest"] for snapshot in looked(modules, "snapshot")] == ["apps", "web"]


def test_a_disk_that_outlived_its_guest_is_told(modules: Modules, kvm: Hypervisor) -> None:
    converge(kvm, ONE)
    disk = modules.run("disk", guest="web", name="data", size="1 MiB", keep=True)["disk"]
    modules.run("guest", name="web", state="absent")
    assert looked(modules, "disk") == looked(modules, "disk", guest="web") == [disk]
    Path(disk["path"]).unlink()


@pytest.fixture
def strangers(kvm: Hypervisor) -> Iterator[None]:
    """Objects whose names are those of the environment, and which are not its own."""
    converge(kvm, ONE)
    connection = kvm.connection
    folder = kvm.folders.root / "theirs"
    network = connection.networkDefineXML("<network><name>lab-x</name></network>")
    pool = connection.storagePoolDefineXML(
        f"<pool type='dir'><name>lab-x</name><target><path>{folder}</path></target></pool>"
    )
    domain = connection.defineXML(
        "<domain type='qemu'><name>lab-x</name><memory>1024</memory><os><type>hvm</type></os></domain>"
    )
    file = kvm.folders.pool("lab") / "x.qcow2"
    empty_qcow2(file, MIB)
    yield
    file.unlink()
    for thing in (network, pool, domain):
        thing.undefine()


@pytest.mark.usefixtures("strangers")
def test_what_others_made_under_our_names_is_not_told(modules: Modules, kvm: Hypervisor) -> None:
    assert {disk["name"] for disk in looked(modules, "disk")} == {"web"}
    assert {network["name"] for network in looked(modules, "guest_network")} == {"lan"}
    assert {pool["name"] for pool in looked(modules, "storage_pool")} == {"lab"}
    assert looked(modules, "snapshot") == looked(modules, "snapshot", guest="x") == []
    assert not planned(kvm, ONE)


def test_an_image_is_told_as_the_module_returned_it(kvm: Hypervisor) -> None:
    store = Modules(defaults={"state_folder": str(kvm.folders.root)})
    source = kvm.folders.root / "told.qcow2"
    empty_qcow2(source, 24 * MIB)
    made = store.run("guest_image", name="told", source=str(source))
    assert made["image"]["recipe"] == made["recipe"]
    assert made["image"] in store.run("guest_image_info")["images"]
    told = store.run("guest_image_info", check=True, recipe=made["recipe"])
    assert (told["changed"], told["images"]) == (False, [made["image"]])
