# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values that would fail, or hang, when half of the work is done."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.converge import Options, converge
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.read import read_environment
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import DeclarationError, StrataError
from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders
from ansible_collections.strata.kvm_docker.plugins.module_utils.progress import Progress
from declare_files import DECLARATION, MARK, Folder, marked_line

COMPOSE = """\
services:
  app:
    image: app:1
networks:
  front:
    ipam: {config: [{subnet: 172.30.0.0/24}]}
"""
HUGE = "9" * 25

CASES = [
    (f"scale: {10**9}", "scale", "room for 1000 containers"),
    (f"mem_limit: {HUGE}g", "mem_limit", "cannot be given to a container"),
    ("mem_limit: -1", "mem_limit", "at least 6 MiB; it is -1"),
    ("shm_size: -1", "shm_size", "cannot be given to a container"),
    ("mem_limit: 512", "mem_limit", "it must be at least 6 MiB; it is 512, in bytes; did you mean 512 MiB?"),
    ("mem_reservation: 5m", "mem_reservation", "it must be at least 6 MiB; it is '5m'"),
    ("deploy: {resources: {limits: {memory: 256}}}", "deploy.resources.limits.memory", "did you mean 256 MiB?"),
    ("cpus: 0.0001", "cpus", "it must be a number of at least 0.01; it is 0.0001"),
    ("cpus: 0", "cpus", "it must be a number of at least 0.01; it is 0"),
    (f"stop_grace_period: {HUGE}h", "stop_grace_period", "292 years"),
    (f"healthcheck: {{test: x, interval: {HUGE}h}}", "healthcheck.interval", "292 years"),
    ('environment: {"A=B": c}', "environment", "'A=B' is no name of a variable"),
    ('environment: ["=c"]', "environment", "'' is no name of a variable"),
    ('environment: {A: "a\\0b"}', "environment.A", "or NUL"),
    (f"hostname: {'a' * 65}", "hostname", "at most 64 characters"),
    ('hostname: "a\\nb"', "hostname", "no blanks"),
    ("working_dir: relative", "working_dir", "must be a path that starts with /"),
    ("stop_signal: FOO", "stop_signal", "'FOO' is no signal"),
    ("ulimits: {nofile: {soft: 10, hard: 5}}", "ulimits.nofile", "above the hard one, 5"),
    ('volumes: ["/srv:/"]', "volumes", "nothing can be mounted on /"),
    ('ports: ["1-65535:1-65535"]', "ports", "port 22/tcp of the guest is taken"),
]


@pytest.mark.parametrize(("added", "path", "message"), CASES, ids=[path for _added, path, _message in CASES])
def test_a_value_that_an_engine_refuses_is_told_by_the_declaration(
    folder: Folder, added: str, path: str, message: str
) -> None:
    compose = COMPOSE.replace("app:1\n", f"app:1\n    {added}{MARK}\n")
    problem = folder.problem(compose=compose)
    assert (problem.path, problem.line) == (f"services.app.{path}", marked_line(compose))
    assert message in problem.message


@pytest.mark.parametrize("text", ["SIGTERM", "sigusr1", "QUIT", "9", "SIGRTMIN+3"])
def test_a_signal_is_written_in_any_way_that_engines_read(folder: Folder, text: str) -> None:
    folder.read(compose=COMPOSE.replace("app:1\n", f"app:1\n    stop_signal: {text}\n"))


@pytest.mark.parametrize(
    ("old", "new", "path", "message"),
    [
        ("    memory: 768 MiB", f"    vcpus: {HUGE}", "guests.web.vcpus", "at most 4096"),
        ("    memory: 768 MiB", f"    boot_timeout: {HUGE}", "guests.web.boot_timeout", "at most 86400"),
        ("    memory: 768 MiB", "    engine: {settings: {a: .nan}}", "guests.web.engine.settings", "no number like"),
        (
            "    memory: 768 MiB",
            "    engine: {settings: {hosts: [tcp://0.0.0.0]}}",
            "guests.web.engine.settings.hosts",
            "remove it",
        ),
    ],
)
def test_a_value_that_no_guest_could_have_is_refused(
    folder: Folder, change: Callable[[str, str, str], str], old: str, new: str, path: str, message: str
) -> None:
    declaration = change(DECLARATION, old, f"{new}{MARK}")
    problem = folder.problem(declaration, COMPOSE)
    assert (problem.path, problem.line) == (path, marked_line(declaration))
    assert message in problem.message


@pytest.mark.parametrize("octet", ["0", "127", "224", "255"])
def test_a_subnet_that_is_for_no_hosts_is_refused(folder: Folder, octet: str) -> None:
    problem = folder.problem(DECLARATION.replace("10.80", f"{octet}.80"), COMPOSE)
    assert problem.path == "networks.lan.cidr"
    assert "is no subnet for hosts" in problem.message


@pytest.mark.parametrize("where", ["declaration", "secret", "image"])
def test_a_pipe_in_place_of_a_file_is_refused_and_not_waited_for(
    folder: Folder, change: Callable[[str, str, str], str], where: str
) -> None:
    os.mkfifo(folder.path / "pipe")
    secrets = "    secrets: [key]\nsecrets: {key: {file: pipe}}\n"
    declaration = change(DECLARATION, "{build: {suite: trixie}}", "{source: pipe}")
    calls: dict[str, Callable[[], Any]] = {
        "declaration": lambda: read_environment(folder.path / "pipe"),
        "secret": lambda: folder.read(compose=f"services:\n  app:\n    image: app:1\n{secrets}"),
        "image": lambda: preview(folder.write(in_memory(declaration), COMPOSE), folder.path),
    }
    with pytest.raises(StrataError, match="it is not a file"):
        calls[where]()


def test_a_path_that_no_kernel_takes_is_refused(folder: Folder) -> None:
    with pytest.raises(DeclarationError, match="NUL"):
        read_environment(folder.path / "a\0b")
    with pytest.raises(StrataError, match="a path has no NUL character"):
        Folders.of("/a\0b")


@pytest.mark.parametrize("timeout", [float("nan"), -1.0])
def test_a_time_to_wait_that_is_no_time_is_refused(folder: Folder, timeout: float) -> None:
    with pytest.raises(StrataError, match="lock_timeout must be a number of seconds"):
        preview(folder.write(), folder.path, timeout)


def test_a_state_folder_is_named_from_where_the_run_started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert Folders.of("state").root == tmp_path / "state"


def in_memory(declaration: str) -> str:
    """On libvirt's driver for tests."""
    return f"{declaration}hypervisor: {{uri: 'test:///default'}}\n"


def preview(declaration: Path, folder: Path, lock_timeout: float = 0) -> None:
    folders = Folders.of(folder / "state")
    options = Options(folders=folders, progress=Progress(), check=True, lock_timeout=lock_timeout)
    converge(declaration, "present", options)
