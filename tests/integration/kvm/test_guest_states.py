# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Guests as somebody else left them on a real libvirt: edited, with snapshots, UEFI variables, a TPM; put right, or
removed whole and nothing else."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import libvirt
import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.environment import Disk, StoragePool
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import ForeignObjectError, HypervisorError
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm import guest_live, snapshot
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.hypervisor import Hypervisor
from ansible_collections.strata.kvm_docker.plugins.module_utils.progress import Progress
from kvm_lab import MIB, converge, empty_qcow2, environment, planned, remove, with_guest, words

pytestmark = pytest.mark.lab

ONE = environment(guests=("web",))
GROWING = with_guest(ONE, "web", memory_max=128 * MIB, vcpus_max=3)


@pytest.fixture(autouse=True)
def no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Firmware never lets go of a device."""
    monkeypatch.setattr(guest_live, "RELEASE_TIMEOUT", 0.5)


def domain_of(kvm: Hypervisor) -> Any:
    return kvm.connection.lookupByName("lab-web")


def edit(kvm: Hypervisor, change: Callable[[Element], None]) -> None:
    """What `virsh edit lab-web` does."""
    root = ElementTree.fromstring(domain_of(kvm).XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE))
    change(root)
    kvm.connection.defineXML(ElementTree.tostring(root, encoding="unicode"))


def text(path: str, value: str) -> Callable[[Element], None]:
    return lambda root: setattr(root.find(path), "text", value)


def attribute(path: str, name: str, value: str) -> Callable[[Element], None]:
    return lambda root: root.find(path).set(name, value)


def device(xml: str) -> Callable[[Element], None]:
    return lambda root: root.find("devices").append(ElementTree.fromstring(xml))


def without(path: str) -> Callable[[Element], None]:
    def change(root: Element) -> None:
        parent = root.find("devices")
        parent.remove(parent.find(path))

    return change


def kernel(root: Element) -> None:
    os = root.find("os")
    for tag, value in (("kernel", "/boot/other"), ("cmdline", "init=/bin/sh")):
        ElementTree.SubElement(os, tag).text = value


EDITS = [
    (text("memory", "262144"), ["memory_max"]),
    (text("currentMemory", "32768"), ["memory"]),
    (attribute("vcpu", "current", "2"), ["vcpus", "vcpus_emulated"]),
    (text("vcpu", "4"), ["vcpus_max"]),
    (text("cpu/model", "Nehalem"), ["edited.cpu"]),
    (attribute("cpu/feature[@name='aes']", "policy", "disable"), ["edited.cpu"]),
    (attribute("os/type", "machine", "pc-i440fx-6.2"), ["edited.os"]),
    (kernel, ["edited.os"]),
    (text("on_crash", "restart"), ["edited.on_crash"]),
    (text("on_reboot", "destroy"), ["edited.on_reboot"]),
    (attribute("clock", "offset", "localtime"), ["edited.clock"]),
    (lambda root: ElementTree.SubElement(root, "description").__setattr__("text", "mine now"), ["description"]),
    (attribute("devices/disk/source", "file", "/elsewhere.qcow2"), ["edited.disk"]),
    (attribute("devices/disk/driver", "cache", "unsafe"), ["edited.disk"]),
    (device("<disk type='file' device='cdrom'><target dev='hda' bus='ide'/><readonly/></disk>"), ["edited.disk"]),
    (attribute("devices/interface/model", "type", "e1000"), ["edited.interface"]),
    (device("<interface type='network'><source network='lab-lan'/></interface>"), ["edited.interface"]),
    (without("interface"), [f"interfaces.lan.{leaf}" for leaf in ("address", "link", "mac", "position", "resolver")]),
    (device("<serial type='pty'><target port='1'/></serial>"), ["edited.serial"]),
    (device("<graphics type='vnc' port='-1'/>"), ["edited.other"]),
    (without("rng"), ["edited.rng"]),
    (attribute("devices/memballoon", "model", "none"), ["edited.memballoon"]),
    (lambda root: root.append(ElementTree.fromstring("<cputune><shares>12</shares></cputune>")), ["edited.other"]),
]


@pytest.mark.parametrize(("change", "paths"), EDITS)
def test_an_edit_of_anything_is_found_by_its_path_and_put_right(
    kvm_as_left: Hypervisor, change: Callable[[Element], None], paths: list[str]
) -> None:
    """One edit after the other, of the guest that was put right."""
    kvm = kvm_as_left
    converge(kvm, ONE)
    edit(kvm, change)
    (found,) = planned(kvm, ONE)
    assert [".".join(difference.path) for difference in found.differences] == paths
    assert {difference.cause for difference in found.differences} == {"drift"}
    converge(kvm, ONE)
    assert not planned(kvm, ONE)


@pytest.mark.parametrize(
    "changes",
    [
        {"firmware": "uefi"},
        {"memory_max": 256 * MIB, "vcpus_max": 4},
        {"disks": {"data": Disk(size=MIB), "more-of-it": Disk(size=MIB)}},
        {"description": "what it is <for>"},
        {"autostart": False},
    ],
)
def test_what_libvirt_fills_in_is_no_difference(kvm: Hypervisor, changes: dict[str, Any]) -> None:
    declared = with_guest(ONE, "web", **changes)
    converge(kvm, declared)
    assert not planned(kvm, declared)
    domain_of(kvm).destroy()
    assert words(planned(kvm, declared)) == ["start guest web"]


def test_what_changes_within_the_maximum_changes_while_the_guest_runs(kvm: Hypervisor) -> None:
    converge(kvm, GROWING)
    before = domain_of(kvm).ID()
    changed = with_guest(GROWING, "web", memory=96 * MIB, description="grown")
    (change,) = converge(kvm, changed)
    assert (change.action, domain_of(kvm).ID()) == ("update", before)
    live = ElementTree.fromstring(domain_of(kvm).XMLDesc())
    assert live.findtext("description") == "grown"
    assert not planned(kvm, changed)
    (change,) = planned(kvm, with_guest(changed, "web", memory=192 * MIB, memory_max=192 * MIB))
    assert (change.action, change.reason) == ("restart", "memory_max changed")
    (change,) = planned(kvm, with_guest(changed, "web", vcpus=3))
    assert (change.action, change.reason) == ("restart", "vcpus_emulated changed")


def test_a_data_disk_is_plugged_in_and_a_guest_that_does_not_let_go_is_restarted_without_it(kvm: Hypervisor) -> None:
    converge(kvm, ONE)
    before = domain_of(kvm).ID()
    declared = with_guest(ONE, "web", disks={"data": Disk(size=MIB)})
    assert words(converge(kvm, declared)) == ["create disk web.data", "update guest web"]
    assert domain_of(kvm).ID() == before
    assert not planned(kvm, declared)
    assert words(converge(kvm, ONE)) == ["delete disk web.data", "update guest web"]
    assert domain_of(kvm).isActive()
    assert not planned(kvm, ONE)
    assert not (kvm.folders.pool("lab") / "web.data.qcow2").exists()


def test_a_link_goes_down_and_up_while_the_guest_runs(kvm: Hypervisor) -> None:
    converge(kvm, ONE)
    before = domain_of(kvm).ID()
    lan = ONE.guests["web"].networks["lan"]
    for state in ("down", "up"):
        declared = with_guest(ONE, "web", networks={"lan": replace(lan, link=state)})
        assert words(converge(kvm, declared)) == ["update guest web"]
        assert not planned(kvm, declared)
        link = ElementTree.fromstring(domain_of(kvm).XMLDesc()).find("devices/interface/link")
        assert ("up" if link is None else link.get("state"), domain_of(kvm).ID()) == (state, before)


def test_a_kept_disk_outlives_its_environment_and_is_found_again(kvm: Hypervisor) -> None:
    declared = with_guest(ONE, "web", disks={"data": Disk(size=MIB, keep=True), "gone": Disk(size=MIB)})
    converge(kvm, declared)
    kept = kvm.folders.pool("lab") / "web.data.qcow2"
    before = kept.stat().st_ino
    remove(kvm, "lab")
    assert [path.name for path in kvm.folders.pool("lab").iterdir()] == ["web.data.qcow2"]
    assert "create disk web.data" not in words(converge(kvm, declared))
    assert kept.stat().st_ino == before
    converge(kvm, with_guest(declared, "web", disks={"data": Disk(size=MIB)}))
    remove(kvm, "lab")
    assert not kept.exists()


def test_a_kept_disk_in_a_declared_pool_is_found_again(kvm: Hypervisor) -> None:
    folder = kvm.folders.root / "fast"
    disks = {"data": Disk(size=MIB, pool="fast", keep=True)}
    declared = replace(with_guest(ONE, "web", disks=disks), pools={"fast": StoragePool(path=str(folder))})
    converge(kvm, declared)
    kept = folder / "lab-web.data.qcow2"
    before = kept.stat().st_ino
    assert not planned(kvm, declared)
    remove(kvm, "lab")
    converge(kvm, with_guest(declared, "web", disks={"data": replace(disks["data"], size=2 * MIB)}))
    assert kept.stat().st_ino == before
    converge(kvm, with_guest(declared, "web", disks={"data": replace(disks["data"], size=2 * MIB, keep=False)}))
    remove(kvm, "lab")
    assert not list(folder.iterdir())
    folder.rmdir()


def test_a_snapshot_of_a_running_guest_is_reverted_to_and_the_plan_stays_empty(kvm: Hypervisor) -> None:
    converge(kvm, ONE)
    assert snapshot.create(kvm, "lab", "web", "one", "the first")
    assert not snapshot.create(kvm, "lab", "web", "one")
    assert not planned(kvm, ONE)
    (found,) = snapshot.observe(kvm, "lab", "web")
    assert (found.name, found.description, found.running, found.current) == ("one", "the first", True, True)
    domain_of(kvm).destroy()
    assert snapshot.create(kvm, "lab", "web", "off")
    snapshot.revert(kvm, "lab", "web", "one", Progress())
    assert domain_of(kvm).isActive()
    assert not planned(kvm, ONE)
    snapshot.revert(kvm, "lab", "web", "off", Progress())
    assert words(converge(kvm, ONE)) == ["start guest web"]
    assert [item.name for item in snapshot.observe(kvm, "lab", "web")] == ["one", "off"]
    assert snapshot.delete(kvm, "lab", "web", "one")
    assert not snapshot.delete(kvm, "lab", "web", "one")
    remove(kvm, "lab")
    assert not kvm.connection.listAllDomains()


def test_a_guest_with_snapshots_changes_and_grows_and_a_revert_brings_back_what_it_was(kvm: Hypervisor) -> None:
    converge(kvm, GROWING)
    snapshot.create(kvm, "lab", "web", "small")
    changed = with_guest(GROWING, "web", disk=96 * MIB, memory=96 * MIB, description="later")
    converge(kvm, changed)
    assert not planned(kvm, changed)
    snapshot.revert(kvm, "lab", "web", "small", Progress())
    assert words(planned(kvm, changed)) == ["update disk web", "update guest web"]
    converge(kvm, changed)
    assert not planned(kvm, changed)


def test_snapshots_of_guests_that_cannot_have_them_are_refused(kvm: Hypervisor) -> None:
    converge(kvm, with_guest(ONE, "web", firmware="uefi"))
    with pytest.raises(HypervisorError, match="cannot keep UEFI's variables"):
        snapshot.create(kvm, "lab", "web", "one")
    with pytest.raises(HypervisorError, match="no such guest"):
        snapshot.create(kvm, "lab", "db", "one")
    with pytest.raises(HypervisorError, match=r"there is no snapshot 'one'; there are: none"):
        snapshot.revert(kvm, "lab", "web", "one", Progress())


def test_a_strangers_guest_has_its_snapshots_left_alone(kvm: Hypervisor) -> None:
    xml = "<domain type='qemu'><name>lab-web</name><memory>1024</memory><os><type>hvm</type></os></domain>"
    stranger = kvm.connection.defineXML(xml)
    try:
        with pytest.raises(ForeignObjectError, match="does not belong to environment lab"):
            snapshot.create(kvm, "lab", "web", "one")
    finally:
        stranger.undefine()


def beside(kvm: Hypervisor, kind: str) -> list[str]:
    """What libvirt keeps beside its domains."""
    return sorted(str(path) for path in (kvm.folders.hypervisor / "lib").glob(f"**/{kind}/**/*") if path.is_file())


def test_a_uefi_guest_with_a_tpm_is_removed_whole(kvm: Hypervisor) -> None:
    converge(kvm, with_guest(ONE, "web", firmware="uefi"))
    domain_of(kvm).destroy()
    edit(kvm, device("<tpm model='tpm-tis'><backend type='emulator' version='2.0'/></tpm>"))
    domain_of(kvm).create()
    assert len(beside(kvm, "nvram")) == 1
    assert beside(kvm, "swtpm")
    remove(kvm, "lab")
    assert not kvm.connection.listAllDomains()
    assert not beside(kvm, "nvram") + beside(kvm, "swtpm")


def test_a_guest_that_leaves_uefi_leaves_no_variables(kvm: Hypervisor) -> None:
    converge(kvm, with_guest(ONE, "web", firmware="uefi"))
    assert len(beside(kvm, "nvram")) == 1
    assert words(converge(kvm, ONE)) == ["restart guest web"]
    assert not beside(kvm, "nvram")
    assert not planned(kvm, ONE)


def test_a_cd_rom_that_was_put_in_is_taken_out_and_its_image_stays(kvm: Hypervisor, tmp_path: Path) -> None:
    image = kvm.folders.root / "rescue.iso"
    image.write_bytes(bytes(MIB))
    converge(kvm, ONE)
    drive = "<disk type='file' device='cdrom'><source file='{}'/><target dev='hda' bus='ide'/><readonly/></disk>"
    edit(kvm, device(drive.format(image)))
    converge(kvm, ONE)
    assert not planned(kvm, ONE)
    edit(kvm, device(drive.format(image)))
    remove(kvm, "lab")
    assert image.exists()
    image.unlink()


def test_an_external_snapshot_is_never_started_without_and_goes_with_its_guest(kvm: Hypervisor) -> None:
    converge(kvm, ONE)
    disks = "<disks><disk name='vda' snapshot='external'/><disk name='vdb' snapshot='no'/></disks>"
    domain_of(kvm).snapshotCreateXML(
        f"<domainsnapshot><name>theirs</name>{disks}</domainsnapshot>", libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_DISK_ONLY
    )
    with pytest.raises(HypervisorError, match=r"web\.theirs, an external snapshot of its disk, .*virsh blockcommit"):
        converge(kvm, ONE)
    assert domain_of(kvm).isActive()
    with pytest.raises(HypervisorError, match="external one"):
        snapshot.revert(kvm, "lab", "web", "theirs", Progress())
    remove(kvm, "lab")
    assert not kvm.folders.pool("lab").exists()


def test_a_disk_that_a_strangers_domain_stands_on_is_not_deleted(kvm: Hypervisor) -> None:
    converge(kvm, ONE)
    disk = kvm.folders.pool("lab") / "web.qcow2"
    overlay = kvm.folders.root / "theirs.qcow2"
    argv = ["qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", str(disk), str(overlay)]
    domain_of(kvm).destroy()
    subprocess.run(argv, check=True)
    stranger = kvm.connection.defineXML(
        "<domain type='qemu'><name>theirs</name><memory>1024</memory><os><type>hvm</type></os><devices>"
        f"<disk type='file'><source file='{overlay}'/><target dev='vda' bus='virtio'/></disk></devices></domain>"
    )
    with pytest.raises(HypervisorError, match="domain theirs, which is not ours, uses it"):
        remove(kvm, "lab")
    assert disk.exists()
    stranger.undefine()
    overlay.unlink()
    remove(kvm, "lab")
    assert not disk.exists()


def test_a_damaged_data_disk_is_not_made_anew(kvm: Hypervisor) -> None:
    declared = with_guest(ONE, "web", disks={"data": Disk(size=MIB)})
    converge(kvm, declared)
    domain_of(kvm).destroy()
    with (kvm.folders.pool("lab") / "web.data.qcow2").open("r+b") as stream:
        stream.write(bytes(64))
    with pytest.raises(HypervisorError, match="is there and no whole disk of ours"):
        converge(kvm, declared)
    empty_qcow2(kvm.folders.pool("lab") / "web.data.qcow2", MIB)
    converge(kvm, declared)
