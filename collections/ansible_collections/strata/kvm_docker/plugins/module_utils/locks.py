# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run at a time per environment; the kernel frees the lock when its holder dies, however it dies."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from .errors import BusyError, StrataError
from .folders import make_searchable
from .progress import Progress

#: Seconds that a run waits for another one: tasks on several hosts often reach one hypervisor or engine at once.
TIMEOUT = 60.0
ADVICE = "Wait for it to end, and run again."


@contextmanager
def locked(path: Path, environment: str, timeout: float, progress: Progress, check: bool = False) -> Iterator[None]:
    """One run at a time over *environment*. Who only looks (*check*) takes no lock: it must leave nothing behind, not
    even the folder of the lock."""
    if not timeout >= 0:
        raise StrataError(f"lock_timeout must be a number of seconds, at least 0; it is {timeout}.")
    advice = "Wait for it to end, or give lock_timeout to wait here."
    with nullcontext() if check else exclusive(path, f"environment {environment}", timeout, progress, advice):
        yield


@contextmanager
def exclusive(path: Path, what: str, timeout: float, progress: Progress, advice: str = ADVICE) -> Iterator[None]:
    """Hold the lock file *path*; wait up to *timeout* seconds for another holder, then raise :class:`BusyError` with
    *advice*."""
    make_searchable(path.parent)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _wait(descriptor, what, timeout, progress, advice)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _wait(descriptor: int, what: str, timeout: float, progress: Progress, advice: str) -> None:
    deadline = time.monotonic() + timeout
    told = False
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 32, 0).decode(errors="replace").strip() or "unknown"
            if time.monotonic() >= deadline:
                raise BusyError(f"{what} is being worked on by another run (process {holder}). {advice}") from None
            if not told:
                progress.report("lock", "start", f"waiting for the run of process {holder}")
                told = True
            time.sleep(0.2)
        else:
            if told:
                progress.report("lock", "done")
            return
