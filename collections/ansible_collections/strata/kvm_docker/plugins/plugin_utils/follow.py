# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Follows a file of JSON lines while somebody else appends to it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

PERIOD = 0.2


class Lines:
    """Yields the objects that were appended since the last look; half a line is left for the next one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0

    def new(self) -> Iterator[Mapping[str, Any]]:
        if not self._path.exists():
            return
        with self._path.open("rb") as stream:
            stream.seek(self._offset)
            for line in stream:
                if not line.endswith(b"\n"):
                    break
                self._offset += len(line)
                yield json.loads(line)


class Follower:
    """While entered, a thread hands each new object of *path* to *take* and calls *tick* five times a second."""

    def __init__(self, path: Path, take: Callable[[Mapping[str, Any]], None], tick: Callable[[], None]) -> None:
        self._lines = Lines(path)
        self._take = take
        self._tick = tick
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="strata-progress", daemon=True)

    def __enter__(self) -> Follower:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        self._pass_on()

    def _follow(self) -> None:
        while not self._ended.wait(PERIOD):
            self._pass_on()
            self._tick()

    def _pass_on(self) -> None:
        for item in self._lines.new():
            self._take(item)
