# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pools, disks and guests that somebody else made on a real libvirt: refused, and taken over with what is in them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import libvirt
import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.environment import (
    Disk,
    Environment,
    StoragePool,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import ForeignObjectError
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest import image_store
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.hypervisor import Hypervisor
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.stranger import former_path
from kvm_lab import MIB, RECIPES, apply, converge, environment, planned, remove, with_guest, words

pytestmark = pytest.mark.lab

ONE = environment(guests=("web",))
POOL = "<pool type='dir'><name>{name}</name><target><path>{path}</path></target></pool>"
DOMAIN = """
<domain type='qemu'>
  <name>lab-web</name>
  <memory unit='MiB'>48</memory>
  <os{firmware}><type arch='x86_64' machine='pc'>hvm</type></os>
  <features><acpi/></features>
  <devices>
    <disk type='file' device='disk'>
      <driver name='qemu' type='qcow2'/><source file='{disk}'/><target dev='sda' bus='sata'/>
    </disk>
    <interface type='network'><source network='lab-lan'/><mac address='52:54:00:00:00:07'/></interface>
    <graphics type='vnc'/>
    {devices}
  </devices>
</domain>
"""


@pytest.fixture(autouse=True)
def nothing_left(kvm: Hypervisor) -> Iterator[None]:
    """What is still a stranger's at the end is the test's to remove."""
    yield
    flags = libvirt.VIR_DOMAIN_UNDEFINE_NVRAM | libvirt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA
    for thing in [*kvm.connection.listAllDomains(), *kvm.connection.listAllStoragePools()]:
        with suppress(libvirt.libvirtError):
            thing.destroy()
        thing.undefineFlags(flags) if isinstance(thing, libvirt.virDomain) else thing.undefine()
    for path in kvm.folders.pool("lab").glob("*"):
        path.unlink()


def first_disk(kvm: Hypervisor, size: int = 64 * MIB, recipe: str = RECIPES[0]) -> Path:
    """An overlay over an image of the store, made with qemu-img, with data in it."""
    stored = image_store.resolve(kvm.folders, recipe)
    assert stored
    path = kvm.folders.pool("lab") / "web.qcow2"
    path.parent.mkdir(parents=True, exist_ok=True)
    qemu("qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", str(stored.disk), str(path), str(size))
    return written(path)


def data_disk(path: Path, size: int = 8 * MIB) -> Path:
    qemu("qemu-img", "create", "-q", "-f", "qcow2", str(path), str(size))
    return written(path)


def written(path: Path) -> Path:
    qemu("qemu-io", "-f", "qcow2", "-c", "write -P 0x5a 1M 64k", str(path))
    return path


def is_unchanged(path: Path) -> bool:
    return "failed" not in qemu("qemu-io", "-U", "-r", "-f", "qcow2", "-c", "read -P 0x5a 1M 64k", str(path))


def qemu(*argv: str) -> str:
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout


def strangers_guest(kvm: Hypervisor, devices: str = "", firmware: str = "", disk: Path | None = None) -> Any:
    path = disk or first_disk(kvm)
    return kvm.connection.defineXML(DOMAIN.format(disk=path, devices=devices, firmware=firmware))


def drive(path: Path, target: str) -> str:
    driver = "<driver name='qemu' type='qcow2'/>"
    return f"<disk type='file'>{driver}<source file='{path}'/><target dev='{target}' bus='virtio'/></disk>"


def refusal(kvm: Hypervisor, declared: Environment, adopt: bool = True) -> str:
    with pytest.raises(ForeignObjectError) as refused:
        converge(kvm, declared, adopt=adopt)
    return str(refused.value)


def with_pool(path: Path, autostart: bool = True) -> Environment:
    pool = StoragePool(path=str(path), autostart=autostart)
    return replace(environment(guests=()), networks={}, pools={"fast": pool})


@pytest.mark.parametrize("active", [True, False])
def test_a_strangers_pool_is_taken_over_with_its_files(kvm: Hypervisor, active: bool) -> None:
    folder = kvm.folders.root / "srv" / "adopted"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "theirs.img").write_bytes(bytes(range(256)))
    stranger = kvm.connection.storagePoolDefineXML(POOL.format(name="lab-fast", path=folder))
    if active:
        stranger.create()
    declared = with_pool(folder)
    assert "or give adopt: true to take it over" in refusal(kvm, declared, adopt=False)
    (change,) = converge(kvm, declared, adopt=True)
    action = "restart" if active else "start"
    assert str(change) == f"{action} pool fast: adopted: somebody else made it"
    assert [difference.path for difference in change.differences] == [("autostart",)]
    pool = kvm.connection.storagePoolLookupByName("lab-fast")
    assert (pool.isActive(), pool.autostart(), pool.UUIDString() != stranger.UUIDString()) == (1, 1, True)
    assert [volume.name() for volume in pool.listAllVolumes()] == ["theirs.img"]
    assert not planned(kvm, declared)
    apply(kvm, [change])
    remove(kvm, "lab")
    assert not kvm.connection.listAllStoragePools()
    assert (folder / "theirs.img").read_bytes() == bytes(range(256))


