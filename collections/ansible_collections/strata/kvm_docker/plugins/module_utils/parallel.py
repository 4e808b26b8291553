# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The same work on several things in parallel; what waits for guests waits for all of them at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

_T = TypeVar("_T")
_R = TypeVar("_R")


def at_once(work: Callable[[_T], _R], items: Sequence[_T]) -> list[_R]:
    """*work* on all *items* in parallel, in their order; all of them end before the first error is raised."""
    with ThreadPoolExecutor(max(1, len(items))) as pool:
        pending = [pool.submit(work, item) for item in items]
    return [each.result() for each in pending]


@contextmanager
def beside(work: Callable[[], _R]) -> Iterator[Callable[[], _R]]:
    """*work* beside what the block does, which gets a function that waits for it and returns or raises what it did.
    The block does not end before it; one that ends well raises what *work* did, asked for or not."""
    with ThreadPoolExecutor(1) as pool:
        pending = pool.submit(work)
        yield pending.result
        pending.result()
