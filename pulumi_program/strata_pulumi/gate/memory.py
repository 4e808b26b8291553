# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What several operations ask for at once, asked for once: answers, and refusals, that are kept for a while."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Hashable
from typing import Generic, NoReturn, TypeVar

from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import StrataError

KeyT = TypeVar("KeyT", bound=Hashable)
ValueT = TypeVar("ValueT")


class Memory(Generic[KeyT, ValueT]):
    """Answers by key, each as good as new for *seconds*, and refusals for *refusals* seconds; safe to use from threads.
    Who asks for what somebody else asks for already waits for that answer."""

    def __init__(self, seconds: float, refusals: float) -> None:
        self._seconds = seconds
        self._refusals = refusals
        self._guard = threading.Lock()
        self._locks: defaultdict[KeyT, threading.Lock] = defaultdict(threading.Lock)
        self._kept: dict[KeyT, tuple[float, Callable[[], ValueT]]] = {}
        self._forgotten = 0

    def get(self, key: KeyT, ask: Callable[[], ValueT]) -> ValueT:
        """The answer that is kept for *key*, else what *ask* answers; it may refuse by a :class:`StrataError`."""
        with self._guard:
            lock = self._locks[key]
        with lock:
            until, answer = self._kept.get(key, (0.0, None))
            if answer is None or time.monotonic() > until:
                answer = self._asked(key, ask)
        return answer()

    def forget(self, which: Callable[[KeyT], bool]) -> None:
        """Keep no answer for keys that are *which*, nor one that is on its way."""
        with self._guard:
            self._forgotten += 1
            for key in [key for key in self._kept if which(key)]:
                del self._kept[key]

    def _asked(self, key: KeyT, ask: Callable[[], ValueT]) -> Callable[[], ValueT]:
        forgotten, seconds = self._forgotten, self._seconds
        answer: Callable[[], ValueT]
        try:
            answer = _answering(ask())
        except StrataError as error:
            answer, seconds = _refusing(error), self._refusals
        with self._guard:
            if forgotten == self._forgotten:
                self._kept[key] = (time.monotonic() + seconds, answer)
        return answer


def _answering(value: ValueT) -> Callable[[], ValueT]:
    return lambda: value


def _refusing(error: StrataError) -> Callable[[], NoReturn]:
    def refuse() -> NoReturn:
        raise error

    return refuse
