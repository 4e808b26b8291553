# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The critical path of a run: what its end waited for, and what that waited for, back to its begin. No I/O."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from .spans import Span

#: Seconds of a gap that are worth a piece.
_GAP = 0.005

NOTHING_TOLD = "nothing told"


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of the critical path, in seconds since the run began. ``what``: the phase of ``stage``, or what it said
    when it began; ``stage`` is empty where no event tells what was done."""

    stage: str
    what: str
    begin: float
    end: float

    @property
    def seconds(self) -> float:
        return self.end - self.begin

    def __str__(self) -> str:
        return ": ".join(word for word in (self.stage, self.what) if word)


def critical_path(spans: Sequence[Span], end: float) -> list[Piece]:
    """Pieces that follow each other without a gap from 0 to *end*, where the run ended.

    What an object's span waited for is the last to end of what it needs by the plan, of its guest and of the run's own
    stages (a plan comes before what it plans); what one of those waited for is what ended last before it.
    """
    flat = [*(span for span in spans if span.key), *_uncovered(spans)]
    flat.reverse()
    flat.sort(key=_end)
    found: list[Piece] = []
    last, until = flat[-1] if flat else None, end
    while span := last:
        gap = until - span.end > _GAP
        found += [Piece("", NOTHING_TOLD, span.end, until)] if gap else []
        found += reversed(list(_pieces(span, span.end if gap else until)))
        del flat[bisect_right(flat, span.begin, key=lambda other: other.end) :]
        if span.end <= span.begin:
            flat.remove(span)
        last, until = _before(span, flat), min(span.begin, until)
    found += [Piece("", NOTHING_TOLD, 0.0, until)]
    return [piece for piece in reversed(found) if piece.seconds > 0]


def _before(span: Span, earlier: Sequence[Span]) -> Span | None:
    """Of those that ended *earlier*, in that order, the one that *span* waited for. What only waits has its turn in its
    lane."""
    on = f"guest {span.key.guest}" if span.key and span.key.guest else ""

    def before(other: Span) -> bool:
        by_plan = other.stage in span.needs or other.stage == on
        return span.key is None or other.key is None or by_plan or (span.waits and other.lane == span.lane)

    return next((other for other in reversed(earlier) if before(other)), earlier[-1] if earlier else None)


def _end(span: Span) -> tuple[float, float]:
    return span.end, span.begin


def _pieces(span: Span, end: float) -> Iterator[Piece]:
    """*span*, or what is left of it, until *end*, by its phases; some may take no time."""
    begins = [span.begin, *(max(phase.begin, span.begin) for phase in span.phases), end]
    for what, (begin, to) in zip((span.what, *(phase.name for phase in span.phases)), pairwise(begins), strict=True):
        yield Piece(span.stage, what, min(begin, end), min(to, end))


def _uncovered(spans: Iterable[Span]) -> Iterator[Span]:
    """Stages of the run itself without what went on within them, in parts: what that does not explain."""
    inner = sorted((span.begin, span.end) for span in spans if span.key)
    for span in spans:
        if span.key is None:
            begin = span.begin
            for low, high in (each for each in inner if each[0] >= span.begin and each[1] <= span.end):
                if low > begin:
                    yield replace(span, begin=begin, end=low)
                begin = max(begin, high)
            yield replace(span, begin=begin)