def test_a_pool_elsewhere_or_of_another_type_is_not_taken_over(kvm: Hypervisor) -> None:
    folder = kvm.folders.root / "srv" / "declared"
    theirs = kvm.folders.root / "srv" / "theirs"
    stranger = kvm.connection.storagePoolDefineXML(POOL.format(name="lab-fast", path=theirs))
    for adopt in (True, False):
        said = refusal(kvm, with_pool(folder), adopt)
        assert f"pool fast cannot be taken over: it is in {theirs} and would leave its disks there" in said
        assert "adopt: true" not in said
    stranger.undefine()
    source = "<source><host name='localhost'/><dir path='/exports'/><format type='nfs'/></source>"
    kvm.connection.storagePoolDefineXML(
        POOL.format(name="lab-fast", path=folder).replace("dir'", "netfs'", 1).replace("<target>", f"{source}<target>")
    )
    assert "it is of type netfs" in refusal(kvm, with_pool(folder))


def test_a_pool_of_another_environment_is_not_taken_over(kvm: Hypervisor) -> None:
    folder = kvm.folders.root / "srv" / "other"
    theirs = replace(environment("lab-2", guests=()), networks={}, pools={"x": StoragePool(path=str(folder))})
    converge(kvm, theirs)
    ours = replace(with_pool(folder), pools={"2-x": StoragePool(path=str(folder))})
    assert "pool 2-x cannot be taken over: it belongs to environment lab-2" in refusal(kvm, ours)
    remove(kvm, "lab-2")


def test_a_strangers_guest_is_taken_over_with_its_disks(kvm: Hypervisor) -> None:
    disk = first_disk(kvm)
    data = data_disk(kvm.folders.pool("lab") / "web.data.qcow2")
    stranger = strangers_guest(kvm, drive(data, "vdz"), disk=disk)
    declared = with_guest(ONE, "web", disk=80 * MIB, disks={"data": Disk(size=8 * MIB)})
    assert "disks.data.serial is none, and none is declared: what is there would be lost" in refusal(kvm, ONE)
    said = refusal(kvm, declared, adopt=False)
    assert said.startswith("disk web, disk web.data, guest web: exists already and does not belong to this environment")
    assert said.endswith("or give adopt: true to take it over.")
    assert stranger.isActive() == 0
    previewed = planned(kvm, declared, adopt=True)
    made = converge(kvm, declared, adopt=True)
    assert [(str(change), change.differences) for change in made] == [
        (str(change), change.differences) for change in previewed
    ]
    assert words(made) == [
        "create network lan",
        "create pool lab",
        "update disk web",
        "update disk web.data",
        "start guest web",
    ]
    told = [change for change in made if change.key.kind in ("disk", "guest")]
    assert {change.reason for change in told} == {"adopted: somebody else made it"}
    shown = {".".join(one.path): (one.before, one.after) for change in told for one in change.differences}
    assert shown["size"] == (64 * MIB, 80 * MIB)
    assert shown["memory"] == (48 * MIB, 64 * MIB)
    assert shown["interfaces.lan.mac"][0] == "52:54:00:00:00:07"
    assert shown["edited.other"] == (["graphics 1 added"], [])
    assert shown["edited.disk"] == (["disk sda: target@bus is sata, not virtio"], [])
    assert "image" not in shown
    domain = kvm.connection.lookupByName("lab-web")
    assert (domain.isActive(), domain.UUIDString() != stranger.UUIDString()) == (1, True)
    assert is_unchanged(disk)
    assert is_unchanged(data)
    assert not planned(kvm, declared)
    former = former_path(kvm.folders, "lab", "web")
    assert ElementTree.parse(former).findtext("uuid") == stranger.UUIDString()
    assert former.stat().st_mode & 0o777 == 0o600
    apply(kvm, made)
    assert not planned(kvm, declared)
    remove(kvm, "lab")
    assert not kvm.connection.listAllDomains()
    assert not kvm.folders.pool("lab").exists()
    assert not former.exists()


