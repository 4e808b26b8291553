# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module engine on an engine of this machine, in a mount namespace with an /etc and a systemctl of its own."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import lab
import pytest
import target
from docker_module import Modules, actions
from engine_host import HostShell, engine_host

pytestmark = pytest.mark.lab

FILE = "/etc/docker/daemon.json"


@pytest.fixture(scope="module")
def host() -> Iterator[HostShell]:
    with engine_host() as shell:
        shell.run("systemctl start docker.service")
        yield shell


@pytest.fixture
def modules(host: HostShell, tmp_path: Path) -> Modules:
    host.run(f"rm -rf /etc/docker; ln -sfn {host.forward()} /run/docker.sock; systemctl restart docker.service")

    def enter() -> None:
        host.enter()
        os.environ["PATH"] = path(host)

    defaults = {"docker_host": f"unix://{host.forward()}", "state_folder": str(tmp_path)}
    return Modules(defaults=defaults, enter=enter)


def path(host: HostShell) -> str:
    """With the stand-in for systemctl."""
    return f"{host.root / 'bin'}:/usr/sbin:/usr/bin:/sbin:/bin"


def written(host: HostShell) -> Any:
    return json.loads(host.run(f"cat {FILE}"))


def pid(host: HostShell) -> str:
    return (host.root / "pid").read_text()


def test_settings_live_from_their_declaration_to_their_end(modules: Modules, host: HostShell) -> None:
    before = pid(host)
    made = modules.four_phases("engine", settings={"debug": True})
    assert actions(made) == ["update engine docker"]
    assert pid(host) == before
    changed = modules.four_phases("engine", settings={"debug": True, "log-driver": "local"})
    assert actions(changed) == ["restart engine docker"]
    assert pid(host) != before
    host.run(f"echo '{{\"debug\": true}}' > {FILE}")
    drifted = modules.run("engine", settings={"debug": True, "log-driver": "local"})
    assert [item["cause"] for item in drifted["plan"][0]["differences"]] == ["drift"]
    modules.four_phases("engine", state="absent")
    assert written(host) == {}


def test_a_file_that_somebody_wrote_is_left_alone_until_it_is_adopted(modules: Modules, host: HostShell) -> None:
    host.run(f"mkdir -p /etc/docker; echo '{{\"debug\": true}}' > {FILE}")
    for check in (True, False):
        assert "adopt: true" in modules.refused("engine", check=check, settings={"log-driver": "local"})
    assert written(host) == {"debug": True}
    modules.four_phases("engine", settings={"log-driver": "local"}, adopt=True)
    assert written(host) == {"log-driver": "local"}


def test_an_engine_that_systemd_does_not_run_takes_a_command_of_its_own(modules: Modules, host: HostShell) -> None:
    """Without the stand-in for systemctl on the path there is no systemd here."""
    bare = replace(modules, enter=host.enter)
    for check in (True, False):
        said = bare.refused("engine", check=check, settings={"debug": True})
        assert "no service of systemd" in said
        assert "restart_command" in said
    assert host.run(f"test -e {FILE} || echo none") == b"none\n"
    before, command = pid(host), f"{host.root}/bin/systemctl restart"
    bare.four_phases("engine", settings={"debug": True}, restart_command=command)
    assert written(host) == {"debug": True}
    assert pid(host) != before


@pytest.mark.parametrize("usual", ["none", "another"])
def test_an_engine_that_is_not_the_one_of_the_file_is_refused(
    modules: Modules, host: HostShell, lab_engine: lab.LabEngine, usual: str
) -> None:
    """Its socket is not the machine's usual one, behind which nobody or another engine answers."""
    host.run(f"rm /run/docker.sock; test {usual} = none || ln -s {lab_engine.socket} /run/docker.sock")
    before = pid(host)
    for check in (True, False):
        said = modules.refused("engine", check=check, settings={"debug": True})
        assert "/etc/docker/daemon.json is not its file" in said
    assert host.run(f"test -e {FILE} || echo none") == b"none\n"
    assert pid(host) == before


def test_the_integration_target_passes(modules: Modules, host: HostShell, tmp_path: Path) -> None:
    given = {"strata_docker_host": modules.defaults["docker_host"]}
    inside = ["nsenter", f"--target={host.holder}", "--mount", "--net", "--"]
    target.passes("engine", tmp_path, given, inside, STRATA_STATE=str(tmp_path / "state"), PATH=path(host))


def test_settings_that_the_engine_refuses_change_nothing(modules: Modules, host: HostShell) -> None:
    modules.run("engine", settings={"debug": True})
    said = modules.refused("engine", settings={"debug": True, "no-such-setting": 1})
    assert "no-such-setting" in said
    assert written(host) == {"debug": True}
    modules.stands("engine", settings={"debug": True})
