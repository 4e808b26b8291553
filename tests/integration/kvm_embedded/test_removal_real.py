# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Removing an environment: what check mode says is what is done, also where the embedded hypervisor was stopped."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import kvm_lab
import lab
import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils import converge
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.environment import Disk, StoragePool
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import ConvergeError, StrataError
from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm import embedded
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.hypervisor import Hypervisor, open_hypervisor
from ansible_collections.strata.kvm_docker.plugins.module_utils.progress import Progress

pytestmark = [pytest.mark.lab, pytest.mark.guests]


@pytest.fixture
def kvm() -> Iterator[Hypervisor]:
    """A hypervisor with a guest on a network, which has a data disk in a pool, and one disk to keep."""
    with lab.root_folder() as root:
        folders = Folders(root, root / "images")
        kvm_lab.fill_store(folders, kernel=None)
        hypervisor = open_hypervisor(embedded.start(folders, Progress()), folders)
        try:
            disks = {"data": Disk(size=kvm_lab.MIB, pool="fast"), "kept": Disk(size=kvm_lab.MIB, keep=True)}
            declared = kvm_lab.with_guest(kvm_lab.environment(guests=("web",)), "web", disks=disks)
            kvm_lab.converge(hypervisor, replace(declared, pools={"fast": StoragePool(path=str(root / "fast"))}))
            yield hypervisor
        finally:
            hypervisor.close()
            embedded.stop(folders)


def absent(folders: Folders, check: bool = False) -> list[str]:
    """The changes of `state: absent`."""
    declaration = folders.root / "lab.environment.yml"
    declaration.write_text("plugin: strata.kvm_docker.environment\nname: lab\n")
    options = converge.Options(folders=folders, progress=Progress(), check=check)
    return kvm_lab.words(converge.converge(declaration, "absent", options).plan)


def test_check_mode_after_a_reboot_says_what_is_removed_and_starts_nothing(kvm: Hypervisor) -> None:
    running = absent(kvm.folders, check=True)
    embedded.stop(kvm.folders)
    before = sorted(kvm.folders.root.rglob("*"))
    stopped = absent(kvm.folders, check=True)
    assert sorted(kvm.folders.root.rglob("*")) == before
    assert not embedded.is_running(kvm.folders)
    assert stopped == running
    assert set(absent(kvm.folders)) == set(stopped)
    assert {"delete guest web", "delete network lan", "delete disk web.data", "delete pool fast"} <= set(stopped)
    assert "delete disk web.kept" not in stopped


def test_a_removal_that_fails_tells_what_it_has_removed(kvm: Hypervisor) -> None:
    disk = kvm.folders.root / "fast" / "lab-web.data.qcow2"
    overlay = kvm.folders.root / "theirs.qcow2"
    kvm_lab.empty_qcow2(overlay, kvm_lab.MIB, disk)
    kvm.connection.defineXML(
        "<domain type='qemu'><name>theirs</name><memory>1024</memory><os><type>hvm</type></os><devices>"
        f"<disk type='file'><source file='{overlay}'/><target dev='vda' bus='virtio'/></disk></devices></domain>"
    )
    with pytest.raises(ConvergeError, match="domain theirs, which is not ours, uses it") as raised:
        absent(kvm.folders)
    assert "delete guest web" in [f"{change.action} {change.key}" for change in raised.value.made]
    assert disk.exists()


def test_keys_that_cannot_be_removed_are_told(kvm: Hypervisor) -> None:
    folder: Path = kvm.folders.environment("lab")
    (folder / "held").mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", folder / "held"], check=True)
    try:
        with pytest.raises(StrataError, match="held") as raised:
            absent(kvm.folders)
        assert "delete guest web" in [f"{change.action} {change.key}" for change in raised.value.made]
    finally:
        subprocess.run(["umount", folder / "held"], check=True)
    assert absent(kvm.folders) == []
    assert not folder.exists()
