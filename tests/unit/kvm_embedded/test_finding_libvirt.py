# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which libvirt `auto` stands for, and what is said where there is none."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import HypervisorError
from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm import embedded, hypervisor, programs
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.connection import connect
from ansible_collections.strata.kvm_docker.plugins.modules import hypervisor as module


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders(tmp_path)


@pytest.fixture(autouse=True)
def system_socket(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Stands for the socket of the machine's own libvirt; absent until a test makes it."""
    monkeypatch.setattr(hypervisor, "SYSTEM_SOCKETS", (tmp_path / "libvirt-sock",))
    return tmp_path / "libvirt-sock"


def started(folders: Folders) -> None:
    (folders.hypervisor / "records").mkdir(parents=True)
    (folders.hypervisor / "records" / "libvirtd").touch()


def test_auto_is_the_libvirt_of_the_machine_where_there_is_one(folders: Folders, system_socket: Path) -> None:
    system_socket.touch()
    assert hypervisor.find_uri("auto", folders) == "qemu:///system"


def test_auto_stays_with_the_embedded_one_that_was_started(folders: Folders, system_socket: Path) -> None:
    system_socket.touch()
    started(folders)
    assert hypervisor.find_uri("auto", folders) == embedded.uri(folders)


def define(folders: Folders, path: str) -> None:
    definition = folders.hypervisor / "etc" / "qemu" / path
    definition.parent.mkdir(parents=True)
    definition.touch()


@pytest.mark.parametrize("path", ["lab-web.xml", "networks/lab-lan.xml", "default.xml"])
@pytest.mark.parametrize("uri", ["auto", "embedded"])
def test_a_stopped_one_that_holds_definitions_is_found_and_is_to_be_started(
    folders: Folders, system_socket: Path, path: str, uri: str
) -> None:
    system_socket.touch()
    define(folders, path)
    assert not embedded.exists(folders)
    assert hypervisor.find_uri(uri, folders) == embedded.uri(folders)
    with pytest.raises(HypervisorError, match=r"does not run.*Start it with the module"):
        hypervisor.open_hypervisor(uri, folders)


@pytest.mark.parametrize("path", ["networks/default.xml", "networks/autostart/default.xml"])
def test_libvirts_own_network_is_no_definition_to_come_back_for(folders: Folders, path: str) -> None:
    define(folders, path)
    assert hypervisor.find_uri("auto", folders) is None
    assert hypervisor.find_uri("embedded", folders) is None


@pytest.mark.parametrize("uri", ["auto", "embedded"])
def test_where_no_libvirt_ever_was_there_is_none_to_stop_and_none_is_told_of(folders: Folders, uri: str) -> None:
    assert module.stopped(uri, folders, check=False, force=False) == {"changed": False, "embedded": False}


def test_the_libvirt_of_the_machine_is_not_taken_for_the_embedded_one_and_not_stopped(
    folders: Folders, system_socket: Path
) -> None:
    system_socket.touch()
    told = {"changed": False, "embedded": False, "uri": "qemu:///system"}
    assert module.stopped("auto", folders, check=False, force=True) == told


@pytest.mark.parametrize("uri", ["auto", "embedded"])
def test_an_embedded_one_that_is_to_be_stopped_is_told_of(folders: Folders, uri: str) -> None:
    started(folders)
    told = {"changed": True, "embedded": True, "uri": embedded.uri(folders)}
    assert module.stopped(uri, folders, check=True, force=False) == told


def test_embedded_is_never_the_libvirt_of_the_machine(folders: Folders, system_socket: Path) -> None:
    system_socket.touch()
    assert hypervisor.find_uri("embedded", folders) is None


def test_without_any_libvirt_the_message_says_how_to_start_one(folders: Folders) -> None:
    with pytest.raises(HypervisorError, match=r"no libvirt answers.*strata\.kvm_docker\.hypervisor"):
        hypervisor.open_hypervisor("auto", folders)


def test_an_embedded_one_that_died_is_named_with_its_folder(folders: Folders) -> None:
    started(folders)
    with pytest.raises(HypervisorError, match=f"embedded hypervisor in {folders.root} does not run"):
        hypervisor.open_hypervisor("auto", folders)


def test_a_uri_that_refuses_ends_in_one_message_with_the_uri(tmp_path: Path) -> None:
    with pytest.raises(HypervisorError, match=r"libvirt at qemu:///system.* cannot be used"):
        connect(f"qemu:///system?socket={tmp_path}/nothing")


def test_a_uri_that_accepts_and_says_nothing_is_given_up_in_time(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "s"))
        silent.listen(1)
        began = time.monotonic()
        with pytest.raises(HypervisorError, match=r"does not answer within 0\.3 s"):
            connect(f"qemu:///system?socket={tmp_path}/s", seconds=0.3)
    assert time.monotonic() - began < 5


def test_libvirts_own_words_do_not_reach_stderr(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(HypervisorError):
        connect(f"qemu:///system?socket={tmp_path}/nothing")
    assert capfd.readouterr().err == ""


def test_commands_run_as_they_are_where_the_hypervisor_is_the_machines_own(folders: Folders) -> None:
    opened = hypervisor.open_hypervisor("test:///default", folders)
    assert opened.netns is None
    assert opened.inside(["ip", "route"]) == ["ip", "route"]
    opened.close()


def test_missing_programs_are_named_with_the_packages_that_bring_them(tmp_path: Path) -> None:
    with pytest.raises(
        HypervisorError, match=r"strata-nothing.*apt-get install.*libvirt-daemon-system.*strata-nothing"
    ):
        programs.check_programs(["sh", "strata-nothing"], [str(tmp_path / "etc")])


@pytest.mark.parametrize("place", ["/run/strata", "/dev/shm/strata", "relative", "/" + "long/" * 20])
def test_a_state_folder_that_cannot_work_is_refused_before_anything_is_made(place: str) -> None:
    with pytest.raises(HypervisorError, match="the state folder"):
        embedded.check_place(Folders(Path(place)))
