# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role docker_engine on a machine without an engine: a booted guest that ours was purged from."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import small_archive
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm import embedded, namespaces
from environments import EnvironmentCopy, running_lab

pytestmark = [pytest.mark.lab, pytest.mark.guests]

DECLARATION = """\
plugin: strata.kvm_docker.environment
name: engines
images: {debian13: {build: {suite: trixie, packages: [python3]}}}
networks: {lan: {cidr: 10.84.0.0/24}}
guests:
  bare:
    image: debian13
    memory: 768 MiB
    disk: 6 GiB
    networks: {lan: {address: 10.84.0.11}}
"""
PLAY = """\
- hosts: bare
  gather_facts: false
  vars: {ansible_python_interpreter: /usr/bin/python3}
  roles:
    - role: strata.kvm_docker.docker_engine
      docker_engine_users: [deploy]
      docker_engine_settings: {log-driver: local, live-restore: %s}
"""
#: Debian 13 has the command in a package of its own, which the role does not ask for.
INFO = 'import docker; found = docker.APIClient().info(); print(found["LoggingDriver"], found["LiveRestoreEnabled"])'
PURGE = """
systemctl disable --now docker.socket docker.service
dpkg --purge docker.io docker-cli containerd runc
rm -rf /etc/docker /var/lib/docker
groupdel docker
useradd deploy
echo force-unsafe-io > /etc/dpkg/dpkg.cfg.d/quick
rm -rf /etc/apt/sources.list /etc/apt/sources.list.d/*
echo 'deb [trusted=yes] http://10.84.0.1:8000 ./' > /etc/apt/sources.list
"""
#: Beside what the role asks for: Ansible's module ``apt`` installs what it needs itself.
PACKAGES = ("docker.io", "python3-docker", "python3-apt")


class Machine:
    """The guest, and the role run on it."""

    def __init__(self, copy: EnvironmentCopy) -> None:
        self.copy = copy
        self.config = copy.lab.folders.environment("engines") / "ssh_config"

    def ssh(self, command: str) -> str:
        argv = ["ssh", "-F", str(self.config), "bare", command]
        return subprocess.run(argv, capture_output=True, text=True, check=True, timeout=300).stdout

    def role(self, *arguments: str, live_restore: bool = True) -> dict[str, int]:
        """The recap of a run of the role, which must not fail."""
        play = self.copy.folder / "play.yml"
        play.write_text(PLAY % str(live_restore).lower())
        argv = ("-i", str(self.copy.declaration), str(play), *arguments)
        done = self.copy.lab.command("ansible-playbook", *argv, timeout=1800)
        assert done.returncode == 0, done.stdout + done.stderr
        return {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", done.stdout.partition("PLAY RECAP")[2])}

    @contextmanager
    def archive(self) -> Iterator[None]:
        """Serve the packages that the guest lacks, on the address that it knows the hypervisor by."""
        folder = self.copy.folder / "archive"
        small_archive.make(folder, "trixie", PACKAGES, self.ssh("cat /var/lib/dpkg/status"))
        serve = [sys.executable, "-m", "http.server", "--bind", "10.84.0.1", "--directory", str(folder), "8000"]
        server = subprocess.Popen(
            namespaces.inside(embedded.netns(self.copy.lab.folders), serve), stderr=subprocess.DEVNULL
        )
        try:
            yield
        finally:
            server.terminate()
            server.wait()

    def settings(self) -> Any:
        return json.loads(self.ssh("cat /etc/docker/daemon.json"))


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with running_lab() as lab:
        lab.start_hypervisor()
        copy = EnvironmentCopy.written(lab, Path(tmp_path_factory.mktemp("role")) / "engines", DECLARATION)
        try:
            copy.converge()
            machine = Machine(copy)
            machine.ssh(PURGE)
            with machine.archive():
                yield machine
        finally:
            copy.converge("absent")


def test_a_bare_machine_becomes_an_engine_and_stays_one(machine: Machine) -> None:
    assert machine.role("--check")["changed"] == 1
    assert machine.ssh("test -e /usr/sbin/dockerd || echo none") == "none\n"
    assert machine.role()["changed"] == 3
    assert machine.settings() == {"log-driver": "local", "live-restore": True}
    assert machine.ssh(f"python3 -c '{INFO}'") == "local True\n"
    assert "docker" in machine.ssh("id -nG deploy").split()
    assert machine.ssh("systemctl is-enabled docker.service") == "enabled\n"
    assert machine.role()["changed"] == 0


def test_a_changed_setting_and_drift_behind_our_back_are_told_and_put_right(machine: Machine) -> None:
    machine.ssh("systemctl disable docker.service; echo '{}' > /etc/docker/daemon.json; gpasswd -d deploy docker")
    assert machine.role("--check", live_restore=False)["changed"] == 3
    assert machine.settings() == {}
    assert machine.role(live_restore=False)["changed"] == 3
    assert machine.settings() == {"log-driver": "local", "live-restore": False}
    assert "docker" in machine.ssh("id -nG deploy").split()
