# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Applies a plan as a graph: what does not depend on each other is worked on in parallel, within one process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from graphlib import TopologicalSorter

from .errors import ConvergeError, StrataError
from .plan.model import Change, Condition, Key, Plan

#: Enough for every guest to work on a few containers; the work is waiting, not computing.
WORKERS = 16


@dataclass(frozen=True, slots=True, order=True)
class Task:
    """A node of the graph: apply the change of ``key``, or wait until the object is in ``condition``."""

    key: Key
    condition: Condition = "applied"

    def __str__(self) -> str:
        return str(self.key)


def execute(
    plan: Plan,
    apply: Callable[[Change], None],
    settle: Callable[[Key, Condition], None],
    done: list[Change],
    workers: int = WORKERS,
) -> None:
    """Apply every change of *plan* after those it needs; those that were made are added to *done*, in plan's order.

    When one fails, what depends on it is not started and everything else is finished; then :class:`ConvergeError`
    tells every failure. An interrupt starts nothing new and lets what is under way come to its end.
    """
    changes = {change.key: change for change in plan}

    def work(task: Task) -> None:
        if task.condition == "applied":
            apply(changes[task.key])
        else:
            settle(task.key, task.condition)

    graph = _graph(changes)
    with ThreadPoolExecutor(workers, thread_name_prefix="converge") as pool:
        run = _Run(TopologicalSorter(graph), work, pool, waiting=set(graph))
        try:
            run.finish()
        finally:
            done += [change for change in plan if Task(change.key) in run.finished]


def _graph(changes: Mapping[Key, Change]) -> dict[Task, set[Task]]:
    graph: dict[Task, set[Task]] = {}
    for key, change in changes.items():
        tasks = graph.setdefault(Task(key), set())
        for need in change.needs:
            awaited = Task(need.key, need.condition)
            if need.condition != "applied":
                graph.setdefault(awaited, set()).update(_before(need.key, change, changes))
                tasks.add(awaited)
            elif need.key in changes:
                tasks.add(awaited)
    return graph


def _before(awaited: Key, change: Change, changes: Mapping[Key, Change]) -> set[Task]:
    """What must be done before *awaited*, which *change* needs, can be looked at: its own change, and a restart of the
    guest or engine that both live on."""
    below = {need.key for need in change.needs if need.key.kind in ("guest", "engine")}
    return {Task(key) for key in (awaited, *below) if key in changes}


@dataclass
class _Run:
    """One walk through the graph; a failed task is never marked done, so nothing that needs it becomes ready."""

    graph: TopologicalSorter[Task]
    work: Callable[[Task], None]
    pool: ThreadPoolExecutor
    waiting: set[Task]
    running: dict[Future[None], Task] = field(default_factory=dict)
    finished: set[Task] = field(default_factory=set)
    failures: list[tuple[str, Exception]] = field(default_factory=list)

    def finish(self) -> None:
        self.graph.prepare()
        self._start()
        try:
            while self.running:
                self._collect(wait(self.running, return_when=FIRST_COMPLETED).done)
                self._start()
        except BaseException:
            self.pool.shutdown(wait=True, cancel_futures=True)
            raise
        if self.failures:
            not_started = sum(task.condition == "applied" for task in self.waiting)
            raise ConvergeError(self.failures, not_started) from self._unexpected()

    def _unexpected(self) -> Exception | None:
        return next((error for _key, error in self.failures if not isinstance(error, StrataError)), None)

    def _start(self) -> None:
        for task in self.graph.get_ready():
            self.waiting.discard(task)
            self.running[self.pool.submit(self.work, task)] = task

    def _collect(self, done: set[Future[None]]) -> None:
        for future in done:
            task = self.running.pop(future)
            error = future.exception()
            if error is None:
                self.finished.add(task)
                self.graph.done(task)
            elif isinstance(error, Exception):
                self.failures.append((str(task), error))
            else:
                raise error
