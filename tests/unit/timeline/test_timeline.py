# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Events become spans in lanes, and the critical path says what the end waited for."""

from __future__ import annotations

import time
from collections.abc import Sequence

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.model import Key
from ansible_collections.strata.kvm_docker.plugins.module_utils.progress import Event
from ansible_collections.strata.kvm_docker.plugins.module_utils.timeline.critical import NOTHING_TOLD, critical_path
from ansible_collections.strata.kvm_docker.plugins.module_utils.timeline.scale import Scale
from ansible_collections.strata.kvm_docker.plugins.module_utils.timeline.spans import Phase, spans_of
from made_timeline import APP, APPS, EVENTS, LAN, VOLUME, WEB, drawn, in_order, stage


def path(*events: Event, end: float) -> list[tuple[str, float, float]]:
    spans = spans_of(in_order(events), end)
    return [(str(piece), piece.begin, piece.end) for piece in critical_path(spans, end)]


def test_a_stage_is_a_span_with_its_object_needs_and_phases() -> None:
    boot = next(span for span in drawn().spans if span.waits and span.key == WEB)
    assert (boot.begin, boot.end, boot.needs, boot.ended) == (2.0, 40.0, ("guest web",), "done")
    assert boot.phases == (Phase("SSH", 2.0, 30.0), Phase("the Docker engine", 30.0, 40.0))


def test_a_stage_without_an_end_lasts_until_the_run_s_and_is_cut() -> None:
    (span,) = spans_of([Event(1.0, "guest web", "start"), Event(3.0, "guest web", "progress", "booting")], 7.0)
    assert (span.begin, span.end, span.ended) == (1.0, 7.0, "cut")


def test_a_failed_stage_says_so() -> None:
    (span,) = spans_of([Event(1.0, "guest web", "start"), Event(3.0, "guest web", "failed")], 7.0)
    assert (span.end, span.ended) == (3.0, "failed")


def test_what_has_no_begin_is_no_span() -> None:
    assert spans_of([Event(3.0, "guest web", "progress", "again"), Event(4.0, "guest web", "done")], 7.0) == []


def test_two_stages_of_one_name_at_once_are_two_spans() -> None:
    spans = spans_of(in_order([*stage("a b", 1, 4), *stage("a b", 2, 3)]), 4)
    assert [(span.begin, span.end) for span in spans] == [(1, 4), (2, 3)]


def test_the_path_leads_from_the_end_back_over_what_each_needed() -> None:
    assert [(str(piece), piece.begin, piece.end) for piece in drawn().path] == [
        (NOTHING_TOLD, 0.0, 0.5),
        ("observe", 0.5, 1.0),
        ("plan", 1.0, 1.1),
        ("network lan: create: not there", 1.1, 1.5),
        ("guest web: create: not there", 1.5, 2.0),
        ("guest web: SSH", 2.0, 30.0),
        ("guest web: the Docker engine", 30.0, 40.0),
        ("docker_volume web/data: create: not there", 40.0, 50.0),
        ("container web/app-1: create: not there", 50.0, 53.0),
        ("container web/app-1: waiting until healthy", 53.0, 60.0),
        ("observe", 60.0, 61.0),
        (NOTHING_TOLD, 61.0, 61.5),
    ]


def test_what_ended_later_but_is_not_needed_is_not_on_the_path() -> None:
    events = (*stage(LAN, 0, 1), *stage(APPS, 0, 2), *stage(WEB, 2.1, 5, "create", LAN))
    assert path(*events, end=5) == [("network lan", 0, 1), (NOTHING_TOLD, 1, 2.1), ("guest web: create", 2.1, 5)]


def test_what_a_stage_of_the_run_waited_for_within_is_on_the_path() -> None:
    boot = stage(WEB, 2, 9, "waiting for its engine", WEB, waits=True)
    events = (*stage(WEB, 0, 1, "start"), *stage("observe", 1, 10), *boot)
    assert path(*events, end=10) == [
        ("guest web: start", 0, 1),
        ("observe", 1, 2),
        ("guest web: waiting for its engine", 2, 9),
        ("observe", 9, 10),
    ]


