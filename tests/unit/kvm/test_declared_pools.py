# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pools in folders of the user's own, on libvirt's test driver: what is in them is never ours to delete."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.environment import Environment, StoragePool
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import ForeignObjectError, HypervisorError
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm import overlay
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.host import facts
from kvm_lab import apply, converge, environment, planned, remove, words


def with_pool(path: Path, autostart: bool = True) -> Environment:
    return replace(
        environment(guests=()), networks={}, pools={"fast": StoragePool(path=str(path), autostart=autostart)}
    )


def test_a_declared_pool_is_made_with_its_folder_and_reads_back_without_a_difference(
    hypervisor: Any, tmp_path: Path
) -> None:
    declared = with_pool(tmp_path / "srv" / "fast", autostart=False)
    assert words(converge(hypervisor, declared)) == ["create pool fast"]
    assert not planned(hypervisor, declared)
    pool = hypervisor.connection.storagePoolLookupByName("lab-fast")
    assert (pool.isActive(), pool.autostart(), (tmp_path / "srv" / "fast").is_dir()) == (1, 0, True)


def test_a_relative_path_of_a_pool_starts_at_the_declaration() -> None:
    assert with_pool(Path("../disks")).pool_path("fast") == "/disks"


def test_the_rights_of_a_folder_that_was_there_stay(hypervisor: Any, tmp_path: Path) -> None:
    tmp_path.chmod(0o750)
    converge(hypervisor, with_pool(tmp_path))
    assert tmp_path.stat().st_mode & 0o777 == 0o750


def test_autostart_of_a_pool_changes_in_place(hypervisor: Any, tmp_path: Path) -> None:
    converge(hypervisor, with_pool(tmp_path))
    hypervisor.connection.storagePoolLookupByName("lab-fast").setAutostart(0)
    assert words(converge(hypervisor, with_pool(tmp_path))) == ["update pool fast"]
    assert not planned(hypervisor, with_pool(tmp_path))


def test_a_pool_that_was_stopped_or_lost_comes_back_over_the_same_files(hypervisor: Any, tmp_path: Path) -> None:
    converge(hypervisor, with_pool(tmp_path))
    (tmp_path / "theirs.img").write_text("data")
    pool = hypervisor.connection.storagePoolLookupByName("lab-fast")
    pool.destroy()
    assert words(converge(hypervisor, with_pool(tmp_path))) == ["start pool fast"]
    pool.destroy()
    pool.undefine()
    assert words(converge(hypervisor, with_pool(tmp_path))) == ["create pool fast"]
    assert (tmp_path / "theirs.img").read_text() == "data"


def test_a_pool_is_not_moved_away_from_its_disks(hypervisor: Any, tmp_path: Path) -> None:
    converge(hypervisor, with_pool(tmp_path / "a"))
    with pytest.raises(HypervisorError, match=r"it is in .*/a and would leave its disks there"):
        planned(hypervisor, with_pool(tmp_path / "b"))


def test_a_removed_pool_leaves_its_folder_and_all_that_is_in_it(hypervisor: Any, tmp_path: Path) -> None:
    folder = tmp_path / "fast"
    converge(hypervisor, with_pool(folder))
    for name in ("theirs.img", "web.seed", ".web.qcow2.new"):
        (folder / name).write_text("data")
    remove(hypervisor, "lab")
    assert not hypervisor.connection.listAllStoragePools()
    assert sorted(path.name for path in folder.iterdir()) == [".web.qcow2.new", "theirs.img", "web.seed"]


def test_a_pool_with_a_disk_of_another_environment_is_not_removed(hypervisor: Any, tmp_path: Path) -> None:
    converge(hypervisor, with_pool(tmp_path))
    (tmp_path / "db.qcow2").write_bytes(b"")
    overlay.mark_overlay(tmp_path / "db.qcow2", overlay.OverlayMark(environment="other", guest="db", image="x"))
    with pytest.raises(HypervisorError, match=r"was not removed: .*db\.qcow2 of environment other still uses it"):
        remove(hypervisor, "lab")
    assert hypervisor.connection.storagePoolLookupByName("lab-fast").isActive()


def test_a_pool_that_a_strangers_domain_names_is_not_removed(hypervisor: Any, tmp_path: Path) -> None:
    converge(hypervisor, with_pool(tmp_path))
    hypervisor.connection.defineXML(
        "<domain type='test'><name>theirs</name><memory>1024</memory><os><type>hvm</type></os><devices>"
        "<disk type='volume'><source pool='lab-fast' volume='a'/><target dev='vda' bus='virtio'/></disk>"
        "</devices></domain>"
    )
    with pytest.raises(HypervisorError, match="domain theirs still uses it"):
        remove(hypervisor, "lab")


def test_a_strangers_pool_of_that_name_is_refused(hypervisor: Any, tmp_path: Path) -> None:
    hypervisor.connection.storagePoolDefineXML(
        f"<pool type='dir'><name>lab-fast</name><target><path>{tmp_path}</path></target></pool>"
    )
    with pytest.raises(ForeignObjectError, match="pool fast: exists already"):
        converge(hypervisor, with_pool(tmp_path))


def test_a_folder_that_is_another_pools_already_is_told_before_anything_is_made(
    hypervisor: Any, tmp_path: Path
) -> None:
    converge(hypervisor, with_pool(tmp_path))
    assert str(tmp_path) not in facts(hypervisor, "lab").pools
    assert facts(hypervisor, "other").pools[str(tmp_path)] == "lab-fast"


def test_a_pool_that_is_only_stopped_keeps_what_it_is(hypervisor: Any, tmp_path: Path) -> None:
    converge(hypervisor, with_pool(tmp_path))
    pool = hypervisor.connection.storagePoolLookupByName("lab-fast")
    (change,) = planned(hypervisor, with_pool(tmp_path, autostart=False))
    stop = replace(change, action="stop", differences=(), declared=replace(change.declared, running=False))
    apply(hypervisor, [stop, stop])
    assert (pool.isActive(), pool.autostart()) == (0, 1)
