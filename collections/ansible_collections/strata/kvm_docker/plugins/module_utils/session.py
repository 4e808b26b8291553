# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The open connections of one run: one hypervisor, and an engine per guest, opened when first needed."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable

from .docker.engine import Engine
from .guest import access
from .kvm.hypervisor import Hypervisor
from .plan.model import Key

OpenEngine = Callable[[str], Engine]


class Session:
    """Hands out connections; safe to use from several threads.

    *open_engine* blocks until the engine of the named guest answers, or raises.
    """

    def __init__(self, environment: str, hypervisor: Hypervisor, open_engine: OpenEngine) -> None:
        self.environment = environment
        self.hypervisor = hypervisor
        self._open_engine = open_engine
        self._engines: dict[str, Engine] = {}
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._guard = threading.Lock()

    def connection(self, key: Key) -> Hypervisor | Engine:
        """What observing and applying the object of *key* needs."""
        return self.engine(key.guest) if key.guest else self.hypervisor

    def engine(self, guest: str) -> Engine:
        with self._guard:
            lock = self._locks[guest]
        with lock:
            if guest not in self._engines:
                self._engines[guest] = self._open_engine(guest)
            return self._engines[guest]

    def forget(self, guest: str) -> None:
        """The guest was started or made anew: its old connection, of this run or an earlier one, is of no use."""
        with self._guard:
            lock = self._locks[guest]
        with lock:
            engine = self._engines.pop(guest, None)
        if engine:
            engine.close()
        access.shell(self.environment, guest, self.hypervisor.folders).disconnect()

    def close(self) -> None:
        """Close the engines' connections; the hypervisor's belongs to who opened it."""
        for engine in self._engines.values():
            engine.close()
