# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A file of JSON lines is followed while it grows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.strata.kvm_docker.plugins.module_utils.progress import Progress, to_file
from ansible_collections.strata.kvm_docker.plugins.plugin_utils.follow import Follower, Lines


def test_only_what_was_appended_since_the_last_look_is_new(tmp_path: Path) -> None:
    path = tmp_path / "events"
    lines = Lines(path)
    assert list(lines.new()) == []
    path.write_text('{"at": 1}\n')
    assert list(lines.new()) == [{"at": 1}]
    assert list(lines.new()) == []


def test_half_a_line_waits_for_its_other_half(tmp_path: Path) -> None:
    path = tmp_path / "events"
    lines = Lines(path)
    path.write_text('{"at": 1}\n{"at"')
    assert list(lines.new()) == [{"at": 1}]
    path.write_text('{"at": 1}\n{"at": 2}\n')
    assert list(lines.new()) == [{"at": 2}]


def test_every_event_of_a_run_arrives_in_order_even_the_last(tmp_path: Path) -> None:
    path = tmp_path / "events"
    taken: list[Mapping[str, Any]] = []
    with Follower(path, taken.append, lambda: None):
        progress = Progress(to_file(path))
        for number in range(50):
            progress.report(f"guest {number}", "start", str(number))
    assert [event["message"] for event in taken] == [str(number) for number in range(50)]
