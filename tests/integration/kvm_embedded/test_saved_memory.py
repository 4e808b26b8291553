# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Memory of domains, saved and restored by a real libvirt; what a checkpoint is bound to, as libvirt tells it."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.checkpoint import domains
from ansible_collections.strata.kvm_docker.plugins.module_utils.checkpoint.abi import abi_of
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import CheckpointError, HypervisorError
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.domain import is_running, undefine
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.errors import libvirt_errors
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.hypervisor import Hypervisor
from traces import tiny_guest

if TYPE_CHECKING:
    import libvirt

pytestmark = [pytest.mark.lab, pytest.mark.guests]

_SAVE = """
import sys, libvirt
domain = libvirt.open(sys.argv[1]).lookupByName(sys.argv[2])
domain.suspend()
print("go", flush=True)
domain.saveFlags(sys.argv[3], None, libvirt.VIR_DOMAIN_SAVE_PAUSED)
"""


@pytest.fixture
def folder(hypervisor: Hypervisor, tmp_path: Path) -> Path:
    """Where QEMU's user may go."""
    made = hypervisor.folders.root / tmp_path.name
    made.mkdir(mode=0o711)
    return made


@pytest.fixture
def saved(hypervisor: Hypervisor, folder: Path) -> Iterator[tuple[libvirt.virDomain, Path]]:
    """A domain that was saved while it ran, and the file."""
    domain = tiny_guest(hypervisor.connection, folder, "saved")
    domain.create()
    domain.suspend()
    domains.save(domain, folder / "memory")
    yield domain, folder / "memory"
    undefine(domain)


def test_a_saved_domain_is_off_and_comes_back_suspended_as_often_as_wanted(
    saved: tuple[libvirt.virDomain, Path],
) -> None:
    domain, memory = saved
    assert not domain.isActive()
    for _ in range(2):
        domains.restore(domain, memory, {})
        assert domain.isActive()
        assert not is_running(domain)
        domains.resume(domain)
        assert is_running(domain)
        domains.resume(domain)
        domains.await_idle(domain)
        domain.destroy()
    assert domain.isPersistent()


def test_it_comes_back_on_disks_that_lie_elsewhere_now(saved: tuple[libvirt.virDomain, Path], folder: Path) -> None:
    domain, memory = saved
    moved = folder.with_name(f"{folder.name}-moved")
    shutil.copytree(folder, moved)
    moved.chmod(0o711)
    domains.restore(domain, memory, {str(folder): str(moved)})
    assert f"{moved}/saved.qcow2" in domain.XMLDesc()
    domain.destroy()


def test_a_file_that_is_cut_is_refused_in_one_sentence(
    saved: tuple[libvirt.virDomain, Path],
) -> None:
    domain, memory = saved
    memory.write_bytes(memory.read_bytes()[: memory.stat().st_size // 2])
    with pytest.raises(HypervisorError, match="guest saved: "), libvirt_errors("guest saved"):
        domains.restore(domain, memory, {})
    assert not domain.isActive()


def test_memory_of_another_machine_is_refused_before_that_starts(
    hypervisor: Hypervisor, saved: tuple[libvirt.virDomain, Path], folder: Path
) -> None:
    domain, memory = saved
    other = tiny_guest(hypervisor.connection, folder, "other")
    with pytest.raises(CheckpointError, match=r"memory: it holds the memory of another machine than other\.$"):
        domains.restore(other, memory, {})
    assert not domain.isActive()
    undefine(other)


def test_libvirt_ends_what_a_killed_run_had_asked_for(
    hypervisor: Hypervisor, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is looked at without a pause: libvirt refuses to tell of a domain in the moment that it ends."""
    monkeypatch.setattr(domains, "_LOOK", 0)
    domain = tiny_guest(hypervisor.connection, folder, "left")
    domain.create()
    argv = [sys.executable, "-c", _SAVE, hypervisor.uri, "left", str(folder / "memory")]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    domains.await_idle(domain)
    if domain.isActive():
        domains.resume(domain)
        assert is_running(domain)
    undefine(domain)


def test_what_memory_is_bound_to_is_told_by_libvirt_and_the_same_each_time(hypervisor: Hypervisor) -> None:
    told = abi_of(hypervisor, "qemu")
    assert told == abi_of(hypervisor, "qemu")
    assert told["libvirt"] == hypervisor.version()
    assert told["machine"].startswith("pc-i440fx-")
    assert told["QEMU"].count(".") == 2
    assert (len(told["emulator"]), told["processor"]) == (16, "")
