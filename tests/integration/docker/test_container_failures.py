# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes wrong with a container ends in one clear error, and a run after the fix converges."""

from __future__ import annotations

import subprocess
import time
from typing import Any

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.compose import (
    Dependency,
    Healthcheck,
    PublishedPort,
    UpdateConfig,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import ContainerError, EngineError
from container_lab import HEALTHY, SLEEP, Make, Stack, sleeper

pytestmark = pytest.mark.lab


def converges(stack: Stack) -> bool:
    """A further run, and whether nothing is left to do then."""
    stack.run()
    for name in stack.containers():
        stack.settle(name)
    return not stack.plan()


def test_a_container_that_exits_fails_the_wait_at_once_with_its_last_lines(stack: Make) -> None:
    mine = stack("fail", sleeper(command=("sh", "-c", "echo no configuration; exit 3"), healthcheck=HEALTHY))
    mine.run()
    began = time.monotonic()
    with pytest.raises(ContainerError, match="exited with code 3") as failure:
        mine.settle("fail-app-1")
    assert time.monotonic() - began < 5
    assert str(failure.value).endswith("no configuration")
    mine.change("app", command=SLEEP)
    assert converges(mine)


def test_a_container_that_exits_just_after_its_start_is_not_taken_for_healthy(stack: Make) -> None:
    mine = stack("fail", sleeper(command=("sh", "-c", "sleep 0.3; exit 4")))
    mine.run()
    with pytest.raises(ContainerError, match="exited with code 4"):
        mine.settle("fail-app-1")


def test_a_crash_loop_fails_the_wait(stack: Make) -> None:
    mine = stack("fail", sleeper(command=("sh", "-c", "echo again; exit 1"), restart="always", healthcheck=HEALTHY))
    mine.run()
    with pytest.raises(ContainerError, match=r"keeps crashing.*(?s:.*)again"):
        mine.settle("fail-app-1")
    mine.change("app", command=SLEEP)
    assert converges(mine)


def test_a_container_that_turns_unhealthy_fails_the_wait_with_what_its_check_says(stack: Make) -> None:
    check = Healthcheck(test=("CMD-SHELL", "echo not ready; false"), interval=0.2, retries=1)
    mine = stack("fail", sleeper(healthcheck=check))
    mine.run()
    with pytest.raises(ContainerError, match="unhealthy; its health check says: not ready"):
        mine.settle("fail-app-1")
    mine.change("app", healthcheck=HEALTHY)
    assert converges(mine)


def test_who_waits_for_a_job_is_not_started_when_the_job_fails(stack: Make) -> None:
    waits = sleeper(depends_on={"job": Dependency(condition="service_completed_successfully")})
    mine = stack("fail", sleeper("job", command=("sh", "-c", "echo broken; exit 7")), waits)
    with pytest.raises(ContainerError, match=r"exited with code 7.*(?s:.*)broken"):
        mine.run()
    assert mine.containers() == {"fail-job-1": "exited"}
    mine.change("job", command=("true",))
    assert mine.run()
    assert not mine.plan()


def test_a_check_that_stays_starting_ends_the_wait_when_its_time_is_up(stack: Make) -> None:
    check = Healthcheck(test=("CMD-SHELL", "echo not yet; false"), interval=0.2, start_period=300)
    mine = stack("late", sleeper(command=("sh", "-c", "echo loading; sleep 3600"), healthcheck=check))
    mine.wait_timeout = 1
    mine.run()
    with pytest.raises(ContainerError) as failure:
        mine.settle("late-app-1")
    said = str(failure.value)
    assert said.startswith("container apps/late-app-1 is not ready after 1 s (health: starting)")
    assert "Mend its health check, which says not yet, or raise wait_timeout" in said
    assert said.endswith("loading")
    mine.change("app", healthcheck=HEALTHY)
    mine.wait_timeout = 60
    assert converges(mine)


@pytest.mark.parametrize("condition", ["service_healthy", "service_completed_successfully"])
def test_who_waits_for_what_does_not_come_is_not_started_when_its_time_is_up(condition: Any, stack: Make) -> None:
    check = Healthcheck(test=("CMD", "false"), interval=0.2, start_period=300)
    waits = sleeper(depends_on={"slow": Dependency(condition=condition)})
    mine = stack("late", sleeper("slow", healthcheck=check if condition == "service_healthy" else None), waits)
    mine.wait_timeout = 1
    for _again in range(2):
        with pytest.raises(ContainerError, match=r"container apps/late-slow-1 is not ready after 1 s"):
            mine.run()
        assert mine.containers() == {"late-slow-1": "running"}
    mine.change("slow", command=("true",) if condition != "service_healthy" else SLEEP, healthcheck=None)
    mine.wait_timeout = 60
    assert mine.run()
    assert not mine.plan()


def test_a_replacement_beside_the_old_container_that_does_not_get_healthy_goes_when_its_time_is_up(stack: Make) -> None:
    mine = stack("late", sleeper(healthcheck=HEALTHY, update_config=UpdateConfig(order="start-first")))
    mine.run()
    mine.settle("late-app-1")
    before = mine.inspect("late-app-1")["Id"]
    mine.change("app", healthcheck=Healthcheck(test=("CMD", "false"), interval=0.2, start_period=300))
    mine.wait_timeout = 1
    with pytest.raises(ContainerError, match=r"not ready after 1 s \(health: starting\)"):
        mine.run()
    assert mine.containers() == {"late-app-1": "running"}
    assert mine.inspect("late-app-1")["Id"] == before


def test_a_port_in_use_by_another_container_names_it(stack: Make) -> None:
    port = (PublishedPort(target=80, published="18400"),)
    other = stack("other", sleeper(ports=port))
    other.run()
    mine = stack("fail", sleeper(ports=port))
    with pytest.raises(ContainerError, match="port 18400 is in use by container other-app-1"):
        mine.run()
    assert other.containers() == {"other-app-1": "running"}
    other.client.remove_container("other-app-1", force=True)
    assert converges(mine)


def test_a_port_in_use_by_the_guest_itself_is_said(stack: Make, lab_engine: Any) -> None:
    listen = (
        "import socket, sys; s = socket.create_server(('0.0.0.0', 18401)); print('up', flush=True); sys.stdin.read()"
    )
    process = subprocess.Popen(
        lab_engine.inside(["python3", "-c", listen]), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert process.stdout
        process.stdout.readline()
        mine = stack("fail", sleeper())
        mine.run()
        mine.change("app", ports=(PublishedPort(target=80, published="18401"),))
        with pytest.raises(ContainerError, match="port 18401 is in use by a process of the guest itself"):
            mine.run()
    finally:
        process.communicate()
    assert converges(mine)
    assert mine.containers() == {"fail-app-1": "running"}


def test_a_command_that_is_not_in_the_image_is_said_and_replaced_after_the_fix(stack: Make) -> None:
    mine = stack("fail", sleeper(entrypoint=("/no/such/program",)))
    with pytest.raises(ContainerError, match=r"fail-app-1 of guest apps does not start.*no/such/program"):
        mine.run()
    mine.change("app", entrypoint=None)
    assert converges(mine)


def test_a_broken_replacement_beside_the_old_container_leaves_that_one_serving(stack: Make) -> None:
    mine = stack("fail", sleeper(healthcheck=HEALTHY, update_config=UpdateConfig(order="start-first")))
    mine.run()
    mine.settle("fail-app-1")
    before = mine.inspect("fail-app-1")["Id"]
    mine.change("app", command=("false",))
    with pytest.raises(ContainerError, match="exited with code 1"):
        mine.run()
    assert mine.containers() == {"fail-app-1": "running"}
    assert mine.inspect("fail-app-1")["Id"] == before
    mine.change("app", command=SLEEP)
    assert converges(mine)


def test_a_replacement_that_does_not_start_brings_the_old_container_back(stack: Make) -> None:
    mine = stack("fail", sleeper(healthcheck=HEALTHY))
    mine.run()
    before = mine.inspect("fail-app-1")["Id"]
    mine.change("app", entrypoint=("/no/such/program",))
    for _again in range(2):
        with pytest.raises(ContainerError, match="does not start"):
            mine.run()
        assert mine.containers() == {"fail-app-1": "running"}
        assert mine.inspect("fail-app-1")["Id"] == before
    mine.settle("fail-app-1")
    mine.change("app", entrypoint=None, labels={"a": "b"})
    assert converges(mine)
    assert mine.inspect("fail-app-1")["Id"] != before


def test_a_limit_that_the_engine_would_discard_is_refused_and_the_old_container_serves_on(
    stack: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether it discards one is up to its kernel, so its warning is made up here."""
    mine = stack("fail", sleeper())
    mine.run()
    created = type(mine.client).create_container_from_config
    warning = "Your kernel does not support OomKillDisable. OomKillDisable discarded."
    monkeypatch.setattr(
        type(mine.client), "create_container_from_config", lambda *given: {**created(*given), "Warnings": [warning]}
    )
    mine.change("app", oom_kill_disable=True, mem_limit=64 * 1024**2)
    with pytest.raises(ContainerError, match=r"OomKillDisable discarded\. Take it out of the declaration"):
        mine.run()
    assert mine.containers()["fail-app-1"] == "running"


def test_an_image_that_is_not_there_is_said(stack: Make) -> None:
    mine = stack("fail", sleeper())
    mine.change("app", image="strata-test/none:1")
    with pytest.raises(EngineError, match="strata-test/none:1"):
        mine.run()
    assert mine.containers() == {}


def test_a_container_whose_network_was_removed_while_it_was_stopped_is_made_anew(stack: Make) -> None:
    mine = stack("fail", sleeper())
    mine.run()
    mine.kill("fail-app-1")
    mine.client.remove_network("fail_default")
    assert [change.action for change in mine.plan()] == ["create", "replace"]
    assert converges(mine)
