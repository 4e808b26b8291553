# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Timelines of any events: bars lie in the run and beside each other, and the critical path fills it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from ansible_collections.strata.kvm_docker.cli.formats.timeline_page import AXIS, LEFT, picture, timeline_svg
from ansible_collections.strata.kvm_docker.cli.formats.timeline_text import timeline_lines
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.model import Key
from ansible_collections.strata.kvm_docker.plugins.module_utils.progress import Event
from hypothesis import given
from hypothesis import strategies as st
from made_timeline import drawn

KEYS = [Key("network", "lan"), Key("guest", "web"), Key("guest", "apps"), Key("container", "app", "web"), None]
STATUSES = ("start", "progress", "done", "failed")


@st.composite
def events(draw: st.DrawFn) -> list[Event]:
    """Of a run that may have been killed; stages may begin twice, or end without a begin."""
    times = draw(st.lists(st.integers(0, 3000), max_size=40))

    def made() -> Iterator[Event]:
        for time in sorted(times):
            key = draw(st.sampled_from(KEYS))
            needs = draw(st.lists(st.sampled_from([str(key) for key in KEYS if key]), max_size=2))
            status, phase = draw(st.sampled_from(STATUSES)), draw(st.sampled_from(["", "SSH", "the Docker engine"]))
            stage = str(key) if key else draw(st.sampled_from(["observe", "plan"]))
            yield Event(time / 100, stage, status, "", None, key, tuple(needs), draw(st.booleans()), phase)

    return list(made())


@given(events(), st.integers(0, 500))
def test_bars_of_a_row_never_overlap_and_lie_in_the_run(told: list[Event], after: int) -> None:
    end = max((event.at for event in told), default=0.0) + after / 100
    found = drawn(told, end)
    for lane in found.lanes:
        for row in lane.rows:
            assert all(0 <= bar.begin <= bar.end <= end for bar in row.bars)
            assert all(one.end <= other.begin for one, other in pairwise(row.bars))
    for line in picture(found).rows:
        assert all(LEFT <= bar.x <= LEFT + AXIS for bar in line.bars)


@given(events(), st.integers(0, 500))
def test_the_critical_path_fills_the_run_without_a_gap(told: list[Event], after: int) -> None:
    end = max((event.at for event in told), default=0.0) + after / 100
    path = drawn(told, end).path
    assert all(one.end == other.begin for one, other in pairwise(path))
    assert sum(piece.seconds for piece in path) == pytest.approx(end)
    assert all(piece.seconds > 0 for piece in path)


@given(events(), st.text(max_size=8))
def test_it_can_always_be_drawn_whatever_names_hold(told: list[Event], name: str) -> None:
    hostile = [Event(0.0, f"image web/{name}", "start", name, None, Key("image", name, "web")), *told]
    found = drawn(hostile, 30.0)
    ElementTree.fromstring(timeline_svg(found))
    assert all(line.isprintable() for line in timeline_lines(found, everything=True))
