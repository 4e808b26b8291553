# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Applying a plan as a graph."""

from __future__ import annotations

import threading

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import ConvergeError, StrataError
from ansible_collections.strata.kvm_docker.plugins.module_utils.execute import execute
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.model import Change, Condition, Key, Need, Plan

A, B, C = (Key("container", name, "web") for name in "abc")


def change(key: Key, *needs: Need) -> Change:
    return Change(key, "create", "not there", needs=needs)


class Recorder:
    """Applies by writing down; fails at the keys it is told to."""

    def __init__(self, *failing: Key) -> None:
        self.failing = failing
        self.done: list[str] = []
        self._lock = threading.Lock()

    def apply(self, made: Change) -> None:
        if made.key in self.failing:
            raise StrataError("no space left")
        self._note(f"apply {made.key.name}")

    def settle(self, key: Key, condition: Condition) -> None:
        self._note(f"{condition} {key.name}")

    def _note(self, line: str) -> None:
        with self._lock:
            self.done.append(line)


def run(recorder: Recorder, *changes: Change) -> list[str]:
    execute(Plan(changes), recorder.apply, recorder.settle, [])
    return recorder.done


def test_a_change_waits_for_the_condition_of_what_it_needs() -> None:
    assert run(Recorder(), change(A), change(B, Need(A, "healthy"))) == ["apply a", "healthy a", "apply b"]


def test_a_need_that_is_unchanged_is_still_waited_for() -> None:
    assert run(Recorder(), change(B, Need(A, "healthy"))) == ["healthy a", "apply b"]


def test_what_is_unchanged_is_looked_at_only_after_the_restart_of_its_guest() -> None:
    guest = Key("guest", "web")
    restart = Change(guest, "restart", "memory changed")
    made = run(Recorder(), restart, change(B, Need(guest), Need(A, "healthy")))
    assert made == ["apply web", "healthy a", "apply b"]


def test_independent_changes_are_applied_side_by_side() -> None:
    both = threading.Barrier(2, timeout=10)

    def apply(_change: Change) -> None:
        both.wait()

    execute(Plan((change(A), change(B))), apply, lambda key, condition: None, [])
    assert both.broken is False


def test_after_a_failure_the_rest_is_finished_and_what_depends_on_it_is_not_started() -> None:
    recorder = Recorder(A)
    with pytest.raises(ConvergeError) as caught:
        run(recorder, change(A), change(B, Need(A)), change(C))
    assert recorder.done == ["apply c"]
    assert str(caught.value) == (
        "container web/a: no space left\n1 dependent change(s) not started; run again after the fix."
    )


def test_every_failure_is_told() -> None:
    with pytest.raises(ConvergeError) as caught:
        run(Recorder(A, B), change(A), change(B))
    assert sorted(key for key, _error in caught.value.failures) == ["container web/a", "container web/b"]


def test_an_object_that_an_error_names_is_not_named_twice() -> None:
    error = ConvergeError([("guest web", StrataError("guest web: it ends")), ("guest web2", StrataError("it ends"))])
    assert str(error) == "guest web: it ends\nguest web2: it ends"


def test_an_interrupt_starts_nothing_new() -> None:
    recorder = Recorder()

    def interrupted(_change: Change) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        execute(Plan((change(A), change(B, Need(A)))), interrupted, recorder.settle, [])
    assert recorder.done == []


def test_what_was_made_is_told_in_the_order_of_the_plan_also_where_something_failed() -> None:
    recorder, done = Recorder(B), list[Change]()
    with pytest.raises(ConvergeError):
        execute(Plan((change(A), change(B), change(C))), recorder.apply, recorder.settle, done)
    assert [made.key for made in done] == [A, C]
