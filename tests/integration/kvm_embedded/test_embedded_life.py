# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The embedded hypervisor's start, repair and end, on the real thing."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import lab
import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import HypervisorError
from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm import embedded, namespaces
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.hypervisor import open_hypervisor
from ansible_collections.strata.kvm_docker.plugins.module_utils.progress import Progress
from traces import command_names, kill, process_of, starter, tiny_guest, traces

pytestmark = [pytest.mark.lab, pytest.mark.alone]

DAEMONS = ["libvirtd", "virtlogd"]
#: What runs of them: libvirtd has a parent of ours.
PROCESSES = ["libvirtd", "libvirtd-reaper", "virtlogd"]


@pytest.fixture
def folders() -> Iterator[Folders]:
    with lab.lab_folders() as made:
        yield made


def start(folders: Folders) -> str:
    return embedded.start(folders, Progress())


def test_after_stop_with_a_running_guest_nothing_is_left_on_the_machine(folders: Folders) -> None:
    before = traces(folders.root)
    start(folders)
    opened = open_hypervisor("auto", folders)
    domain = tiny_guest(opened.connection, folders.root, "left")
    domain.create()
    assert traces(folders.root).links == before.links
    assert traces(folders.root).cgroups == before.cgroups
    domain.undefine()
    opened.close()
    embedded.stop(folders)
    assert traces(folders.root) == before
    assert not folders.hypervisor.exists()


def test_definitions_outlive_a_stop(folders: Folders) -> None:
    start(folders)
    opened = open_hypervisor("auto", folders)
    tiny_guest(opened.connection, folders.root, "kept")
    opened.close()
    embedded.stop(folders)
    assert not embedded.exists(folders)
    with pytest.raises(HypervisorError, match="does not run"):
        open_hypervisor("auto", folders)
    start(folders)
    opened = open_hypervisor("auto", folders)
    assert [domain.name() for domain in opened.connection.listAllDomains()] == ["kept"]
    opened.close()


def test_a_second_start_keeps_every_process(folders: Folders) -> None:
    first = start(folders)
    running = [process_of(folders, name) for name in (*DAEMONS, "slirp4netns")]
    assert start(folders) == first
    assert [process_of(folders, name) for name in (*DAEMONS, "slirp4netns")] == running


def test_guests_run_on_while_a_killed_libvirtd_is_replaced(folders: Folders) -> None:
    start(folders)
    opened = open_hypervisor("auto", folders)
    tiny_guest(opened.connection, folders.root, "stays").create()
    opened.close()
    kill(folders, "libvirtd")
    assert "qemu-system-x86" in command_names(folders)
    start(folders)
    opened = open_hypervisor("auto", folders)
    assert opened.connection.lookupByName("stays").isActive()
    opened.close()


@pytest.mark.parametrize("name", ["virtlogd", "slirp4netns"])
def test_any_other_part_that_was_killed_is_replaced(folders: Folders, name: str) -> None:
    start(folders)
    kept = process_of(folders, "libvirtd")
    killed = kill(folders, name)
    start(folders)
    assert process_of(folders, name) != killed
    assert process_of(folders, "libvirtd") == kept
    assert "tap0" in namespaces.run(namespaces.inside(embedded.netns(folders), ["ip", "link"]))


def test_a_lost_namespace_file_is_taken_back_from_the_daemons(folders: Folders) -> None:
    start(folders)
    before = embedded.netns(folders).stat().st_ino
    namespaces.unpin(embedded.netns(folders))
    start(folders)
    assert embedded.netns(folders).stat().st_ino == before


@pytest.mark.parametrize("delay", [0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3])
def test_a_start_that_is_killed_half_way_is_finished_by_the_next_one(folders: Folders, delay: float) -> None:
    before = traces(folders.root)
    child = starter(folders)
    time.sleep(delay)
    child.kill()
    child.communicate()
    start(folders)
    assert command_names(folders) == PROCESSES
    embedded.stop(folders)
    assert traces(folders.root) == before


def test_a_start_that_is_killed_half_way_can_be_stopped_right_away(folders: Folders) -> None:
    before = traces(folders.root)
    child = starter(folders)
    time.sleep(0.1)
    child.kill()
    child.communicate()
    embedded.stop(folders)
    assert traces(folders.root) == before


def test_programs_that_start_it_at_once_get_one_hypervisor_which_outlives_them(folders: Folders) -> None:
    children = [starter(folders) for _ in range(3)]
    outputs = {child.communicate(timeout=120)[0].strip() for child in children}
    assert outputs == {embedded.uri(folders)}
    assert command_names(folders) == PROCESSES
    assert embedded.is_running(folders)


def test_its_processes_hold_nothing_of_the_program_that_started_them(folders: Folders) -> None:
    reader, writer = os.pipe()
    os.set_inheritable(writer, True)
    start(folders)
    os.close(writer)
    os.set_blocking(reader, False)
    assert os.read(reader, 1) == b"", "a daemon still holds the other end"
    os.close(reader)
    for name in (*DAEMONS, "slirp4netns"):
        environment = Path(f"/proc/{process_of(folders, name).pid}/environ").read_bytes()
        assert {entry.partition(b"=")[0] for entry in environment.split(b"\0") if entry} <= {
            b"PATH",
            b"LANG",
            b"HOME",
            b"PWD",
        }


def test_stopping_what_was_never_started_does_nothing(folders: Folders) -> None:
    embedded.stop(folders)
    assert list(folders.root.iterdir()) == []


def test_only_root_may_use_its_socket(folders: Folders) -> None:
    start(folders)
    socket = folders.hypervisor / "run" / "libvirt" / "libvirt-sock"
    done = subprocess.run(["setpriv", "--reuid=65534", "--clear-groups", "test", "-w", str(socket)], check=False)
    assert done.returncode == 1
