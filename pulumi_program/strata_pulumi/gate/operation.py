# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Work that blocks, each piece in a thread of its own, ended within a second when Pulumi cancels."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from .failure import CancelledError

Result = TypeVar("Result")
Interrupt = Callable[[], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How interrupted work ends. ``grace``: seconds that it has to tidy up; what hangs longer, in libvirt or in the
    guest, is left behind. ``told``: what is said then."""

    grace: float = 0.5
    told: str = "cancelled; nothing was changed."


class Operations:
    """All that is under way; :meth:`cancel` ends it and refuses what comes later."""

    def __init__(self) -> None:
        self._cancelled = asyncio.Event()

    def cancel(self) -> None:
        self._cancelled.set()

    async def run(self, work: Callable[[Interrupt], Result], ending: Ending) -> Result:
        """What *work* returns; it calls its argument often, which raises :class:`CancelledError` when it is to end.

        It is to end, too, when the caller is gone.
        """
        stop = threading.Event()

        def check(stopped: bool) -> None:
            if stopped:
                raise CancelledError(ending.told)

        check(self._cancelled.is_set())
        task = _in_thread(lambda: work(lambda: check(stop.is_set())))
        cancelled = asyncio.ensure_future(self._cancelled.wait())
        both: set[asyncio.Future[Any]] = {task, cancelled}
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                stop.set()
                await asyncio.wait({task}, timeout=ending.grace)
            check(not task.done())
            return task.result()
        finally:
            stop.set()
            cancelled.cancel()


def _in_thread(work: Callable[[], Result]) -> asyncio.Future[Result]:
    """A daemon: the process ends without waiting for it, which no executor of the standard library does."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Result] = loop.create_future()
    future.add_done_callback(lambda done: done.cancelled() or done.exception())

    def tell(put: Callable[..., None], value: object) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody listens any more
            loop.call_soon_threadsafe(put_if_wanted, put, value)

    def put_if_wanted(put: Callable[..., None], value: object) -> None:
        if not future.done():
            put(value)

    def run() -> None:
        try:
            result = work()
        except BaseException as error:
            tell(future.set_exception, error)
        else:
            tell(future.set_result, result)

    threading.Thread(target=run, daemon=True).start()
    return future
