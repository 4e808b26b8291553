# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Declared pools on a real libvirtd: made, looked at, left with all that others put there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.checks import check
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.environment import Environment, StoragePool
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import HypervisorError
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.host import facts
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.hypervisor import Hypervisor
from kvm_lab import converge, environment, planned, remove, words

pytestmark = pytest.mark.lab


def with_pool(name: str, path: Path) -> Environment:
    return replace(environment(name, guests=()), networks={}, pools={"fast": StoragePool(path=str(path))})


def test_a_declared_pool_is_made_and_removed_and_its_files_stay(kvm: Hypervisor) -> None:
    folder = kvm.folders.root / "srv" / "fast"
    declared = with_pool("lab", folder)
    assert words(converge(kvm, declared)) == ["create pool fast"]
    assert not planned(kvm, declared)
    (folder / "theirs.img").write_bytes(bytes(4096))
    pool = kvm.connection.storagePoolLookupByName("lab-fast")
    pool.refresh()
    assert [volume.name() for volume in pool.listAllVolumes()] == ["theirs.img"]
    pool.destroy()
    pool.undefine()
    assert words(converge(kvm, declared)) == ["create pool fast"]
    remove(kvm, "lab")
    assert (folder / "theirs.img").stat().st_size == 4096
    assert not kvm.connection.listAllStoragePools()


def test_a_second_pool_of_one_folder_is_refused_before_libvirt_refuses_it(kvm: Hypervisor) -> None:
    folder = kvm.folders.root / "srv" / "shared"
    converge(kvm, with_pool("lab", folder))
    second = with_pool("other", folder)
    told = [problem.path for problem in check(second, facts(kvm, "other"))]
    assert told == ["pools.fast.path"]
    with pytest.raises(HypervisorError, match="conflict with pool: 'lab-fast'"):
        converge(kvm, second)
