# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.environment import Environment
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import GuestError
from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest import access
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest.console import console_path
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm import ready
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.watch import Watch, domain_problem
from ansible_collections.strata.kvm_docker.plugins.module_utils.progress import Event, Progress


def says(folders: Folders, text: str) -> None:
    path: Path = console_path(folders, "lab", "web")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def watch(domain: Any, timeout: float = 60.0, events: list[Event] | None = None) -> Watch:
    sink = events.append if events is not None else lambda event: None
    return Watch(domain.hypervisor, "lab", "web", Progress(sink), timeout)


def test_a_running_guest_is_waited_for(domain: Any) -> None:
    watch(domain)()
    assert domain_problem(domain.hypervisor, "lab", "web") is None


def test_a_guest_that_powered_off_ends_the_wait_with_its_last_words(domain: Any, folders: Folders) -> None:
    says(folders, "one\r\n\x1b[31mreboot: Power down\x1b[0m\r\n")
    domain.hypervisor.connection.defineXML(domain.XMLDesc())
    domain.destroy()
    with pytest.raises(GuestError, match="powered off") as raised:
        watch(domain)()
    assert str(raised.value).endswith("one\nreboot: Power down")


def test_a_guest_that_is_gone_ends_the_wait(domain: Any) -> None:
    domain.destroy()
    with pytest.raises(GuestError, match="its domain is gone"):
        watch(domain)()


def test_a_guest_that_somebody_paused_ends_the_wait(domain: Any) -> None:
    domain.suspend()
    with pytest.raises(GuestError, match="virsh resume"):
        watch(domain)()


def test_a_panic_on_the_console_ends_the_wait(domain: Any, folders: Folders) -> None:
    says(folders, "Linux version 6.12\nKernel panic - not syncing: VFS: Unable to mount root fs\n---[ end ]---\n")
    with pytest.raises(GuestError, match="its boot has failed: Kernel panic - not syncing: VFS"):
        watch(domain)()


def test_the_end_of_the_time_is_told_with_the_reason_of_the_last_try(domain: Any, folders: Folders) -> None:
    says(folders, "still booting\n")
    waiting = watch(domain, timeout=0.0)
    waiting.note("connection refused")
    with (
        waiting.waiting_for("SSH"),
        pytest.raises(GuestError, match=r"SSH does not answer after 0 s.*refused") as raised,
    ):
        waiting()
    assert str(raised.value).endswith("still booting")


def test_the_end_of_the_time_names_the_option_that_set_it(domain: Any, folders: Folders) -> None:
    waiting = Watch(domain.hypervisor, "lab", "web", Progress(), 0.0, limit="readyTimeout")
    with pytest.raises(GuestError, match=r"after 0 s \(readyTimeout\)"):
        waiting()


def test_who_waits_can_be_interrupted_between_two_looks(domain: Any, folders: Folders) -> None:
    interrupted: list[bool] = []

    def interrupt() -> None:
        if interrupted:
            raise InterruptedError

    waiting = Watch(domain.hypervisor, "lab", "web", Progress(), 60.0, interrupt=interrupt)
    waiting()
    interrupted.append(True)
    with pytest.raises(InterruptedError):
        waiting()


def test_waiting_is_reported_with_the_console_s_news(
    domain: Any, folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[Event] = []
    says(folders, "mounting\n")
    waiting = watch(domain, events=events)
    clock = time.monotonic()
    with waiting.waiting_for("SSH"):
        for seconds in (6.0, 12.0):
            monkeypatch.setattr(time, "monotonic", lambda seconds=seconds: clock + seconds)
            waiting()
    assert events[0].phase == "SSH"
    assert [event.message for event in events[1:]] == ["waiting for SSH for 6 s; mounting", "waiting for SSH for 12 s"]
    assert {event.stage for event in events} == {"guest web"}


def test_waiting_for_a_shell_gives_up_the_moment_the_guest_does(
    domain: Any, environment: Environment, folders: Folders
) -> None:
    """The way into the network never ends, as with a guest that does not answer."""
    access.prepare(environment, folders, ["sh", "-c", "sleep 60", "--"])
    says(folders, "Linux version 6.12\nKernel panic - not syncing: no init\n")
    began = time.monotonic()
    with pytest.raises(GuestError, match="no init"):
        ready.wait_for_shell(domain.hypervisor, environment, environment.guests["web"], Progress())
    assert time.monotonic() - began < 5


def test_waiting_for_a_shell_ends_in_time_with_the_reason(
    domain: Any, environment: Environment, folders: Folders
) -> None:
    access.prepare(environment, folders, ["false"])
    with pytest.raises(
        GuestError, match=r"SSH does not answer after 1 s.*Last try: .*nobody answers at its SSH port"
    ) as raised:
        ready.wait_for_shell(domain.hypervisor, environment, environment.guests["web"], Progress(), timeout=1.0)
    assert str(raised.value).endswith("(nothing)")


def test_a_last_line_that_is_being_written_is_told_whole(
    domain: Any, folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    says(folders, "Booting from Hard Disk...\nBoot failed: not a bo")
    whole = "Booting from Hard Disk...\nBoot failed: not a bootable disk\nNo bootable device.\n"
    waiting = watch(domain)
    monkeypatch.setattr(time, "sleep", lambda seconds: says(folders, whole))
    with pytest.raises(GuestError, match="its boot has failed: Boot failed: not a bootable disk") as raised:
        waiting()
    assert str(raised.value).endswith("No bootable device.")
