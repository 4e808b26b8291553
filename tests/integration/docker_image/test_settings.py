# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of a real dockerd: taken over by a reload or a restart, and put back when it cannot start with them."""

from __future__ import annotations

import io
import json
import re
import subprocess
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.environment import (
    EngineSettings,
    Environment,
    Guest,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.engine import Engine, open_engine
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.settings import Settings
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import EngineError
from ansible_collections.strata.kvm_docker.plugins.module_utils.inputs import Inputs
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.model import Plan
from ansible_collections.strata.kvm_docker.plugins.module_utils.progress import Progress
from ansible_collections.strata.kvm_docker.plugins.module_utils.resources import plan
from engine_host import HostShell, engine_host

pytestmark = pytest.mark.lab

FILE = "/etc/docker/daemon.json"


@dataclass
class Host:
    shell: HostShell
    engine: Engine
    settings: dict[str, Any] = field(default_factory=dict)

    def plan(self) -> Plan:
        guest = Guest(name="web", image="debian", engine=EngineSettings(settings=self.settings))
        environment = Environment(name="env", folder="/nowhere", guests={"web": guest})
        declared = list(Settings().declare(environment, Inputs()))
        observed = list(Settings().observe(self.engine, "env"))
        return plan(declared, observed, lambda _key, difference: Settings().effect(difference))

    def converge(self) -> list[str]:
        made = self.plan()
        for change in made:
            Settings().apply(self.engine, change, Progress())
        return [f"{change.action}: {change.reason}" for change in made]

    def info(self) -> Mapping[str, Any]:
        return cast(Any, self.engine.client).info()

    @property
    def pid(self) -> str:
        return (self.shell.root / "pid").read_text()


HOST_CONFIG = {"NetworkMode": "none"}


def import_program(client: Any, reference: str, program: str) -> None:
    """An image that holds *program* of this machine and the libraries that it is linked with."""
    linked = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", dereference=True) as archive:
        for path in {program, *re.findall(r"(/\S+)", linked)}:
            archive.add(path)
    client.import_image_from_data(buffer.getvalue(), *reference.split(":"))


@pytest.fixture(scope="module")
def shell() -> Iterator[HostShell]:
    with engine_host() as shell:
        yield shell


@pytest.fixture
def host(shell: HostShell, tmp_path: Path) -> Iterator[Host]:
    """An engine without settings; it is the same process for all tests that do not restart it."""
    shell.run("rm -rf /etc/docker; systemctl start docker.service")
    environment = Environment(name="env", folder="/nowhere", guests={"web": Guest(name="web", image="debian")})
    engine = open_engine(cast(Any, shell), shell.forward(), environment, Inputs())
    host = Host(shell, engine)
    yield host
    host.settings = {}
    host.converge()
    engine.close()


def test_a_reloadable_setting_is_taken_over_without_a_restart(host: Host) -> None:
    pid = host.pid
    host.settings = {"debug": True, "max-concurrent-downloads": 2}
    assert host.converge() == ["update: noted, settings.debug, settings.max-concurrent-downloads changed"]
    assert host.info()["Debug"]
    assert host.pid == pid
    assert host.converge() == []


def test_a_note_that_a_killed_run_did_not_write_is_written_by_the_next_one(host: Host) -> None:
    pid = host.pid
    host.shell.run("rm -f /etc/docker/daemon.json.strata")
    assert host.converge() == ["update: noted changed"]
    assert host.shell.run("cat /etc/docker/daemon.json.strata")
    assert host.pid == pid
    assert host.converge() == []


def test_another_setting_restarts_the_engine_which_answers_again_at_once(host: Host) -> None:
    pid = host.pid
    host.settings = {"log-driver": "local", "log-opts": {"max-size": "5m"}}
    assert host.converge() == ["restart: settings.log-driver, settings.log-opts.max-size changed"]
    assert host.info()["LoggingDriver"] == "local"
    assert host.pid != pid
    assert host.converge() == []


def test_a_setting_of_false_is_not_taken_for_none(host: Host) -> None:
    host.settings = {"userland-proxy": False}
    assert host.converge() == ["restart: settings.userland-proxy changed"]
    assert json.loads(host.shell.run(f"cat {FILE}")) == {"userland-proxy": False}
    assert host.converge() == []
    host.settings = {}
    assert host.converge() == ["restart: settings.userland-proxy changed"]


def test_settings_with_which_the_engine_does_not_start_are_taken_back(host: Host) -> None:
    host.settings = {"labels": ["a=b"]}
    host.converge()
    host.settings = {"labels": ["a=b"], "storage-driver": "nosuch"}
    with pytest.raises(EngineError, match=r"(?s)guest web: .*old ones again.*nosuch"):
        host.converge()
    assert host.info()["Labels"] == ["a=b"]
    host.settings = {"labels": ["a=b"]}
    assert host.converge() == []


def test_a_change_by_hand_is_drift_and_undone(host: Host) -> None:
    host.settings = {"labels": ["a=b"]}
    host.converge()
    host.shell.write_file(FILE, b'{"labels": ["c=d"], "debug": true}', 0o644)
    change = next(iter(host.plan()))
    assert [str(difference) for difference in change.differences] == [
        "settings.debug: True -> None (declaration)",
        "settings.labels: ['c=d'] -> ['a=b'] (drift)",
    ]
    host.converge()
    assert json.loads(host.shell.run(f"cat {FILE}")) == {"labels": ["a=b"]}


def test_a_file_that_is_no_json_is_replaced(host: Host) -> None:
    host.shell.run(f"mkdir -p /etc/docker; echo '{{' > {FILE}")
    host.settings = {"debug": True}
    assert len(host.converge()) == 1
    assert host.info()["Debug"]
    host.shell.run(f"echo '{{' > {FILE}")
    host.settings = {}
    assert len(host.converge()) == 1
    assert host.converge() == []


def test_a_run_that_was_killed_between_file_and_restart_is_finished(host: Host) -> None:
    host.settings = {"log-driver": "local"}
    host.shell.run(f"mkdir -p /etc/docker; echo '{{}}' > {FILE}.before")
    host.shell.write_file(FILE, json.dumps(host.settings).encode(), 0o644)
    assert host.info()["LoggingDriver"] == "json-file"
    assert len(host.converge()) == 1
    assert host.info()["LoggingDriver"] == "local"
    assert host.converge() == []


def test_a_container_of_ours_that_a_restart_stopped_runs_again_and_a_strangers_does_not(host: Host) -> None:
    client = cast(Any, host.engine.client)
    import_program(client, "sleeper:1", "/bin/sleep")
    ours, strangers = (
        client.create_container(
            "sleeper:1", ["/bin/sleep", "600"], labels=labels, host_config=HOST_CONFIG, stop_signal="SIGKILL"
        )["Id"]
        for labels in ({"strata.environment": "env"}, {})
    )
    for container in (ours, strangers):
        client.start(container)
    host.settings = {"log-driver": "local"}
    host.converge()
    assert client.inspect_container(ours)["State"]["Running"]
    assert not client.inspect_container(strangers)["State"]["Running"]
    for container in (ours, strangers):
        client.remove_container(container, force=True)
