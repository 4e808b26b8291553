# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Data disks inside a guest: what is declared, what one command told, and the unit that mounts them."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.environment import Disk, Environment, Guest
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest import mount
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest.mount import Mount
from ansible_collections.strata.kvm_docker.plugins.module_utils.inputs import Inputs

GIB = 1024**3
#: Blocks of 4 KiB in groups of 32768: of a file system on the whole of 1 GiB.
SUPERBLOCK = [65536, 262144, 13107, 1, 2, 0, 2, 2, 32768, 32768]


class Shell:
    """Tells what it was made with."""

    def __init__(self, said: str) -> None:
        self.said = said

    def run(self, command: str) -> bytes:
        subprocess.run(["sh", "-n"], input=command.encode(), check=True)
        return self.said.encode()


class Engine:
    def __init__(self, mounts: dict[str, str], said: str) -> None:
        self.guest, self.mounts, self.shell = "db", mounts, Shell(said)


def told(serial: str, mounted: str, size: int, superblock: list[int], unit: str) -> str:
    return "\x1f".join([serial, mounted, str(size // 512), " ".join(map(str, superblock)), unit]) + "\x1e"


def observed(said: str, path: str = "/srv/data") -> list[dict[str, Any]]:
    engine: Any = Engine({"data": path}, said)
    return [dict(item.spec) for item in Mount().observe(engine, "lab")]


def test_only_disks_with_a_place_are_mounted() -> None:
    disks = {"data": Disk(size=GIB, mount="/srv/data"), "raw": Disk(size=GIB)}
    guest = Guest(name="db", image="debian", disks=disks)
    environment = Environment(name="lab", folder="/", guests={"db": guest})
    (declared,) = Mount().declare(environment, Inputs())
    assert str(declared.key) == "mount db/data"
    assert declared.spec == {"path": "/srv/data", "unit": True, "grown": True}
    assert [str(need.key) for need in mount.mount_needs(guest)] == ["mount db/data"]


def test_a_disk_that_is_mounted_as_declared_has_no_difference() -> None:
    unit = mount.unit_text("data", "data", "/srv/data")
    said = told("data", "/srv/data", GIB, SUPERBLOCK, unit.strip())
    assert observed(said) == [{"path": "/srv/data", "unit": True, "grown": True}]


def test_what_is_not_as_declared_is_told() -> None:
    assert observed(told("data", "/mnt", 2 * GIB, SUPERBLOCK, "")) == [{"path": "/mnt", "unit": False, "grown": False}]


@pytest.mark.parametrize("said", ["data\x1e", told("data", "", GIB, SUPERBLOCK, ""), ""])
def test_a_disk_that_is_missing_or_not_mounted_is_not_there(said: str) -> None:
    assert observed(said) == []


@pytest.mark.parametrize(("size", "expected"), [(GIB, True), (GIB + 100 * 1024**2, True), (GIB + GIB // 8, False)])
def test_a_file_system_is_grown_when_no_block_group_is_left_over(size: int, expected: bool) -> None:
    assert mount.grown(SUPERBLOCK, size) is expected


@pytest.mark.parametrize("path", ["/srv", "/srv/data", "/srv/da-ta/x_y.z", "/mnt/a-b-c"])
def test_a_unit_is_named_as_systemd_demands(path: str) -> None:
    judged = subprocess.run(
        ["systemd-escape", "--path", "--suffix=mount", path], capture_output=True, text=True, check=True
    )
    assert mount.unit_name(path) == judged.stdout.strip()
