# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What operations of one process share: answers, secrets within properties, and the run lock of an environment."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils import locks
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import BusyError, EngineError
from ansible_collections.strata.kvm_docker.plugins.module_utils.progress import Progress
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime import rpc
from strata_pulumi.gate.failure import CancelledError
from strata_pulumi.gate.memory import Memory
from strata_pulumi.gate.properties import read, write
from strata_pulumi.gate.run_locks import RunLocks


class Asked:
    """Answers with how often it was asked; the first *refusals* times it refuses."""

    def __init__(self, refusals: int = 0, seconds: float = 0.0) -> None:
        self.times = 0
        self.refusals = refusals
        self.seconds = seconds

    def __call__(self) -> int:
        self.times += 1
        time.sleep(self.seconds)
        if self.times <= self.refusals:
            raise EngineError(f"refused {self.times}")
        return self.times


def test_who_asks_at_once_shares_an_answer() -> None:
    memory: Memory[str, int] = Memory(60, 0)
    asked = Asked(seconds=0.1)
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _number: memory.get("key", asked), range(8))) == {1}
    assert memory.get("other", asked) == 2


def test_an_answer_is_good_for_its_time_and_until_it_is_forgotten() -> None:
    memory: Memory[str, int] = Memory(0.05, 0)
    asked = Asked()
    assert [memory.get("key", asked), memory.get("key", asked)] == [1, 1]
    time.sleep(0.06)
    assert memory.get("key", asked) == 2
    memory.forget(lambda key: key == "key")
    assert memory.get("key", asked) == 3


def test_an_answer_that_is_forgotten_on_its_way_is_not_kept() -> None:
    memory: Memory[str, int] = Memory(60, 0)
    asked = Asked(seconds=0.2)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(memory.get, "key", asked)
        time.sleep(0.1)
        memory.forget(lambda key: True)
        assert first.result() == 1
    assert memory.get("key", asked) == 2


def test_a_refusal_is_kept_for_its_own_time() -> None:
    memory: Memory[str, int] = Memory(60, 0.05)
    asked = Asked(refusals=1)
    for _time in range(2):
        with pytest.raises(EngineError, match="refused 1"):
            memory.get("key", asked)
    time.sleep(0.06)
    assert memory.get("key", asked) == 2


def test_our_own_operations_hold_one_lock_which_is_free_when_the_last_has_ended(tmp_path: Path) -> None:
    path, ours, both = tmp_path / "lab", RunLocks(), threading.Barrier(2)

    def work() -> None:
        with ours.working(path, "lab", lambda: None, Progress()):
            both.wait(timeout=5)
            with pytest.raises(BusyError), locks.exclusive(path, "lab", 0, Progress()):
                pass
            both.wait(timeout=5)

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(work) for _number in range(2)]:
            done.result()
    with locks.exclusive(path, "lab", 0, Progress()):
        assert path.exists()


def test_another_run_is_told_and_waited_for_in_vain_no_longer_than_it_takes_to_be_interrupted(tmp_path: Path) -> None:
    def interrupt() -> None:
        if time.monotonic() > until:
            raise CancelledError("cancelled")

    told: list[str] = []
    with locks.exclusive(tmp_path / "lab", "lab", 0, Progress()):
        until = time.monotonic() + 0.5
        progress = Progress(lambda event: told.append(event.message))
        waiting = RunLocks().working(tmp_path / "lab", "lab", interrupt, progress)
        with pytest.raises(CancelledError), waiting:
            pass
    assert told[0].startswith("environment lab is being worked on by another run")


def test_secrets_within_a_property_are_read_and_written_at_their_places() -> None:
    sent = Struct()
    tree = {
        "a": {"b": rpc.wrap_rpc_secret("one"), "c": "two"},
        "list": ["x", rpc.wrap_rpc_secret("three")],
        "none": None,
    }
    sent.update({"spec": tree, "whole": rpc.wrap_rpc_secret({"d": "four"}), "later": {"e": rpc.UNKNOWN}})
    found = read(sent)
    assert found.hidden == {("spec", "a", "b"), ("spec", "list"), ("whole",)}
    assert found.tree("spec") == {"a": {"b": "one", "c": "two"}, "list": ["x", "three"], "none": None}
    assert found.unknown == {"later"}
    assert sorted(found.secrets()) == ["four", "one", "three", "x"]
    assert read(write(found)).hidden == found.hidden
    assert read(write(found)).known == found.known
