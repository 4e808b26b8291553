# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Data disks inside a guest: what is declared, what one command told, and the unit that mounts them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
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


#: Where a Btrfs file system has its magic, and what that is.
BTRFS = (0x10040, b"_BHRfS_M")
#: The signature and the type of a master boot record's one partition.
PARTITION_TABLE = (446, bytes([0, 0, 2, 0, 0x83, 0, 2, 0, 1, 0, 0, 0, 0, 0, 1, 0]) + bytes(48) + b"\x55\xaa")


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that stands for the blank disk."""
    path = tmp_path / "disk"
    path.touch()
    subprocess.run(["truncate", "-s", "64M", path], check=True)
    monkeypatch.setattr(mount, "device_path", lambda serial: str(path))
    return path


def write_at(disk: Path, offset: int, data: bytes) -> None:
    with disk.open("r+b") as stream:
        stream.seek(offset)
        stream.write(data)


def format_if_blank(disk: Path) -> subprocess.CompletedProcess[str]:
    """What the guest does, with this machine's blkid and mkfs."""
    environ = {**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"}
    argv = ["sh", "-c", mount._format_command("data")]
    return subprocess.run(argv, env=environ, capture_output=True, text=True, check=False)


def test_a_blank_disk_is_formatted_and_one_with_ext4_is_left_as_it_is(disk: Path) -> None:
    assert format_if_blank(disk).returncode == 0
    before = disk.read_bytes()
    assert before[0x438:0x43A] == b"\x53\xef"
    assert format_if_blank(disk).returncode == 0
    assert disk.read_bytes() == before


def test_a_disk_with_signatures_of_two_file_systems_is_not_formatted(disk: Path) -> None:
    format_if_blank(disk)
    write_at(disk, *BTRFS)
    before = disk.read_bytes()
    done = format_if_blank(disk)
    assert done.returncode == 1
    assert "not formatted: blkid ended with 8" in done.stderr
    assert disk.read_bytes() == before


def test_a_disk_with_partitions_is_not_formatted(disk: Path) -> None:
    write_at(disk, *PARTITION_TABLE)
    before = disk.read_bytes()
    done = format_if_blank(disk)
    assert (done.returncode, done.stderr) == (1, "there is a partition table on it, not ext4\n")
    assert disk.read_bytes() == before


def test_a_disk_that_cannot_be_read_is_not_formatted(disk: Path) -> None:
    """blkid says of a folder, as of a broken disk, what it says of a blank one."""
    disk.unlink()
    disk.mkdir()
    done = format_if_blank(disk)
    assert done.returncode != 0
    assert "mkfs" not in done.stderr
