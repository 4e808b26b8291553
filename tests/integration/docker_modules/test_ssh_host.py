# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An engine by ``ssh://``: the user's own SSH configuration applies, and many calls make one connection."""

from __future__ import annotations

import ctypes
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import lab
import pytest
import sshd
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm import processes
from docker_module import IMAGE, Modules, sleeper
from environments import free_port

pytestmark = pytest.mark.lab

#: The caller's home, with an SSH configuration of the test's.
_HOME = 'mount --make-rprivate / && mount -t tmpfs -o mode=0700 tmpfs /root && cp -r "$0" /root/.ssh'
_CLONE_NEWNS = 0x20000


@dataclass(kw_only=True)
class Server:
    """An sshd on the loopback; ``home``: what the caller's ``~/.ssh`` is to be."""

    folder: Path
    port: int
    home: Path

    def logins(self) -> int:
        return sshd.logins(self.folder)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("sshd")
    for name in ("key", "host_key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    made = Server(folder=folder, port=free_port(), home=folder / "home")
    sshd.unpack(folder)
    _configure(made)
    daemon = sshd.start(folder, lambda: _listens(made.port))
    try:
        yield made
    finally:
        processes.terminate([daemon], grace=2)


def _configure(server: Server) -> None:
    folder = server.folder
    shutil.copy(folder / "key.pub", folder / "authorized_keys")
    sshd.configure(folder, "127.0.0.1", server.port, folder / "host_key")
    server.home.mkdir()
    host_key = " ".join((folder / "host_key.pub").read_text().split()[:2])
    (server.home / "known_hosts").write_text(f"[127.0.0.1]:{server.port} {host_key}\n")
    (server.home / "config").write_text(
        f"Host far\n  HostName 127.0.0.1\n  Port {server.port}\n  User root\n  IdentityFile {folder}/key\n"
    )


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def far(modules: Modules, server: Server, lab_engine: lab.LabEngine, state: Path) -> Iterator[Modules]:
    """The lab's engine, reached by SSH; the connections end with the test."""

    def be_at_home() -> None:
        assert ctypes.CDLL(None).unshare(_CLONE_NEWNS) == 0
        subprocess.run(["sh", "-c", _HOME, server.home], check=True)
        os.environ.pop("SSH_AUTH_SOCK", None)

    defaults = {"docker_host": f"ssh://far{lab_engine.socket}", "state_folder": str(state)}
    yield Modules(defaults=defaults, enter=be_at_home)
    for config in (state / "hosts").glob("*/ssh_config"):
        subprocess.run(["ssh", "-F", config, "-O", "exit", "far"], capture_output=True, check=False)
        shutil.rmtree(config.parent)


def test_many_calls_make_one_connection(far: Modules, server: Server) -> None:
    before = server.logins()
    far.four_phases("docker_network", name="backend")
    made = far.four_phases("container", project_name="shop", services={"app": sleeper()})
    assert {change["guest"] for change in made["plan"]} == {"far"}
    assert far.run("docker_info", subset=[])["version"]
    assert server.logins() - before == 1


def test_files_of_containers_are_put_on_the_host_through_the_same_connection(
    far: Modules, server: Server, tmp_path: Path
) -> None:
    before = server.logins()
    (tmp_path / "motd").write_text("hello")
    app = sleeper(configs=[{"source": "motd", "target": "/motd"}])
    project = {"project_name": "shop", "services": {"app": app}, "configs": {"motd": {"file": str(tmp_path / "motd")}}}
    far.run("container", **project)
    far.stands("container", **project)
    far.run("container", project_name="shop", state="absent")
    assert server.logins() - before == 1


def test_a_host_that_is_not_known_is_told_with_what_to_do(far: Modules, server: Server) -> None:
    known = server.home / "known_hosts"
    before = known.read_text()
    known.write_text("")
    try:
        said = far.refused("docker_network", name="backend", check=True)
    finally:
        known.write_text(before)
    assert "host far: its host key is not in your known_hosts" in said
    assert "Strata" not in said


def test_a_host_that_refuses_the_key_and_one_that_does_not_answer_are_told_apart(far: Modules, server: Server) -> None:
    (server.folder / "authorized_keys").rename(server.folder / "none")
    try:
        said = far.refused("docker_network", name="backend", check=True)
    finally:
        (server.folder / "none").rename(server.folder / "authorized_keys")
    assert "Permission denied" in said
    assert "give the key in ~/.ssh/config or an agent" in said
    port = free_port()
    said = far.refused("docker_network", name="backend", check=True, docker_host=f"ssh://root@127.0.0.1:{port}")
    assert "Connection refused" in said


def test_an_engine_that_is_not_behind_the_host_is_told(far: Modules) -> None:
    said = far.refused("image", name=IMAGE, check=True, docker_host="ssh://far/run/none.sock")
    assert "engine ssh://far/run/none.sock" in said
