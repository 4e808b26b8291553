# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run as a picture shows it: rows of bars in lanes, the critical path, and where the time went. No I/O."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from ..run_record import RunRecord
from .critical import Piece, critical_path
from .spans import Phase, Span, spans_of

#: Pieces of the critical path that are listed.
LONGEST = 10

#: What a bar shows: something works, or waits for something that works elsewhere; it failed, or was cut off.
Look: TypeAlias = Literal["work", "wait", "failed", "cut"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A span or a phase of one, in seconds since the run began. ``critical``: it is on the critical path."""

    begin: float
    end: float
    what: str
    look: Look
    critical: bool = False

    @property
    def seconds(self) -> float:
        return self.end - self.begin


@dataclass(frozen=True, slots=True)
class Row:
    """Bars that do not overlap, by their begin. ``part``: they are phases of the bar in the row above."""

    label: str
    layer: str
    bars: tuple[Bar, ...]
    part: bool = False

    @property
    def seconds(self) -> float:
        return sum(each.seconds for each in self.bars)

    @property
    def critical(self) -> bool:
        return any(each.critical for each in self.bars)


@dataclass(frozen=True, slots=True)
class Lane:
    """The run itself, the hypervisor, or a guest."""

    title: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerTotal:
    """Seconds of one layer: of all its bars together, from first begin to last end, and on the critical path."""

    layer: str
    stages: int
    worked: float
    waited: float
    lasted: float
    critical: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """``longest``: pieces of the critical path, equal ones as one: words and seconds."""

    record: RunRecord
    spans: tuple[Span, ...]
    lanes: tuple[Lane, ...]
    path: tuple[Piece, ...]
    layers: tuple[LayerTotal, ...]
    longest: tuple[tuple[str, float], ...]


def timeline(record: RunRecord, layers: Sequence[str]) -> Timeline:
    """Draw up *record*; *layers*: all kinds of objects, in the order in which they are shown."""
    spans = spans_of(record.events, record.seconds)
    path = critical_path(spans, record.seconds)
    order = {layer: number for number, layer in enumerate(("run", *layers))}
    return Timeline(
        record=record,
        spans=tuple(spans),
        lanes=tuple(_lanes(spans, path, order)),
        path=tuple(path),
        layers=tuple(_totals(spans, path, order)),
        longest=tuple(_longest(path)),
    )


def _lanes(spans: Sequence[Span], path: Sequence[Piece], order: dict[str, int]) -> Iterator[Lane]:
    first = {"run": 0, "hypervisor": 1}
    pieces: dict[str, list[Piece]] = {}
    for piece in path:
        pieces.setdefault(piece.stage, []).append(piece)
    for title in sorted({span.lane for span in spans}, key=lambda title: (first.get(title, 2), title)):
        inside = [span for span in spans if span.lane == title]
        stages: dict[str, list[Span]] = {}
        for span in sorted(inside, key=lambda span: order.get(span.layer, len(order))):
            stages.setdefault(span.stage, []).append(span)
        yield Lane(title, tuple(row for stage, each in stages.items() for row in _rows(each, pieces.get(stage, ()))))


def _rows(spans: Sequence[Span], path: Sequence[Piece]) -> Iterator[Row]:
    """The rows of one stage: one, and more where two of its spans overlap; below each the phases of its bars. *path*:
    pieces of that stage."""
    rows: list[list[Span]] = []
    for span in sorted(spans, key=lambda span: (span.begin, span.end)):
        free = next((row for row in rows if row[-1].end <= span.begin), None)
        if free is None:
            rows.append([span])
        else:
            free.append(span)
    for row in rows:
        yield Row(row[0].stage, row[0].layer, tuple(_bar(span, path) for span in row))
        parts: dict[str, list[Bar]] = {}
        for span in row:
            for part in _parts(span, path):
                parts.setdefault(part.what, []).append(part)
        for name, bars in parts.items():
            yield Row(name, row[0].layer, tuple(bars), part=True)


def _bar(span: Span, path: Sequence[Piece]) -> Bar:
    look: Look = span.ended if span.ended != "done" else "wait" if span.waits else "work"
    on_path = _crosses(path, span.begin, span.end)
    return Bar(begin=span.begin, end=span.end, what=span.what, look=look, critical=on_path)


def _parts(span: Span, path: Sequence[Piece]) -> Iterator[Bar]:
    """For each name of a phase one, from the first of that name to the last."""
    named: dict[str, list[Phase]] = {}
    for phase in span.phases:
        named.setdefault(phase.name, []).append(phase)
    look: Look = "wait" if span.waits else "work"
    for name, phases in named.items():
        begin, end = phases[0].begin, phases[-1].end
        yield Bar(begin=begin, end=end, what=name, look=look, critical=_crosses(path, begin, end))


def _crosses(path: Sequence[Piece], begin: float, end: float) -> bool:
    """Whether one of the pieces *path*, which follow each other, is between *begin* and *end*."""
    first = bisect_right(path, begin, key=lambda piece: piece.end)
    return first < len(path) and path[first].begin < end


def _totals(spans: Sequence[Span], path: Sequence[Piece], order: dict[str, int]) -> Iterator[LayerTotal]:
    layer_of = {span.stage: span.layer for span in spans}
    for layer in sorted(set(layer_of.values()), key=lambda layer: order.get(layer, len(order))):
        inside = [span for span in spans if span.layer == layer]
        yield LayerTotal(
            layer=layer,
            stages=len({span.stage for span in inside}),
            worked=sum(span.seconds for span in inside if not span.waits),
            waited=sum(span.seconds for span in inside if span.waits),
            lasted=max(span.end for span in inside) - min(span.begin for span in inside),
            critical=sum(piece.seconds for piece in path if layer_of.get(piece.stage) == layer),
        )


def _longest(path: Iterable[Piece]) -> list[tuple[str, float]]:
    seconds: dict[str, float] = {}
    for piece in path:
        seconds[str(piece)] = seconds.get(str(piece), 0.0) + piece.seconds
    return sorted(seconds.items(), key=lambda item: -item[1])[:LONGEST]
