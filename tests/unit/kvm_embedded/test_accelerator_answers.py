# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the probe of the accelerator concludes, without starting anything."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import HypervisorError
from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest.image_store import StoredImage
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm import accelerator


@pytest.fixture
def without_kvm(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(accelerator, "DEVICE", tmp_path / "kvm")


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[list[str]]:
    """What QEMU was started with, on a machine with a device for KVM and no kernel; a console falls silent in GRUB."""
    runs: list[list[str]] = []

    def run(boot: list[str], _seconds: float) -> tuple[bytes, bool]:
        runs.append(boot)
        return (
            b"\x1b[2JLoading Linux 6.12 ...\nqemu-system-x86_64: terminating on signal 15 from pid 7 (timeout)\n",
            True,
        )

    (tmp_path / "kvm").touch()
    monkeypatch.setattr(accelerator, "DEVICE", tmp_path / "kvm")
    monkeypatch.setattr(accelerator, "host_kernel", lambda: None)
    monkeypatch.setattr(accelerator, "_run", run)
    return runs


def test_emulation_that_is_asked_for_is_not_probed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accelerator, "_usable", lambda *_args: pytest.fail("probed"))
    assert accelerator.probe(Folders(tmp_path), None, "qemu").virt_type == "qemu"


@pytest.mark.usefixtures("without_kvm")
def test_without_the_device_guests_are_emulated_and_the_reason_says_so(tmp_path: Path) -> None:
    found = accelerator.probe(Folders(tmp_path), None, "auto")
    assert found.virt_type == "qemu"
    assert "there is no" in found.reason


@pytest.mark.usefixtures("without_kvm")
def test_kvm_that_is_asked_for_and_does_not_work_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(HypervisorError, match="KVM does not work: there is no"):
        accelerator.probe(Folders(tmp_path), None, "kvm")


def test_where_no_kernel_is_at_hand_the_disk_of_a_stock_image_has_to_come_up(
    tmp_path: Path, started: list[list[str]]
) -> None:
    image = StoredImage(disk=tmp_path / "disk.qcow2", digest="0" * 64)
    found = accelerator.probe(Folders(tmp_path), image, "auto")
    assert found.virt_type == "qemu"
    assert found.reason.endswith("did not boot on KVM: the last line within 30 s was 'Loading Linux 6.12 ...'")
    assert accelerator.probe(Folders(tmp_path), image, "auto") == found
    assert [argument for (_drive, argument) in started] == [f"file={image.disk},format=qcow2,if=virtio,snapshot=on"]


@pytest.mark.parametrize("line", [b"Run /init as init process", b"systemd[1]: Hostname set to <x>.", b"debian login: "])
def test_a_stock_image_that_comes_up_proves_kvm(
    line: bytes, tmp_path: Path, started: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accelerator, "_run", lambda *_: (line, False))
    image = StoredImage(disk=tmp_path / "disk.qcow2", digest="0" * 64)
    assert accelerator.probe(Folders(tmp_path), image, "kvm").virt_type == "kvm"


def test_the_reason_is_what_qemu_said_not_its_register_dump() -> None:
    output = b"KVM internal error. Suberror: 1\nemulation failure\nEAX=00000000 EBX=00000000\nCode=05 83 fa\n"
    assert accelerator.why(output, 20) == "KVM internal error. Suberror: 1"


def test_a_kernel_that_falls_silent_is_quoted_with_its_last_line() -> None:
    assert accelerator.why(b"Linux version 6.1\r\nBooting SMP\r\n", 20) == "the last line within 20 s was 'Booting SMP'"
    assert accelerator.why(b"", 20) == "no output within 20 s"


def test_the_running_kernel_is_preferred_and_a_folder_without_any_has_none(tmp_path: Path) -> None:
    assert accelerator.host_kernel(tmp_path) is None
    (tmp_path / "vmlinuz-0.1-other").touch()
    assert accelerator.host_kernel(tmp_path) == tmp_path / "vmlinuz-0.1-other"
    running = tmp_path / f"vmlinuz-{os.uname().release}"
    running.touch()
    assert accelerator.host_kernel(tmp_path) == running
