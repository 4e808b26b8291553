# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The events of a run, kept in the state folder of its environment; ``strata timeline`` draws them.

A file holds lines of JSON: the head (``environment``, ``state``, ``began``), the run's events, and the end (``at``,
``ended``). A run that was killed leaves no end, and maybe half a line.
"""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from math import inf
from pathlib import Path
from typing import Any, Literal, TypeAlias, cast, get_args

from .errors import StrataError
from .guest.files import make_private
from .plan.model import Key
from .progress import Event, Progress

#: Runs of one environment that are kept.
KEPT = 10
_STAMP = "%Y%m%dT%H%M%S.%fZ"
_NAME = re.compile(r"\d{8}T\d{6}\.\d{6}Z\.jsonl")

#: How a run ended; ``cut``: it was killed, or is still under way.
Ended: TypeAlias = Literal["done", "failed", "cut"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """A run as it was recorded. ``began``: in UTC. ``seconds``: from there to its end, or to its last event."""

    environment: str
    state: str
    began: datetime
    seconds: float
    ended: Ended
    events: tuple[Event, ...]


class Recorder:
    """Takes the events of a run; in memory until :meth:`keep_in` names a folder, as a run that is refused before it
    touches anything leaves nothing behind.

    Nothing that goes wrong here fails the run: ``problems`` tells it, and what follows is not kept.
    """

    def __init__(self, environment: str, state: str, began: datetime) -> None:
        self.problems: tuple[str, ...] = ()
        self._began = began
        self._lines = [_line({"environment": environment, "state": state, "began": began.isoformat()})]
        self._descriptor: int | None = None
        self._guard = threading.Lock()

    def keep_in(self, folder: Path) -> None:
        """Write to a file in *folder* from now on; of the others there, the last ones stay."""
        with self._guard:
            try:
                make_private(folder.parent)
                make_private(folder)
                path = folder / f"{self._began.strftime(_STAMP)}.jsonl"
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
                self._descriptor = os.open(path, flags, 0o600)
                for old in [other for other in run_files(folder) if other != path][KEPT - 1 :]:
                    old.unlink(missing_ok=True)
            except OSError as error:
                self._give_up(error)
            self._write()

    def take(self, event: Event) -> None:
        """Note *event*."""
        self._note({name: value for name, value in asdict(event).items() if value or name == "at"})

    def end(self, at: float, ended: Ended) -> None:
        """The run has ended."""
        self._note({"at": at, "ended": ended})
        with self._guard, suppress(OSError):
            if self._descriptor is not None:
                os.close(self._descriptor)
            self._descriptor = None

    def _note(self, data: dict[str, Any]) -> None:
        with self._guard:
            if not self.problems:
                self._lines.append(_line(data))
                self._write()

    def _write(self) -> None:
        """In one write, so that only what is last can be torn."""
        if self._descriptor is None:
            return
        text, self._lines = b"".join(self._lines), []
        try:
            if os.write(self._descriptor, text) < len(text):
                raise OSError("no space left on device")
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        self.problems = (f"the events of this run are not kept, so strata timeline does not show it: {error}",)
        self._lines = []
        if self._descriptor is not None:
            os.close(self._descriptor)
        self._descriptor = None


@contextmanager
def recording(environment: str, state: str, progress: Progress) -> Iterator[Recorder]:
    """Within, a recorder takes every event of *progress*, masked as what is shown."""
    began = datetime.now(UTC) - timedelta(seconds=progress.seconds)
    recorder = Recorder(environment, state, began)
    ended: Ended = "failed"
    try:
        with progress.also_to(recorder.take):
            yield recorder
        ended = "done"
    finally:
        recorder.end(progress.seconds, ended)


def run_files(folder: Path) -> list[Path]:
    """The files of *folder* that hold runs, the last run first."""
    try:
        return sorted((path for path in folder.iterdir() if _NAME.fullmatch(path.name)), reverse=True)
    except FileNotFoundError:
        return []


def read_run(path: Path) -> RunRecord:
    """The run in *path*; raises :class:`StrataError` where that holds none. Half a line at its end is left out."""
    lines = path.read_bytes().split(b"\n")[:-1]
    head, *rest = [_data(path, number, line) for number, line in enumerate(lines, 1)] or [{}]
    try:
        ends = [data for data in rest if "ended" in data]
        events = tuple(_event(data) for data in rest if "ended" not in data)
        last = max([event.at for event in events] + [_seconds(data["at"]) for data in ends], default=0.0)
        return RunRecord(
            environment=str(head["environment"]),
            state=str(head["state"]),
            began=datetime.fromisoformat(head["began"]),
            seconds=last,
            ended=_ended(ends),
            events=events,
        )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise StrataError(f"{path}: it holds no events of a run ({error!r}). Remove it.") from error


def _ended(ends: list[dict[str, Any]]) -> Ended:
    found = str(ends[-1]["ended"]) if ends else "cut"
    if found not in get_args(Ended):
        raise ValueError(found)
    return cast(Ended, found)


def _data(path: Path, number: int, line: bytes) -> dict[str, Any]:
    try:
        data = json.loads(line)
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict):
        raise StrataError(f"{path}, line {number}: it is no event of a run. Remove the file.")
    return data


def _seconds(value: Any) -> float:
    found = float(value)
    if not 0 <= found < inf:
        raise ValueError(found)
    return found


def _event(data: dict[str, Any]) -> Event:
    key = data.get("key")
    return Event(
        at=_seconds(data["at"]),
        stage=str(data["stage"]),
        status=str(data["status"]),
        message=str(data.get("message", "")),
        fraction=float(data["fraction"]) if "fraction" in data else None,
        key=Key(*(str(key.get(part, "")) for part in ("kind", "name", "guest"))) if isinstance(key, dict) else None,
        needs=tuple(str(need) for need in data.get("needs", ())),
        waits=data.get("waits") is True,
        phase=str(data.get("phase", "")),
    )


def _line(data: dict[str, Any]) -> bytes:
    return json.dumps(data).encode() + b"\n"
