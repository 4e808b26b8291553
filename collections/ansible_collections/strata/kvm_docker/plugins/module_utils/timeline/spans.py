# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Events of a run as spans of time: what was worked on or waited for, from when until when. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from ..plan.model import Key
from ..progress import Event
from ..run_record import Ended


@dataclass(frozen=True, slots=True)
class Phase:
    """A part of a span: what it waited for or worked on, in seconds since the run began."""

    name: str
    begin: float
    end: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A stage from its start to its end, in seconds since the run began.

    ``what``: what it said when it began. ``key``: the object that it is about; ``None`` for a stage of the run itself.
    ``needs``: the stages that had to be done before. ``waits``: it only waited. ``phases`` fill its end, or there are
    none.
    """

    stage: str
    begin: float
    end: float
    what: str = ""
    ended: Ended = "done"
    key: Key | None = None
    needs: tuple[str, ...] = ()
    waits: bool = False
    phases: tuple[Phase, ...] = ()

    @property
    def seconds(self) -> float:
        return self.end - self.begin

    @property
    def lane(self) -> str:
        """``run``, ``hypervisor``, or the guest that it is about or that its object is on."""
        if self.key is None:
            return "run"
        guest = self.key.name if self.key.kind == "guest" else self.key.guest
        return f"guest {guest}" if guest else "hypervisor"

    @property
    def layer(self) -> str:
        """The kind of its object, or ``run``."""
        return self.key.kind if self.key else "run"


@dataclass(slots=True)
class _Open:
    """A stage that has begun."""

    start: Event
    phases: list[tuple[str, float]] = field(default_factory=list)

    def closed(self, end: float, ended: Ended) -> Span:
        start, bounds = self.start, [*(begin for _name, begin in self.phases), end]
        named = zip((name for name, _begin in self.phases), pairwise(bounds), strict=True)
        return Span(
            stage=start.stage,
            begin=start.at,
            end=end,
            what=start.message,
            ended=ended,
            key=start.key,
            needs=start.needs,
            waits=start.waits,
            phases=tuple(Phase(name, begin, to) for name, (begin, to) in named),
        )


def spans_of(events: Iterable[Event], end: float) -> list[Span]:
    """The spans of *events*, by their begin. What has no end lasts until *end*, that of the run, and is ``cut``."""
    return sorted(_spans(events, end), key=lambda span: (span.begin, span.end))


def _spans(events: Iterable[Event], end: float) -> Iterator[Span]:
    under_way: dict[str, list[_Open]] = {}
    for event in events:
        stages = under_way.setdefault(event.stage, [])
        if event.status == "start":
            stages.append(_Open(event))
        elif stages and event.status in ("done", "failed"):
            opened = stages.pop()
            yield opened.closed(max(event.at, opened.start.at), "done" if event.status == "done" else "failed")
        elif stages and event.phase:
            stages[-1].phases.append((event.phase, max(event.at, stages[-1].start.at)))
    for stages in under_way.values():
        for opened in stages:
            yield opened.closed(max(end, opened.start.at), "cut")
