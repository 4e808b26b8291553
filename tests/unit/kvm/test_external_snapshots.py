# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands on a guest's disks, on libvirt's test driver: snapshots go with the guest, a stranger's files never."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import libvirt
import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.environment import (
    Disk,
    Environment,
    StoragePool,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import HypervisorError
from kvm_lab import INPUTS, MIB, RECIPES, converge, empty_qcow2, environment, remove, with_guest


def with_data(path: Path, **disk: Any) -> Environment:
    """The guest `web` with a data disk in a pool in the folder *path*."""
    declared = with_guest(environment(guests=("web",)), "web", disks={"data": Disk(size=MIB, pool="fast", **disk)})
    return replace(declared, pools={"fast": StoragePool(path=str(path))})


def put_on_top(hypervisor: Any, disk: Path, overlay: Path) -> None:
    """As `virsh snapshot-create-as --disk-only --no-metadata` does."""
    empty_qcow2(overlay, MIB, disk)
    domain = hypervisor.connection.lookupByName("lab-web")
    text = domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)
    domain.destroy()
    hypervisor.connection.defineXML(text.replace(str(disk), str(overlay)))


def test_a_clone_of_a_data_disk_that_somebody_made_is_not_deleted(hypervisor: Any, tmp_path: Path) -> None:
    converge(hypervisor, with_data(tmp_path))
    disk, clone = tmp_path / "lab-web.data.qcow2", tmp_path / "clone.qcow2"
    empty_qcow2(clone, MIB, disk)
    with pytest.raises(HypervisorError, match=r"data\.qcow2 was not touched: .*clone\.qcow2 stands on it"):
        remove(hypervisor, "lab")
    assert clone.exists()
    assert disk.exists()
    clone.unlink()
    remove(hypervisor, "lab")
    assert not disk.exists()


def test_a_guest_with_a_clone_of_its_disk_runs_on_when_its_removal_is_refused(hypervisor: Any, tmp_path: Path) -> None:
    converge(hypervisor, with_data(tmp_path))
    empty_qcow2(tmp_path / "clone.qcow2", MIB, tmp_path / "lab-web.data.qcow2")
    with pytest.raises(HypervisorError, match="stands on it"):
        remove(hypervisor, "lab")
    assert hypervisor.connection.lookupByName("lab-web").isActive()


def test_a_clone_keeps_a_disk_from_being_replaced(hypervisor: Any) -> None:
    converge(hypervisor, environment(guests=("web",)))
    pool = hypervisor.folders.pool("lab")
    empty_qcow2(pool / "clone", 64 * MIB, pool / "web.qcow2")
    with pytest.raises(HypervisorError, match=r"web\.qcow2 was not touched: .*clone stands on it"):
        converge(hypervisor, environment(guests=("web",)), replace(INPUTS, guest_images={"debian": RECIPES[1]}))
    assert (pool / "clone").exists()


def test_a_snapshot_that_the_definition_names_goes_with_its_guest(hypervisor: Any, tmp_path: Path) -> None:
    converge(hypervisor, with_data(tmp_path))
    put_on_top(hypervisor, tmp_path / "lab-web.data.qcow2", tmp_path / "lab-web.data.theirs")
    remove(hypervisor, "lab")
    assert not list(tmp_path.glob("lab-web*"))
    assert not hypervisor.folders.pool("lab").exists()


def test_a_snapshot_of_a_kept_disk_is_kept_too(hypervisor: Any, tmp_path: Path) -> None:
    converge(hypervisor, with_data(tmp_path, keep=True))
    disk, overlay = tmp_path / "lab-web.data.qcow2", tmp_path / "lab-web.data.theirs"
    put_on_top(hypervisor, disk, overlay)
    remove(hypervisor, "lab")
    assert disk.exists()
    assert overlay.exists()