def test_a_disk_whose_mark_was_lost_is_taken_over_under_its_guest(kvm: Hypervisor) -> None:
    """A copy that was put back from a backup, say."""
    converge(kvm, ONE)
    disk = kvm.folders.pool("lab") / "web.qcow2"
    before = kvm.connection.lookupByName("lab-web").ID()
    os.removexattr(disk, "user.strata.disk")
    assert "adopt: true" in refusal(kvm, ONE, adopt=False)
    (change,) = converge(kvm, ONE, adopt=True)
    assert str(change) == "update disk web: adopted: somebody else made it"
    assert kvm.connection.lookupByName("lab-web").ID() == before
    assert not planned(kvm, ONE)


def test_a_disk_and_its_pool_are_taken_over_together(kvm: Hypervisor) -> None:
    folder = kvm.folders.root / "srv" / "both"
    folder.mkdir(parents=True, exist_ok=True)
    kvm.connection.storagePoolDefineXML(POOL.format(name="lab-fast", path=folder))
    data = data_disk(folder / "lab-web.data.qcow2")
    disks = {"data": Disk(size=16 * MIB, pool="fast", keep=True)}
    declared = replace(with_guest(ONE, "web", disks=disks), pools={"fast": StoragePool(path=str(folder))})
    assert refusal(kvm, declared, adopt=False).startswith("disk web.data, pool fast: exists already")
    made = words(converge(kvm, declared, adopt=True))
    assert {"start pool fast", "update disk web.data", "create guest web"} <= set(made)
    assert not planned(kvm, declared)
    assert is_unchanged(data)
    remove(kvm, "lab")
    assert is_unchanged(data)
    data.unlink()


def test_a_disk_that_would_have_to_be_made_anew_is_not_taken_over(kvm: Hypervisor) -> None:
    disk = first_disk(kvm, recipe=RECIPES[1])
    before = disk.read_bytes()
    said = refusal(kvm, ONE)
    assert f"disk web cannot be taken over: image is {RECIPES[1]}, and {RECIPES[0]} is declared" in said
    disk.unlink()
    first_disk(kvm, size=128 * MIB)
    assert "cannot shrink to 64 MiB" in refusal(kvm, ONE)
    disk.unlink()
    other = data_disk(kvm.folders.root / "other.qcow2")
    qemu("qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", str(other), str(disk), "64M")
    assert f"image is {other}, and" in refusal(kvm, ONE)
    disk.write_bytes(before[:40])
    assert f"{disk} is no whole qcow2 file" in refusal(kvm, ONE)
    assert disk.read_bytes() == before[:40]
    other.unlink()


def test_a_data_disk_that_others_have_a_part_in_is_not_taken_over(kvm: Hypervisor) -> None:
    declared = with_guest(ONE, "web", disks={"data": Disk(size=8 * MIB)})
    converge(kvm, ONE)
    data = data_disk(kvm.folders.pool("lab") / "web.data.qcow2")
    theirs = kvm.connection.defineXML(
        f"<domain type='qemu'><name>theirs</name><memory>1024</memory><os><type>hvm</type></os>"
        f"<devices>{drive(data, 'vda')}</devices></domain>"
    )
    assert "domain theirs, which is not ours, uses it" in refusal(kvm, declared)
    theirs.undefine()
    above = kvm.folders.pool("lab") / "above"
    qemu("qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", str(data), str(above))
    assert f"{above} stands on it" in refusal(kvm, declared)
    qemu("qemu-img", "rebase", "-f", "qcow2", "-F", "qcow2", "-b", "", str(above))
    above.rename(data)
    assert words(converge(kvm, declared, adopt=True)) == ["update disk web.data", "update guest web"]
    assert is_unchanged(data)
    copy = kvm.folders.pool("lab") / "web.copy.qcow2"
    subprocess.run(["cp", "--preserve=xattr", str(data), str(copy)], check=True)
    two = with_guest(ONE, "web", disks={"data": Disk(size=8 * MIB), "copy": Disk(size=8 * MIB)})
    assert f"its mark says that {copy} is disk web.data of environment lab" in refusal(kvm, two)
    os.removexattr(copy, "user.strata.disk")
    assert words(converge(kvm, two, adopt=True)) == ["update disk web.copy", "update guest web"]


