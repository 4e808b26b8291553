# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Progress events become few lines, and never a long silence."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.strata.kvm_docker.plugins.plugin_utils.screen import Screen


class Terminal:
    """Notes the lines; time passes only by :meth:`wait`."""

    def __init__(self) -> None:
        self.now = 100.0
        self.lines: list[str] = []
        self.colors: list[str | None] = []
        self.screen = Screen(self.write, clock=lambda: self.now)

    def write(self, line: str, color: str | None = None) -> None:
        self.lines.append(line)
        self.colors.append(color)

    def event(self, stage: str, status: str, message: str = "", fraction: float | None = None) -> None:
        at = self.now - 100
        self.screen.event({"at": at, "stage": stage, "status": status, "message": message, "fraction": fraction})

    def wait(self, seconds: float) -> None:
        for _tick in range(round(seconds * 5)):
            self.now += 0.2
            self.screen.tick()


@pytest.fixture
def terminal() -> Terminal:
    return Terminal()


def test_a_stage_that_is_over_at_once_is_not_mentioned(terminal: Terminal) -> None:
    terminal.event("observe", "start")
    terminal.wait(0.2)
    terminal.event("observe", "done", "0.2 s")
    assert terminal.lines == []


def test_a_stage_that_takes_time_is_shown_when_it_starts_and_when_it_ends(terminal: Terminal) -> None:
    terminal.event("guest web", "start", "booting")
    terminal.wait(2)
    terminal.event("guest web", "done", "2.0 s")
    assert terminal.lines == ["[   0.0 s] guest web: booting", "[   2.0 s] guest web: done 2.0 s"]


def test_a_failure_is_always_shown_and_stands_out(terminal: Terminal) -> None:
    terminal.event("guest web", "start")
    terminal.event("guest web", "failed", "after 0.0 s")
    assert terminal.lines == ["[   0.0 s] guest web: failed after 0.0 s"]
    assert terminal.colors == ["red"]


def test_a_flood_of_progress_becomes_one_line_in_five_seconds(terminal: Terminal) -> None:
    terminal.event("image", "start", "building")
    for step in range(200):
        terminal.wait(0.2)
        terminal.event("image", "progress", "unpacking", step / 200)
    assert 5 < len(terminal.lines) <= 1 + 40 // 5
    assert terminal.lines[1].endswith("image: unpacking (14%)")


def test_what_is_still_worked_on_is_named_after_a_long_silence(terminal: Terminal) -> None:
    terminal.event("guest web", "start", "waiting for SSH")
    terminal.event("guest apps", "start")
    terminal.wait(11)
    assert terminal.lines[-1].endswith("still at: guest web (waiting for SSH), guest apps")


def test_nothing_is_said_while_nothing_is_worked_on(terminal: Terminal) -> None:
    terminal.wait(60)
    assert terminal.lines == []


def test_the_label_of_a_host_leads_every_line() -> None:
    lines: list[str] = []

    def write(line: str, color: str | None = None) -> None:
        lines.append(line)

    event: dict[str, Any] = {"at": 1.0, "stage": "guest web", "status": "failed", "message": ""}
    Screen(write, "alpha ").event(event)
    assert lines == ["[alpha    1.0 s] guest web: failed"]
