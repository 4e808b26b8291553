# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What somebody did to a container behind our back is noticed and taken back."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.compose import (
    FileReference,
    FileSource,
    IpamConfig,
    Network,
    PublishedPort,
    ServiceNetwork,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker import file_mounts
from container_lab import HEALTHY, LocalShell, Make, Stack, sleeper

pytestmark = pytest.mark.lab


def limited(stack: Stack, name: str) -> None:
    stack.client.update_container(name, mem_limit="32m", memswap_limit="64m")


def joined(stack: Stack, name: str) -> None:
    stack.client.create_network("drift_other", labels={"strata.environment": "drift"})
    stack.client.connect_container_to_network(name, "drift_other")


def detached(stack: Stack, name: str) -> None:
    stack.client.disconnect_container_from_network(name, "drift_default")


def moved(stack: Stack, name: str) -> None:
    stack.client.disconnect_container_from_network(name, "drift_lan")
    stack.client.connect_container_to_network(name, "drift_lan", ipv4_address="10.94.0.200")


def restarting(stack: Stack, name: str) -> None:
    stack.client.update_container(name, restart_policy={"Name": "always"})


def stopped(stack: Stack, name: str) -> None:
    stack.kill(name)


def paused(stack: Stack, name: str) -> None:
    stack.client.pause(name)


def removed(stack: Stack, name: str) -> None:
    stack.client.remove_container(name, force=True)


@pytest.mark.parametrize(
    ("drift", "action"),
    [
        (limited, "update"),
        (joined, "update"),
        (detached, "update"),
        (moved, "update"),
        (restarting, "update"),
        (stopped, "start"),
        (paused, "start"),
        (removed, "create"),
    ],
)
def test_drift_is_noticed_and_taken_back(drift: Callable[[Stack, str], None], action: str, stack: Make) -> None:
    mine = stack(
        "drift",
        sleeper(
            networks={"default": ServiceNetwork(aliases=("web",)), "lan": ServiceNetwork()}, mem_limit=64 * 1024**2
        ),
        networks={"lan": Network(name="drift_lan", ipam=(IpamConfig(subnet="10.94.0.0/24"),))},
    )
    mine.run()
    before = mine.inspect("drift-app-1")["Id"]
    drift(mine, "drift-app-1")
    (change,) = mine.run()
    assert change.action == action
    assert all(difference.cause == "drift" for difference in change.differences)
    assert not mine.plan()
    assert (mine.inspect("drift-app-1")["Id"] == before) is (action != "create")


def test_a_container_that_was_paused_is_healthy_when_its_next_check_says_so(stack: Make) -> None:
    mine = stack("paused", sleeper(healthcheck=HEALTHY))
    mine.run()
    mine.settle("paused-app-1")
    mine.client.pause("paused-app-1")
    assert mine.inspect("paused-app-1")["State"]["Health"]["Status"] == "unhealthy"
    assert {change.action for change in mine.run()} == {"start"}
    mine.settle("paused-app-1")
    assert mine.inspect("paused-app-1")["State"]["Health"]["Status"] == "healthy"


def test_a_published_port_answers_again_after_its_network_was_lost(stack: Make, lab_engine: Any) -> None:
    server = sleeper(
        command=("httpd", "-f", "-p", "80", "-h", "/bin"),
        ports=(PublishedPort(target=80, published="18200"),),
        stop_signal="SIGKILL",
    )
    mine = stack("lost", server)
    mine.run()
    mine.client.disconnect_container_from_network("lost-app-1", "lost_default")
    mine.run()
    mine.settle("lost-app-1")
    fetch = lab_engine.inside(
        ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/18200; echo 'GET /none HTTP/1.0\n' >&3; cat <&3"]
    )
    assert b"404" in subprocess.run(fetch, capture_output=True, check=True).stdout


@pytest.mark.parametrize("edit", ["echo edited >> {0}", "chmod 0600 {0}", "rm {0}", "chown 5:5 {0}"])
def test_a_file_of_a_config_that_somebody_edits_is_drift_and_is_put_back_in_place(
    edit: str, stack: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_mounts, "ROOT", tmp_path / "files")
    conf = FileReference(source="conf", target="/conf", mode=0o644)
    mine = stack("files", sleeper(configs=(conf,)), configs={"conf": FileSource(name="conf", content="a=1\n")})
    mine.shell = LocalShell()
    mine.run()
    before = mine.inspect("files-app-1")["Id"]
    (path,) = (tmp_path / "files").glob("*/*/conf-*")
    mine.shell.run(edit.format(path))
    (change,) = mine.run()
    (difference,) = change.differences
    assert (change.action, difference.cause) == ("update", "drift")
    assert difference.path == ("Files", "/conf")
    assert not mine.plan()
    shown = subprocess.run(
        ["nsenter", "-t", str(mine.inspect("files-app-1")["State"]["Pid"]), "-m", "/bin/cat", "/conf"],
        capture_output=True,
        check=True,
    )
    assert shown.stdout == b"a=1\n"
    assert path.read_bytes() == b"a=1\n"
    assert mine.inspect("files-app-1")["Id"] == before
