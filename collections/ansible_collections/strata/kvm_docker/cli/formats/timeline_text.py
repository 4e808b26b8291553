# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A timeline for a terminal, in plain characters. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.report.words import plain
from ansible_collections.strata.kvm_docker.plugins.module_utils.run_record import RunRecord
from ansible_collections.strata.kvm_docker.plugins.module_utils.timeline.scale import Scale
from ansible_collections.strata.kvm_docker.plugins.module_utils.timeline.timeline import (
    Lane,
    LayerTotal,
    Look,
    Row,
    Timeline,
)

#: Characters of a label and of the axis.
LABEL = 36
AXIS = 60
#: Parts of the run's time below which a bar is folded, unless it is on the critical path.
SHORT = 0.01

_SIGNS: dict[Look, str] = {"work": "#", "wait": ".", "failed": "!", "cut": "?"}
_LEGEND = "# works, . waits, ! failed, ? cut off; * is on the critical path"
_ENDED = {"done": "done", "failed": "failed", "cut": "without an end (killed, or still under way)"}


def headline(record: RunRecord) -> str:
    """``two_hosts: state present, began 2026-11-22 14:42:07 UTC, done after 71.2 s``."""
    began = f"{record.began:%Y-%m-%d %H:%M:%S} UTC"
    ended = f"{_ENDED[record.ended]} after {record.seconds:.1f} s"
    return f"{plain(record.environment)}: state {plain(record.state)}, began {began}, {ended}"


def run_lines(records: Iterable[RunRecord]) -> list[str]:
    """One for each run, the last first, with the number that calls it."""
    return [f"{number:2}  {headline(record)}" for number, record in enumerate(records, 1)]


def summary(found: Timeline) -> list[str]:
    """Where the time went: the longest pieces of the critical path, and the layers."""
    total = found.record.seconds or 1.0
    said = [f"{seconds:8.1f} s {seconds / total:4.0%}  {plain(what)}" for what, seconds in found.longest]
    return [headline(found.record), "", "where the time went (critical path)", *said, "", *_layers(found.layers)]


def timeline_lines(found: Timeline, everything: bool = False) -> list[str]:
    """The bars, then the summary; bars that are short are folded unless *everything* is asked for."""
    scale = Scale(found.record.seconds, AXIS)
    first, *rest = summary(found)
    drawn = [line for lane in found.lanes for line in _lane(lane, scale, 0.0 if everything else SHORT)]
    return [first, "", _axis(scale), *drawn, "", _LEGEND, *rest]


def _axis(scale: Scale) -> str:
    cells = [" "] * (AXIS + 8)
    for tick in scale.ticks():
        words = f"|{tick:g} s" if tick else "|0"
        place = int(scale.at(tick))
        cells[place : place + len(words)] = words
    return f"{'':{LABEL + 4}}{''.join(cells).rstrip()}"


def _lane(lane: Lane, scale: Scale, short: float) -> Iterator[str]:
    yield plain(lane.title)
    yield from (_row(row, scale) for row in lane.rows if not _folded(row, short * scale.seconds))
    stages = sum(not row.part for row in lane.rows if _folded(row, short * scale.seconds))
    if stages:
        yield f"    ({stages} more, each below {short * scale.seconds:.1f} s)"


def _folded(row: Row, short: float) -> bool:
    return row.seconds < short and not row.critical


def _row(row: Row, scale: Scale) -> str:
    cells = [" "] * AXIS
    for each in row.bars:
        begin = min(int(scale.at(each.begin)), AXIS - 1)
        end = max(begin + 1, int(scale.at(each.end)))
        cells[begin:end] = _SIGNS[each.look] * (end - begin)
    label = f"{'  ' if row.part else ''}{plain(row.label)}"
    mark = "*" if row.critical else " "
    return f"  {mark} {_cut(label):{LABEL}}{''.join(cells)}{row.seconds:8.1f} s"


def _cut(label: str) -> str:
    """The end of a long name tells more than its begin."""
    return label if len(label) < LABEL else f"...{label[4 - LABEL :]}"


def _layers(layers: Sequence[LayerTotal]) -> Iterator[str]:
    yield f"{'layer':18}{'stages':>8}{'worked':>11}{'waited':>11}{'lasted':>11}{'critical':>11}"
    for total in layers:
        times = "".join(f"{seconds:9.1f} s" for seconds in (total.worked, total.waited, total.lasted, total.critical))
        yield f"{plain(total.layer):18}{total.stages:8}{times}"
