# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long a container is waited for, by a clock that nobody waits for."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.converge import Options
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker import health
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.engine import WAIT_TIMEOUT, Engine, check_wait
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import ContainerError, StrataError
from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders
from ansible_collections.strata.kvm_docker.plugins.module_utils.layers.docker_layer import Request, alone
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.model import Condition, Key
from ansible_collections.strata.kvm_docker.plugins.module_utils.progress import Progress
from ansible_collections.strata.kvm_docker.plugins.modules import container, environment

APP = Key("container", "app-1", "apps")
STARTING = {"Status": "running", "Health": {"Status": "starting", "Log": [{"Output": "connection refused\n"}]}}
HEALTHY = {"Status": "running", "Health": {"Status": "healthy"}}
RUNNING = {"Status": "running"}
ENDED = {"Status": "exited", "ExitCode": 0}


@dataclass
class Clock:
    """Time passes only while somebody sleeps."""

    now: float = 1000.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@dataclass
class Client:
    """An engine whose container changes from state to state, each at its second."""

    clock: Clock
    states: dict[float, dict[str, Any]]
    began: float = field(init=False)

    def __post_init__(self) -> None:
        self.began = self.clock.now

    def inspect_container(self, name: str) -> dict[str, Any]:
        passed = self.clock.now - self.began
        state = next(state for since, state in reversed(self.states.items()) if since <= passed)
        return {"State": {"Restarting": False, **state}}

    def containers(self, **_options: Any) -> list[dict[str, Any]]:
        return [{"Status": "Up 2 seconds"}]

    def logs(self, name: str, **_options: Any) -> bytes:
        return b"loading\nstill loading\n"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(health, "time", clock)
    return clock


def wait(clock: Clock, states: dict[float, dict[str, Any]], condition: Condition = "healthy", **options: Any) -> float:
    """Seconds that it took."""
    client: Any = Client(clock, states)
    began = clock.now
    health.settle(Engine(guest="apps", environment="lab", client=client, **options), APP, condition, Progress())
    return clock.now - began


def test_a_check_that_never_ends_to_start_ends_the_wait_when_its_time_is_up(clock: Clock) -> None:
    began = clock.now
    with pytest.raises(ContainerError) as failure:
        wait(clock, {0: STARTING}, wait_timeout=30)
    assert str(failure.value) == (
        "container apps/app-1 is not ready after 30 s (health: starting). Mend its health check, which says "
        "connection refused, or raise wait_timeout (0: no limit). Its last log lines:\nloading\nstill loading"
    )
    assert 30 <= clock.now - began < 31


@pytest.mark.parametrize(
    ("state", "condition", "words"),
    [
        (RUNNING, "completed", "has not ended yet"),
        ({"Status": "restarting", "Restarting": True}, "healthy", "restarting"),
    ],
)
def test_the_error_tells_what_was_waited_for(
    state: dict[str, Any], condition: Condition, words: str, clock: Clock
) -> None:
    with pytest.raises(ContainerError, match=rf"after 5 s \({words}\)\. Mend what it runs, or raise wait_timeout"):
        wait(clock, {0: state}, condition, wait_timeout=5)


@pytest.mark.parametrize(
    ("last", "condition"), [(HEALTHY, "healthy"), (ENDED, "completed")], ids=["a service", "a job"]
)
def test_who_gets_there_in_time_is_waited_for_as_long_as_it_takes(
    last: dict[str, Any], condition: Condition, clock: Clock
) -> None:
    before = STARTING if condition == "healthy" else RUNNING
    assert 29 <= wait(clock, {0: before, 29: last}, condition, wait_timeout=30) < 30


def test_each_container_has_the_whole_time(clock: Clock) -> None:
    for _each in range(3):
        assert wait(clock, {0: STARTING, 20: HEALTHY}, wait_timeout=30) >= 20


def test_no_limit_is_none(clock: Clock) -> None:
    assert wait(clock, {0: STARTING, 90_000: HEALTHY}, wait_timeout=0) >= 90_000


def test_a_failure_is_told_at_once_and_as_such(clock: Clock) -> None:
    with pytest.raises(ContainerError, match="exited with code 3"):
        wait(clock, {0: STARTING, 1: {"Status": "exited", "ExitCode": 3}}, wait_timeout=30)
    assert clock.now < 1002


def test_every_front_end_waits_as_long(tmp_path: Path) -> None:
    found = {module.ARGUMENT_SPEC["wait_timeout"]["default"] for module in (container, environment)}
    assert found == {WAIT_TIMEOUT}
    assert Options(folders=Folders(tmp_path), progress=Progress()).wait_timeout == WAIT_TIMEOUT
    assert Request(project=alone(), kinds=()).wait_timeout == WAIT_TIMEOUT


def test_a_time_to_wait_that_is_no_time_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StrataError, match="wait_timeout must be a number of seconds, 0 for no limit; it is -1"):
        Options(folders=Folders(tmp_path), progress=Progress(), wait_timeout=-1)
    assert [check_wait(seconds) for seconds in (0, 1)] == [0, 1]
