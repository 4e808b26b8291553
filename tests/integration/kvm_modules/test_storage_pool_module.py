# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module storage_pool on a real libvirt."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.hypervisor import Hypervisor
from docker_module import Modules, actions
from kvm_lab import MIB, empty_qcow2
from kvm_module import causes

pytestmark = pytest.mark.lab


def folder_of(kvm: Hypervisor, name: str) -> Path:
    return kvm.folders.root / "srv" / name


def test_a_pool_lives_from_its_creation_to_its_end_and_its_files_stay(modules: Modules, kvm: Hypervisor) -> None:
    folder = folder_of(kvm, "modules")
    fast: dict[str, Any] = {"name": "fast", "path": str(folder)}
    made = modules.four_phases("storage_pool", **fast)
    assert actions(made) == ["create pool fast"]
    assert made["pool"]["libvirt_name"] == "lab-fast"
    (folder / "theirs.img").write_bytes(bytes(4096))
    changed = modules.four_phases("storage_pool", **fast, autostart=False)
    assert changed["plan"][0]["differences"][0]["path"] == "autostart"
    kvm.connection.storagePoolLookupByName("lab-fast").destroy()
    assert actions(modules.four_phases("storage_pool", **fast, autostart=False)) == ["start pool fast"]
    gone = modules.four_phases("storage_pool", name="fast", state="absent")
    assert actions(gone) == ["delete pool fast"]
    assert (folder / "theirs.img").stat().st_size == 4096


def test_an_edit_behind_our_back_is_taken_back(modules: Modules, kvm: Hypervisor) -> None:
    fast = {"name": "fast", "path": str(folder_of(kvm, "edited"))}
    modules.run("storage_pool", **fast)
    kvm.connection.storagePoolLookupByName("lab-fast").setAutostart(0)
    mended = modules.four_phases("storage_pool", **fast)
    assert list(causes(mended)) == ["autostart"]
    assert mended["pool"]["autostart"] is True


def test_a_strangers_pool_is_left_alone_until_it_is_adopted(modules: Modules, kvm: Hypervisor) -> None:
    folder = folder_of(kvm, "of-a-stranger")
    folder.mkdir(parents=True)
    (folder / "theirs.img").write_bytes(bytes(4096))
    stranger = f"<pool type='dir'><name>lab-fast</name><target><path>{folder}</path></target></pool>"
    kvm.connection.storagePoolDefineXML(stranger).create()
    elsewhere = {"name": "fast", "path": str(folder_of(kvm, "not-theirs"))}
    fast = {"name": "fast", "path": str(folder)}
    for check in (True, False):
        assert "or give adopt: true" in modules.refused("storage_pool", check=check, **fast)
        said = modules.refused("storage_pool", check=check, **elsewhere, adopt=True)
        assert "would leave its disks there" in said
    assert "does not belong" in modules.refused("storage_pool", name="fast", state="absent")
    adopted = modules.four_phases("storage_pool", **fast, adopt=True)
    assert actions(adopted) == ["restart pool fast"]
    assert adopted["plan"][0]["reason"] == "adopted: somebody else made it"
    modules.stands("storage_pool", **fast)
    assert actions(modules.four_phases("storage_pool", name="fast", state="absent")) == ["delete pool fast"]
    assert (folder / "theirs.img").stat().st_size == 4096


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"path": "/proc/x"}, "options: path: /proc/x is no place for disks"),
        ({"name": "lab"}, "options: name: is the name of the pool of the environment itself; rename it"),
        ({"path": None}, "options: 'path' is required"),
    ],
)
def test_bad_options_are_told_with_their_path(modules: Modules, options: dict[str, Any], words: str) -> None:
    assert words in modules.refused("storage_pool", check=True, **{"name": "fast", "path": "/srv/x", **options})


def test_a_folder_of_another_pool_and_another_folder_are_refused(modules: Modules, kvm: Hypervisor) -> None:
    folder = folder_of(kvm, "shared")
    modules.run("storage_pool", name="fast", path=str(folder))
    assert "is the folder of pool fast already" in modules.refused("storage_pool", name="slow", path=str(folder))
    moved = modules.refused("storage_pool", name="fast", path=str(folder_of(kvm, "elsewhere")))
    assert "would leave its disks there" in moved


def test_a_pool_with_disks_of_its_guests_is_not_removed(modules: Modules, kvm: Hypervisor) -> None:
    folder = folder_of(kvm, "used")
    image = kvm.folders.root / "empty.qcow2"
    empty_qcow2(image, 16 * MIB)
    modules.run("storage_pool", name="fast", path=str(folder))
    modules.run("guest_network", name="lan", cidr="10.211.0.0/20", forward="isolated")
    web: dict[str, Any] = {"name": "web", "source": str(image), "memory": "64 MiB", "disk": "64 MiB"}
    web |= {"networks": {"lan": {"address": "10.211.0.11"}}, "virt_type": "qemu", "wait": "none"}
    disks = {"data": {"size": "1 MiB", "pool": "fast"}, "kept": {"size": "1 MiB", "pool": "fast", "keep": True}}
    modules.run("guest", **web, disks=disks)
    gone: dict[str, Any] = {"name": "fast", "state": "absent"}
    for check in (True, False):
        said = modules.refused("storage_pool", check=check, **gone)
        assert "pool fast: disk web.data, web.kept lies in it, so it was not removed" in said
    assert kvm.connection.storagePoolLookupByName("lab-fast").isActive()
    modules.run("guest", name="web", state="absent")
    assert actions(modules.four_phases("storage_pool", **gone)) == ["delete pool fast"]
    assert [path.name for path in folder.iterdir()] == ["lab-web.kept.qcow2"]