def test_containers_that_are_waited_for_one_after_the_other_are_all_on_the_path() -> None:
    other = Key("container", "app-2", "web")
    waits = (*stage(APP, 3, 8, "healthy", APP, waits=True), *stage(other, 8.2, 9, "healthy", other, waits=True))
    assert path(*stage(APP, 0, 1), *stage(other, 0, 2), *stage("settle", 2, 10), *waits, end=10) == [
        ("container web/app-2", 0, 2),
        ("settle", 2, 3),
        ("container web/app-1: healthy", 3, 8),
        ("settle", 8, 8.2),
        ("container web/app-2: healthy", 8.2, 9),
        ("settle", 9, 10),
    ]


def test_without_any_event_nothing_is_told() -> None:
    assert path(end=3) == [(NOTHING_TOLD, 0, 3)]
    assert path(end=0) == []


def test_lanes_are_the_run_the_hypervisor_and_each_guest_and_rows_go_by_layer() -> None:
    image = Key("image", "app", "web")
    lanes = drawn((*EVENTS, *stage(image, 51, 52))).lanes
    assert [(lane.title, [row.label for row in lane.rows]) for lane in lanes] == [
        ("run", ["observe", "plan"]),
        ("hypervisor", ["network lan", "pool lab"]),
        ("guest apps", ["guest apps"]),
        ("guest web", ["guest web", "SSH", "the Docker engine", f"{image}", f"{VOLUME}", f"{APP}"]),
    ]


def test_bars_tell_work_from_waiting_and_which_are_on_the_path() -> None:
    rows = {row.label: row for lane in drawn().lanes for row in lane.rows}
    assert [(bar.look, bar.critical) for bar in rows["guest web"].bars] == [("work", True), ("wait", True)]
    assert [(bar.look, bar.critical) for bar in rows["guest apps"].bars] == [("work", False)]
    assert rows["SSH"].part
    assert rows["SSH"].seconds == 28


def test_totals_tell_work_and_waiting_of_each_layer() -> None:
    totals = {total.layer: total for total in drawn().layers}
    assert list(totals) == ["run", "network", "pool", "guest", "docker_volume", "container"]
    guest = totals["guest"]
    assert (guest.stages, guest.worked, guest.waited, guest.lasted) == (2, 1.5, 38.0, 38.5)
    assert guest.critical == 38.5
    assert sum(total.critical for total in totals.values()) + 1.0 == pytest.approx(61.5)


def test_the_longest_pieces_come_first_and_equal_ones_are_one() -> None:
    longest = drawn().longest
    assert longest[0] == ("guest web: SSH", 28.0)
    assert dict(longest)["observe"] == pytest.approx(1.5)
    assert len(longest) == 10


@pytest.mark.parametrize(
    ("seconds", "ticks"),
    [(0.0, [0.0]), (0.4, [0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4]), (10, range(11)), (71.2, range(0, 71, 10))],
)
def test_ticks_are_round_and_few(seconds: float, ticks: Sequence[float]) -> None:
    assert Scale(seconds, 60).ticks() == pytest.approx(list(ticks))


def test_a_run_without_time_has_all_at_its_begin() -> None:
    assert (Scale(0.0, 60).at(0.0), Scale(0.0, 60).at(5.0)) == (0.0, 0.0)
    assert (Scale(10.0, 60).at(5.0), Scale(10.0, 60).at(99.0)) == (30.0, 60.0)


@pytest.mark.parametrize("ended", [True, False])
def test_ten_thousand_events_of_one_stage_take_seconds(ended: bool) -> None:
    """Each start with phases of its own; what grows with the square of events took minutes."""
    starts = [Event(float(number), "observe", "start") for number in range(2_000)]
    phases = [
        Event(event.at + part / 10, "observe", "progress", phase=f"{event.at} {part}")
        for event in starts
        for part in range(3)
    ]
    ends = [Event(event.at + 0.9, "observe", "done") for event in starts] if ended else []
    began = time.process_time()

    found = drawn(in_order([*starts, *phases, *ends]), 2_000.0)

    assert sum(len(row.bars) for lane in found.lanes for row in lane.rows if not row.part) == 2_000
    assert time.process_time() - began < 10
