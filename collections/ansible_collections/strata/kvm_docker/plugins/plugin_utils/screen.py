# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Progress events to lines for a person: the stages as they come, nothing that floods, nothing silent for long."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

#: Seconds that a stage may take before its start is worth a line.
SHORT = 0.5
#: Seconds between two lines about the progress of one stage.
INTERVAL = 5.0
#: Seconds of silence after which what is still worked on is named.
SILENCE = 10.0


class Write(Protocol):
    """Shows one line; *color* is one of Ansible's, e.g. ``red``."""

    def __call__(self, line: str, color: str | None = None) -> None: ...


@dataclass(slots=True)
class _Stage:
    """A stage that is worked on. ``shown``: when a line about it was written last; ``None``: never."""

    began: float
    at: float
    message: str
    shown: float | None = None


@dataclass(slots=True)
class Screen:
    """Writes lines like ``[  12.3 s] guest web: waiting for SSH``.

    :meth:`event` takes one event of ``module_utils.progress`` as a mapping; :meth:`tick` is called a few times a
    second and writes what became due.
    """

    write: Write
    label: str = ""
    clock: Callable[[], float] = time.monotonic
    _stages: dict[str, _Stage] = field(default_factory=dict)
    _last_line: float = field(init=False)
    _offset: float = 0.0

    def __post_init__(self) -> None:
        self._last_line = self.clock()

    def event(self, event: Mapping[str, Any]) -> None:
        """Note *event*; write a line if it ends a stage, or if its stage was not written about for a while."""
        now, at, stage = self.clock(), float(event["at"]), str(event["stage"])
        self._offset = now - at
        message = _message(event)
        if event["status"] in ("done", "failed"):
            known = self._stages.pop(stage, None)
            failed = event["status"] == "failed"
            if failed or known is None or known.shown is not None or now - known.began >= SHORT:
                self._line(at, stage, f"{event['status']} {message}".strip(), "red" if failed else None)
            return
        entry = self._stages.setdefault(stage, _Stage(now, at, message))
        entry.message = message or entry.message
        if entry.shown is not None and now - entry.shown >= INTERVAL:
            self._show(stage, entry, at)

    def tick(self) -> None:
        """Write the stages that are no longer short, and after a long silence what is still worked on."""
        now = self.clock()
        for stage, entry in self._stages.items():
            if entry.shown is None and now - entry.began >= SHORT:
                self._show(stage, entry, entry.at)
        if self._stages and now - self._last_line >= SILENCE:
            names = [f"{name} ({entry.message})" if entry.message else name for name, entry in self._stages.items()]
            self._line(now - self._offset, "still at", ", ".join(names))

    def _show(self, stage: str, entry: _Stage, at: float) -> None:
        entry.shown = self.clock()
        self._line(at, stage, entry.message or "started")

    def _line(self, at: float, stage: str, text: str, color: str | None = None) -> None:
        self._last_line = self.clock()
        self.write(f"[{self.label}{at:6.1f} s] {stage}: {text}", color)


def _message(event: Mapping[str, Any]) -> str:
    fraction = event.get("fraction")
    percent = f" ({fraction:.0%})" if isinstance(fraction, (int, float)) else ""
    return f"{event.get('message') or ''}{percent}".strip()
