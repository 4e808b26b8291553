# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Progress events: the converge reports what it does while it does it, a front end shows it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from .plan.model import Key


@dataclass(frozen=True, slots=True)
class Event:
    """One line of progress.

    ``at``: seconds since the run started. ``stage``: what is worked on, e.g. ``observe`` or ``guest web``.
    ``status``: ``start``, ``progress``, ``done`` or ``failed``. ``fraction``: 0 to 1 where it is known.

    At the start of a stage that is about an object: its ``key``, the stages that it ``needs``, i.e. that had to be done
    before, and whether it only ``waits``. ``phase``: what the stage waits for or works on from now on.
    """

    at: float
    stage: str
    status: str
    message: str = ""
    fraction: float | None = None
    key: Key | None = None
    needs: tuple[str, ...] = ()
    waits: bool = False
    phase: str = ""


#: Seconds between two events of status ``progress`` of one stage: enough to see that it goes on.
INTERVAL = 1.0


class Progress:
    """Passes events to *sink*; safe to call from several threads when the sink is.

    ``mask``: what every message goes through, once the secrets of the declaration are known.
    """

    def __init__(self, sink: Callable[[Event], None] = lambda event: None) -> None:
        self._sink = sink
        self.mask: Callable[[str], str] = str
        self._began = time.monotonic()
        self._told: dict[str, float] = {}

    @property
    def seconds(self) -> float:
        """Since the run started."""
        return round(time.monotonic() - self._began, 3)

    def report(self, stage: str, status: str, message: str = "", fraction: float | None = None) -> None:
        """Pass an event on, unless it is mere progress of a stage that told something less than a second ago."""
        now = time.monotonic()
        if status == "progress" and now - self._told.get(stage, 0.0) < INTERVAL:
            return
        self._told[stage] = now
        self._sink(Event(self.seconds, stage, status, self.mask(message), fraction))

    def phase(self, stage: str, name: str) -> None:
        """What *stage* waits for or works on from now on; always passed on."""
        self._sink(Event(self.seconds, stage, "progress", phase=name))

    @contextmanager
    def stage(
        self, name: str, message: str = "", key: Key | None = None, needs: Iterable[str] = (), waits: bool = False
    ) -> Iterator[None]:
        """Report the start and the end of a stage, also when it fails; the rest is as :class:`Event` has it."""
        began = time.monotonic()
        self._told[name] = began
        self._sink(Event(self.seconds, name, "start", self.mask(message), None, key, tuple(needs), waits))
        try:
            yield
        except BaseException:
            self.report(name, "failed", f"after {time.monotonic() - began:.1f} s")
            raise
        self.report(name, "done", f"{time.monotonic() - began:.1f} s")

    @contextmanager
    def also_to(self, sink: Callable[[Event], None]) -> Iterator[None]:
        """Within, every event goes to *sink* too."""
        first = self._sink

        def both(event: Event) -> None:
            first(event)
            sink(event)

        self._sink = both
        try:
            yield
        finally:
            self._sink = first


def to_file(path: Path) -> Callable[[Event], None]:
    """A sink that appends each event to *path* as a line of JSON, in one write."""

    def write(event: Event) -> None:
        with path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(asdict(event)) + "\n")

    return write
