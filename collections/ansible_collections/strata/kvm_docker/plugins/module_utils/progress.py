# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Progress events: the converge reports what it does while it does it, a front end shows it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Event:
    """One line of progress.

    ``at``: seconds since the run started. ``stage``: what is worked on, e.g. ``observe`` or ``guest web``.
    ``status``: ``start``, ``progress``, ``done`` or ``failed``. ``fraction``: 0 to 1 where it is known.
    """

    at: float
    stage: str
    status: str
    message: str = ""
    fraction: float | None = None


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

    def report(self, stage: str, status: str, message: str = "", fraction: float | None = None) -> None:
        """Pass an event on, unless it is mere progress of a stage that told something less than a second ago."""
        now = time.monotonic()
        if status == "progress" and now - self._told.get(stage, 0.0) < INTERVAL:
            return
        self._told[stage] = now
        self._sink(Event(round(now - self._began, 2), stage, status, self.mask(message), fraction))

    @contextmanager
    def stage(self, name: str, message: str = "") -> Iterator[None]:
        """Report the start and the end of a stage, also when it fails."""
        began = time.monotonic()
        self.report(name, "start", message)
        try:
            yield
        except BaseException:
            self.report(name, "failed", f"after {time.monotonic() - began:.1f} s")
            raise
        self.report(name, "done", f"{time.monotonic() - began:.1f} s")


def to_file(path: Path) -> Callable[[Event], None]:
    """A sink that appends each event to *path* as a line of JSON, in one write."""

    def write(event: Event) -> None:
        with path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(asdict(event)) + "\n")

    return write
