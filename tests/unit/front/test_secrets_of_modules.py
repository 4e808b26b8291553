# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules, run as Ansible runs them: no planted value is in what they print or leave in the state folder."""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils import basic
from forked import forked, run_module
from front_module import MODULES

DECLARATION = """\
plugin: strata.kvm_docker.environment
name: lab
hypervisor: {uri: 'test:///default', virt_type: qemu}
images: {debian13: {build: {suite: trixie}}}
networks: {lan: {cidr: 10.80.0.0/24}}
guests:
  web:
    image: debian13
    networks: {lan: {address: 10.80.0.11}}
    engine:
      settings: {proxies: {http-proxy: "http://me:plant-proxy@proxy:3128"}, registry-mirrors: ["https://a:plant-mirror@b"]}
    compose: compose.yaml
"""
COMPOSE = """\
services:
  app:
    build: {context: ., args: {NPM_TOKEN: plant-build}}
    command: [app, --password=plant-command, plant-secret]
    environment: {DB_PASSWORD: plant-environment, COPY: "see plant-secret"}
    env_file: app.env
    labels: {deploy-token: plant-label}
    logging: {driver: splunk, options: {splunk-token: plant-logging}}
    secrets: [key]
    volumes: ["data:/data"]
networks: {default: {driver_opts: {example.password: plant-option}}}
volumes: {data: {driver_opts: {type: cifs, o: "username=me,password=plant-volume,vers=3"}}}
secrets: {key: {file: key.txt}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "lab.environment.yml").write_text(DECLARATION)
    (tmp_path / "compose.yaml").write_text(COMPOSE)
    (tmp_path / "app.env").write_text("API_KEY=plant-envfile\n")
    (tmp_path / "key.txt").write_text("plant-secret\n")
    (tmp_path / "Dockerfile").write_text("FROM scratch\nARG NPM_TOKEN\n")
    return tmp_path


def run(module: str, folder: Path, **options: Any) -> tuple[dict[str, Any], str]:
    """(result, all that was printed) in check mode with diff."""
    arguments = {**options, "_ansible_check_mode": True, "_ansible_diff": True}
    given = json.dumps({"ANSIBLE_MODULE_ARGS": arguments})

    def work() -> None:
        os.environ["STRATA_STATE"] = str(folder / "state")
        run_module(MODULES / f"{module}.py")

    done = forked(work, given)
    return json.loads(done.stdout), done.stdout + done.stderr


def test_a_preview_shows_no_planted_value(folder: Path) -> None:
    result, printed = run("environment", folder, declaration=str(folder / "lab.environment.yml"), progress_file="-")
    assert [change["name"] for change in result["plan"] if change["kind"] == "container"] == ["web-app-1"]
    assert "********" in printed
    assert "plant-" not in printed
    assert not (folder / "state").exists()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("[app, --password=plant-command, plant-secret]", "{password: plant-command}"),
        ("{DB_PASSWORD: plant-environment,", "{DB_PASSWORD: [plant-environment],"),
        ("splunk-token: plant-logging", "splunk-token: {a: plant-logging}"),
        ("build: {context: .,", "build: {context: 'https://me:plant-url@host/repository',"),
        ("    env_file: app.env\n", "    cap_add: [plant-environment]\n"),
        ("    env_file: app.env\n", "    hostname: 'https://me:plant-url@host is no name'\n"),
        ("secrets: [key]", "secrets: [plant-environment]"),
    ],
)
def test_a_mistake_is_told_without_the_planted_values(folder: Path, old: str, new: str) -> None:
    assert old in COMPOSE
    (folder / "compose.yaml").write_text(COMPOSE.replace(old, new))
    result, printed = run("environment", folder, declaration=str(folder / "lab.environment.yml"))
    assert result["failed"]
    assert result["problems"]
    assert "plant-" not in printed


IMAGES: list[dict[str, Any]] = [
    {"source": "https://me:plant-source@host/a.qcow2"},
    {"source": "https://me:plant-source@host/a.qcow2", "sha256": "a" * 64},
    {"build": {"suite": "trixie", "mirror": "http://me:plant-mirror@host/debian"}},
    {"build": {"suite": "trixie", "miror": "http://me:plant-mirror@host/debian"}},
    {"sourse": "https://me:plant-source@host/a.qcow2"},
]
GUEST = {"environment": "lab", "uri": "test:///default", "networks": {"lan": {"address": "10.80.0.11"}}}


@pytest.mark.parametrize(("module", "options"), [("guest_image", {}), ("guest", GUEST)])
@pytest.mark.parametrize("image", IMAGES)
def test_a_module_shows_no_password_of_an_images_url(
    folder: Path, module: str, options: dict[str, Any], image: dict[str, Any]
) -> None:
    result, printed = run(module, folder, name="image", **options, **image)
    assert "invocation" in result
    assert "plant-" not in printed


NOWHERE = "unix:///nowhere/docker.sock"
SERVICES = {"app": {"image": "app:1", "environment": {"DB_PASSWORD": "plant-environment"}, "command": ["plant-bare"]}}
BUILD = {"context": ".", "args": {"NPM_TOKEN": "plant-build", "plain": "plant-bare"}}
OPTIONS: dict[str, dict[str, Any]] = {
    "container": {"project_name": "shop", "services": SERVICES, "secrets": {"key": {"content": "plant-secret"}}},
    "docker_volume": {"name": "data", "driver_opts": {"o": "password=plant-volume"}, "labels": {"key": "plant-label"}},
    "docker_network": {"name": "backend", "driver_opts": {"example.password": "plant-option"}},
    "image": {"name": "app:1", "build": BUILD},
    "engine": {"settings": {"proxies": {"http-proxy": "http://me:plant-proxy@proxy:3128"}}},
    "docker_info": {"docker_host": "ssh://me:plant-host@apps"},
}
MISTAKES: list[dict[str, Any]] = [
    {},
    {"state": "sometimes", "subset": ["sometimes"]},
    {"guest": "web", "environment": "lab"},
    {"guest": "web", "docker_host": None},
    {"files": ["compose.yaml"]},
    {"servises": SERVICES, "buidl": [BUILD], "password": "plant-typed"},
    {"services": "DB_PASSWORD=plant-environment, unfinished", "settings": "{token: plant-typed"},
    {"adopt": {"password": "plant-typed"}},
]


def log_runs(module: str, runs: list[dict[str, Any]], state: Path) -> None:
    """Be the module for each of *runs*, its options; the system's log goes to standard error."""
    os.environ["STRATA_STATE"] = str(state)
    basic.has_journal = False
    basic.AnsibleModule._log_to_syslog = lambda _module, line: print(line, file=sys.stderr)
    basic._ANSIBLE_PROFILE = "legacy"
    for options in runs:
        basic._ANSIBLE_ARGS = json.dumps({"ANSIBLE_MODULE_ARGS": options}).encode()
        with suppress(SystemExit):
            run_module(MODULES / f"{module}.py")


@pytest.mark.parametrize("module", OPTIONS)
def test_a_module_that_fails_tells_no_planted_value_and_logs_none(folder: Path, module: str) -> None:
    common = {"docker_host": NOWHERE, **OPTIONS[module], "_ansible_no_log": False}
    done = forked(partial(log_runs, module, [{**common, **mistake} for mistake in MISTAKES], folder / "state"))
    assert done.returncode == 0
    results = [json.loads(line) for line in done.stdout.splitlines() if line.strip()]
    assert [result["failed"] for result in results] == [True] * len(MISTAKES)
    assert all("invocation" in result for result in results)
    assert "plant-" not in done.stdout + done.stderr
