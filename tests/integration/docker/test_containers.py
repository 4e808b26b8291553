# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Containers on a real engine: strangers, dependencies, files of secrets, what is external, health."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.compose import (
    Dependency,
    FileReference,
    FileSource,
    Mount,
    Network,
    ServiceNetwork,
    Volume,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker import file_mounts
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.health import unsettled
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import EngineError, ForeignObjectError
from container_lab import HEALTHY, IMAGE, LocalShell, Make, sleeper

pytestmark = pytest.mark.lab


def test_a_stranger_with_a_declared_name_is_refused_and_not_touched(stack: Make) -> None:
    mine = stack("mine", sleeper())
    stranger = mine.client.create_container(IMAGE, name="mine-app-1")["Id"]
    try:
        with pytest.raises(ForeignObjectError, match="container apps/mine-app-1"):
            mine.run()
        assert mine.inspect("mine-app-1")["Id"] == stranger
    finally:
        mine.client.remove_container(stranger)


def test_a_stranger_without_a_declared_name_is_left_alone(stack: Make) -> None:
    mine = stack("mine", sleeper())
    stranger = mine.client.create_container(IMAGE, name="stranger")["Id"]
    try:
        mine.run(remove_orphans=True)
        assert mine.inspect("stranger")["Id"] == stranger
        assert not mine.plan().orphans
    finally:
        mine.client.remove_container(stranger)


def test_a_job_runs_once_and_before_who_waits_for_it(stack: Make) -> None:
    job = sleeper("job", command=("sh", "-c", "sleep 0.5"))
    waits = sleeper(depends_on={"job": Dependency(condition="service_completed_successfully")})
    mine = stack("jobs", job, waits)
    mine.run()
    assert mine.inspect("jobs-job-1")["State"]["Status"] == "exited"
    assert not mine.plan(), "it is not run again"
    assert mine.inspect("jobs-job-1")["State"]["FinishedAt"] < mine.inspect("jobs-app-1")["State"]["StartedAt"]


def test_a_container_that_shares_a_namespace_is_made_anew_with_its_host(stack: Make) -> None:
    mine = stack("share", sleeper("host"), sleeper("guest", network_mode="service:host", pid="service:host"))
    mine.run()
    mine.settle("share-guest-1")
    mine.change("host", environment={"VERSION": "2"})
    planned = mine.run()
    assert {change.key.name: change.action for change in planned} == {
        "share-host-1": "replace",
        "share-guest-1": "replace",
    }
    assert not mine.plan()
    assert (
        mine.inspect("share-guest-1")["HostConfig"]["NetworkMode"] == f"container:{mine.inspect('share-host-1')['Id']}"
    )
    mine.client.remove_container("share-host-1", force=True)
    mine.run()
    assert not mine.plan()
    assert mine.containers() == {"share-host-1": "running", "share-guest-1": "running"}


def test_an_image_of_another_source_replaces_the_container(stack: Make) -> None:
    mine = stack("source", sleeper())
    mine.run()
    mine.source = "recipe:2"
    (change,) = mine.plan()
    assert change.action == "replace"
    assert [difference.path for difference in change.differences] == [("Image",)]
    mine.mark_image()
    assert not mine.plan()


def test_secrets_are_private_files_and_appear_nowhere_else(
    stack: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_mounts, "ROOT", tmp_path / "files")
    reference = FileReference(source="key", target="key", uid="7", mode=0o440)
    mine = stack("secret", sleeper(secrets=(reference,)), secrets={"key": FileSource(name="key", content="s3cret")})
    mine.shell = LocalShell()
    mine.run()
    folder = tmp_path / "files/secret/secret-app-1"
    (file,) = folder.iterdir()
    assert (file.read_text(), file.stat().st_mode & 0o7777, file.stat().st_uid) == ("s3cret", 0o440, 7)
    assert (folder.stat().st_mode & 0o777, folder.parent.stat().st_mode & 0o777) == (0o700, 0o700)
    assert (
        mine.client.exec_start(mine.client.exec_create("secret-app-1", ["cat", "/run/secrets/key"])["Id"]) == b"s3cret"
    )
    assert "s3cret" not in str(mine.inspect("secret-app-1"))
    mine.project = replace(mine.project, secrets={"key": FileSource(name="key", content="other")})
    (change,) = mine.run()
    assert change.action == "replace"
    assert "other" not in str(change)
    assert [found.read_text() for found in folder.iterdir()] == ["other"]
    mine.project = replace(mine.project, services={})
    mine.run(remove_orphans=True)
    assert not folder.exists()


def test_what_is_external_must_be_there_and_is_not_touched(stack: Make) -> None:
    mine = stack(
        "ext",
        sleeper(
            networks={"theirs": ServiceNetwork()}, mounts=(Mount(type="volume", source="theirs", target="/theirs"),)
        ),
        networks={"theirs": Network(name="theirs", external=True)},
        volumes={"theirs": Volume(name="theirs", external=True)},
    )
    with pytest.raises(EngineError, match="external network theirs does not exist"):
        mine.run()
    network = mine.client.create_network("theirs")["Id"]
    with pytest.raises(EngineError, match="external volume theirs does not exist"):
        mine.run()
    mine.client.create_volume("theirs")
    try:
        mine.run()
        assert not mine.plan()
        mine.project = replace(mine.project, services={}, networks={}, volumes={})
        mine.run(remove_orphans=True)
        assert mine.client.inspect_network("theirs")["Id"] == network
    finally:
        mine.client.remove_network(network)
        mine.client.remove_volume("theirs")


def test_one_call_tells_which_containers_are_not_healthy_yet(stack: Make) -> None:
    slow = replace(HEALTHY, test=("CMD-SHELL", "test -e /tmp/ready || exit 1"), start_period=60)
    mine = stack(
        "wait", sleeper("plain"), sleeper("slow", healthcheck=slow, mounts=(Mount(type="tmpfs", target="/tmp"),))
    )
    mine.run()
    mine.settle("wait-plain-1")
    assert [key.name for key in unsettled(mine.engine, mine.declared())] == ["wait-slow-1"]
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(mine.settle, "wait-slow-1")
        while "health: starting" not in mine.events:
            assert not waiting.done()
            time.sleep(0.05)
        mine.client.exec_start(mine.client.exec_create("wait-slow-1", ["sh", "-c", "echo > /tmp/ready"])["Id"])
        waiting.result(timeout=60)
    assert not unsettled(mine.engine, mine.declared())
    mine.kill("wait-plain-1")
    assert [key.name for key in unsettled(mine.engine, mine.declared())] == ["wait-plain-1"]