def test_a_guest_that_runs_is_not_taken_over(kvm: Hypervisor) -> None:
    converge(kvm, environment(guests=()))
    stranger = strangers_guest(kvm)
    stranger.create()
    for adopt in (True, False):
        said = refusal(kvm, ONE, adopt)
        assert "guest web cannot be taken over: it runs. Shut it down first (virsh shutdown lab-web)." in said
        assert "adopt: true" not in said
    assert stranger.isActive() == 1
    assert not (kvm.folders.pool("lab") / "web.seed").exists()


def test_a_guest_with_something_that_would_be_lost_is_not_taken_over(kvm: Hypervisor) -> None:
    converge(kvm, environment(guests=()))
    stranger = strangers_guest(kvm)
    stranger.snapshotCreateXML("<domainsnapshot><name>before</name></domainsnapshot>")
    assert "its snapshots would be lost (before)" in refusal(kvm, ONE)
    stranger.snapshotLookupByName("before").delete()
    stranger.create()
    stranger.managedSave()
    assert "its saved state would be lost" in refusal(kvm, ONE)
    stranger.managedSaveRemove()
    stranger.undefine()
    disk = kvm.folders.pool("lab") / "web.qcow2"
    tpm = "<tpm model='tpm-tis'><backend type='emulator' version='2.0'/></tpm>"
    stranger = strangers_guest(kvm, tpm, disk=disk)
    assert "what its TPM keeps would be lost" in refusal(kvm, ONE)
    stranger.undefine()
    more = data_disk(kvm.folders.root / "more.qcow2")
    stranger = strangers_guest(kvm, drive(more, "vdb"), disk=disk)
    assert f"its disk vdb ({more}) is not at the place of one of this guest: {disk}, and " in refusal(kvm, ONE)
    stranger.undefine()
    strangers_guest(kvm, disk=more)
    assert f"its disk sda ({more}) is not at the place" in refusal(kvm, ONE)
    assert is_unchanged(disk)
    more.unlink()


def test_a_guest_keeps_its_uefi_variables(kvm: Hypervisor) -> None:
    converge(kvm, environment(guests=()))
    stranger = strangers_guest(kvm, firmware=" firmware='efi'")
    stranger.create()
    stranger.destroy()
    (variables,) = (kvm.folders.hypervisor / "lib").glob("**/nvram/*")
    variables.write_bytes(variables.read_bytes()[:-4] + b"mine")
    declared = with_guest(ONE, "web", firmware="uefi")
    converge(kvm, declared, adopt=True)
    assert variables.read_bytes().endswith(b"mine")
    assert variables.name in kvm.connection.lookupByName("lab-web").XMLDesc()
    assert not planned(kvm, declared)
    remove(kvm, "lab")
    assert not variables.exists()


def test_a_guest_that_cannot_be_made_ours_is_back_as_it_was(kvm: Hypervisor, monkeypatch: pytest.MonkeyPatch) -> None:
    stranger = strangers_guest(kvm)
    text = stranger.XMLDesc()
    changes = planned(kvm, ONE, adopt=True)
    define = libvirt.virConnect.defineXML

    def refuse(connection: Any, xml: str) -> Any:
        if "strata" in xml:
            raise libvirt.libvirtError("no")
        return define(connection, xml)

    with monkeypatch.context() as patch:
        patch.setattr(libvirt.virConnect, "defineXML", refuse)
        with pytest.raises(Exception, match="guest web"):
            apply(kvm, changes)
    assert kvm.connection.lookupByName("lab-web").XMLDesc() == text
    assert words(converge(kvm, ONE, adopt=True)) == ["start guest web"]


def test_a_run_that_was_killed_between_the_two_definitions_is_finished(
    kvm: Hypervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = first_disk(kvm)
    stranger = strangers_guest(kvm, disk=disk)
    uuid = stranger.UUIDString()
    changes = planned(kvm, ONE, adopt=True)

    def killed(connection: Any, xml: str) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(libvirt.virConnect, "defineXML", killed)
        with pytest.raises(KeyboardInterrupt):
            apply(kvm, changes)
    assert not kvm.connection.listAllDomains()
    assert ElementTree.parse(former_path(kvm.folders, "lab", "web")).findtext("uuid") == uuid
    assert words(converge(kvm, ONE)) == ["create guest web"]
    assert is_unchanged(disk)
