# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The run lock of an environment, which all operations of this process hold together while any of them works."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ansible_collections.strata.kvm_docker.plugins.module_utils import locks
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import BusyError
from ansible_collections.strata.kvm_docker.plugins.module_utils.progress import Progress

from .operation import Interrupt

#: Seconds between two tries.
_PAUSE = 0.2


@dataclass(slots=True)
class _Held:
    """``entering``: held by who comes or goes."""

    entering: threading.Lock = field(default_factory=threading.Lock)
    users: int = 0
    stack: ExitStack = field(default_factory=ExitStack)


class RunLocks:
    """Keeps out other runs, by lock file, and not our own operations; safe to use from threads."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._held: defaultdict[Path, _Held] = defaultdict(_Held)

    @contextmanager
    def working(self, path: Path, environment: str, interrupt: Interrupt, progress: Progress) -> Iterator[None]:
        """Hold the lock of *environment* at *path*; raises :class:`BusyError` where another run does not end soon."""
        with self._guard:
            held = self._held[path]
        with held.entering:
            if not held.users:
                _take(held.stack, path, environment, interrupt, progress)
            held.users += 1
        try:
            yield
        finally:
            with held.entering:
                held.users -= 1
                if not held.users:
                    held.stack.close()


def _take(stack: ExitStack, path: Path, environment: str, interrupt: Interrupt, progress: Progress) -> None:
    deadline = time.monotonic() + locks.TIMEOUT
    while True:
        interrupt()
        try:
            stack.enter_context(locks.exclusive(path, f"environment {environment}", 0, Progress()))
        except BusyError as error:
            if time.monotonic() > deadline:
                raise
            progress.report("lock", "progress", str(error))
            time.sleep(_PAUSE)
        else:
            return
