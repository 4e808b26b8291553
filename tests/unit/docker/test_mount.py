# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Data disks inside a guest: what is declared, what one command told, and the unit that mounts them."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.environment import Disk, Environment, Guest
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker import mount
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.mount import Mount
from ansible_collections.strata.kvm_docker.plugins.module_utils.inputs import Inputs
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.model import Observed, Plan
from ansible_collections.strata.kvm_docker.plugins.module_utils.progress import Progress
from ansible_collections.strata.kvm_docker.plugins.module_utils.resources import plan

GIB = 1024**3
#: Blocks of 4 KiB in groups of 32768: of a file system on the whole of 1 GiB.
SUPERBLOCK = [65536, 262144, 13107, 1, 2, 0, 2, 2, 32768, 32768]
AS_DECLARED = {"path": "/srv/data", "unit": True, "enabled": True, "writable": True, "grown": True}
UNIT = mount.unit_text("data", "data", "/srv/data").strip()


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


def told(mounted: str, size: int = GIB, enabled: bool = True, unit: str = UNIT) -> str:
    """*mounted*: options and place, as findmnt prints them."""
    words = " ".join(map(str, SUPERBLOCK))
    return "\x1f".join(["data", mounted, str(size // 512), words, "yes" if enabled else "no", unit]) + "\x1e"


def seen(said: str) -> list[Observed]:
    engine: Any = Engine({"data": "/srv/data"}, said)
    return list(Mount().observe(engine, "lab"))


def observed(said: str) -> list[dict[str, Any]]:
    return [dict(item.spec) for item in seen(said)]


def changes(said: str) -> Plan:
    """What is to be done about what was *said*."""
    guest = Guest(name="db", image="debian", disks={"data": Disk(size=GIB, mount="/srv/data")})
    environment = Environment(name="lab", folder="/", guests={"db": guest})
    declared = [replace(item, needs=()) for item in Mount().declare(environment, Inputs())]
    return plan(declared, seen(said), lambda key, difference: Mount().effect(difference))


def planned(said: str) -> list[str]:
    """Each change with its cause."""
    return [str(change) for change in changes(said)]


def test_only_disks_with_a_place_are_mounted() -> None:
    disks = {"data": Disk(size=GIB, mount="/srv/data"), "raw": Disk(size=GIB)}
    guest = Guest(name="db", image="debian", disks=disks)
    environment = Environment(name="lab", folder="/", guests={"db": guest})
    (declared,) = Mount().declare(environment, Inputs())
    assert str(declared.key) == "mount db/data"
    assert declared.spec == AS_DECLARED
    assert [str(need.key) for need in mount.mount_needs(guest)] == ["mount db/data"]


def test_a_disk_that_is_mounted_as_declared_has_no_difference() -> None:
    said = told("rw,relatime /srv/data")
    assert observed(said) == [AS_DECLARED]
    assert planned(said) == []


def test_what_is_not_as_declared_is_told() -> None:
    nothing_right = {"path": "/mnt", "unit": False, "enabled": False, "writable": False, "grown": False}
    assert observed(told("ro,relatime /mnt", 2 * GIB, enabled=False, unit="")) == [nothing_right]


def test_a_disk_that_will_not_be_mounted_at_the_next_boot_drifted() -> None:
    assert planned(told("rw,relatime /srv/data", enabled=False)) == ["update mount db/data: enabled drifted"]


@pytest.mark.parametrize("options", ["ro,relatime", "rw,relatime,emergency_ro"])
def test_a_disk_that_can_only_be_read_drifted(options: str) -> None:
    assert planned(told(f"{options} /srv/data")) == ["update mount db/data: writable drifted"]


def test_a_disk_that_grew_waits_for_its_file_system_to_follow() -> None:
    assert planned(told("rw /srv/data", 2 * GIB)) == ["update mount db/data: grown changed"]


@pytest.mark.parametrize("said", ["data\x1e", told("", unit=""), ""])
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


class LocalLook:
    """The look as the guest runs it, with units below *root*, and with *findmnt* saying that the disk is mounted."""

    def __init__(self, root: Path, findmnt: str = "rw,relatime /srv/data") -> None:
        self.root = root
        self.units = root / "etc/systemd/system"
        self.units.mkdir(parents=True)
        (self.units / "srv-data.mount").write_text(UNIT)
        self.bin = root / "bin"
        self.bin.mkdir()
        block = next(Path("/sys/class/block").iterdir()).name
        for name, said in {
            "findmnt": findmnt,
            "readlink": f"/dev/{block}",
            "od": " ".join(map(str, SUPERBLOCK)),
        }.items():
            (self.bin / name).write_text(f"#!/bin/sh\necho '{said}'\n")
            (self.bin / name).chmod(0o755)

    def run(self, command: str) -> bytes:
        script = command.replace("/etc/systemd/system", str(self.units))
        environ = {**os.environ, "PATH": f"{self.bin}:{os.environ['PATH']}"}
        return subprocess.run(["sh", "-c", script], env=environ, capture_output=True, check=True).stdout

    def systemctl(self, *words: str) -> None:
        subprocess.run(["systemctl", f"--root={self.root}", *words], check=True, capture_output=True)

    def enabled(self) -> bool:
        engine: Any = Engine({"data": "/srv/data"}, "")
        engine.shell = self
        (found,) = Mount().observe(engine, "lab")
        assert found.spec["unit"] is True
        return bool(found.spec["enabled"])


def test_enabled_is_what_systemctl_makes_of_it(tmp_path: Path) -> None:
    guest = LocalLook(tmp_path)
    assert not guest.enabled()
    guest.systemctl("enable", "srv-data.mount")
    assert guest.enabled()
    guest.systemctl("disable", "srv-data.mount")
    assert not guest.enabled()


class Recorder:
    """Keeps the commands that it is given."""

    def __init__(self) -> None:
        self.commands: list[str] = []

    def run(self, command: str, timeout: float = 0) -> bytes:
        subprocess.run(["sh", "-n"], input=command.encode(), check=True)
        self.commands.append(command)
        return b""

    def write_file(self, path: str, content: bytes, mode: int) -> None:
        self.commands.append(f"write {path}")


def applied(said: str) -> str:
    """The command that mounts, of what is done about what was *said*."""
    engine: Any = Engine({"data": "/srv/data"}, "")
    engine.shell = Recorder()
    (change,) = changes(said)
    Mount().apply(engine, change, Progress())
    (mounting,) = (command for command in engine.shell.commands if "systemctl enable --quiet srv-data.mount" in command)
    return str(mounting)


def test_what_is_mounted_as_declared_stays_mounted_while_the_rest_is_put_right() -> None:
    for said in (told("rw /srv/data", enabled=False), told("rw /srv/data", 2 * GIB)):
        assert "systemctl start srv-data.mount" in applied(said)
        assert "remount" not in applied(said)
    assert "mount -o remount,rw /srv/data; resize2fs" in applied(told("ro /srv/data"))


@pytest.mark.parametrize("said", ["", told("rw /mnt"), told("ro /srv/data", unit="")])
def test_what_is_mounted_otherwise_or_not_at_all_is_mounted_anew(said: str) -> None:
    assert "systemctl restart srv-data.mount" in applied(said)
    assert "remount" not in applied(said)


@pytest.mark.parametrize(
    ("errors", "done"), [(None, (0, "-o remount,rw /srv/data")), ("0", (0, "-o remount,rw /srv/data")), ("2", (1, ""))]
)
def test_a_file_system_with_errors_stays_read_only(tmp_path: Path, errors: str | None, done: tuple[int, str]) -> None:
    program, told_by_kernel = tmp_path / "mount", tmp_path / "vdb/errors_count"
    told_by_kernel.parent.mkdir()
    program.write_text('#!/bin/sh\necho "$@"\n')
    program.chmod(0o755)
    if errors:
        told_by_kernel.write_text(f"{errors}\n")
    command = mount._writable_command("/dev/vdb", "/srv/data").replace("/sys/fs/ext4", str(tmp_path))
    environ = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    ran = subprocess.run(["sh", "-e", "-c", command], env=environ, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout.strip()) == done
    assert ("run e2fsck -f" in ran.stderr) is (errors == "2")


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
