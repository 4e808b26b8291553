# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Forwards from the machine's loopback into the guests' namespace, on real sockets."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.environment import (
    Attachment,
    Environment,
    Guest,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import HypervisorError
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.compare import Verdict, compare
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.look.forwards import forward_branches
from ansible_collections.strata.kvm_docker.plugins.module_utils.inputs import Inputs
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm import host, processes
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.forward import Forward
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.hypervisor import Hypervisor
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.model import Plan
from ansible_collections.strata.kvm_docker.plugins.module_utils.progress import Progress
from ansible_collections.strata.kvm_docker.plugins.module_utils.resources import plan
from made_fingerprint import made

pytestmark = [pytest.mark.lab, pytest.mark.guests]

ECHO, UPPER = 7007, 7008

_SERVER = """
import socketserver, sys

class Answer(socketserver.BaseRequestHandler):
    def handle(self):
        while data := self.request.recv(65536):
            self.request.sendall(data.upper() if sys.argv[2] == "upper" else data)

class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True

Server(("127.0.0.1", int(sys.argv[1])), Answer).serve_forever()
"""

_APPLY = """
import sys
sys.path[:0] = {paths!r}
from pathlib import Path
from test_forward_real import converge, environment
from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.hypervisor import open_hypervisor
converge(open_hypervisor("auto", Folders(Path({root!r}))), environment({port}, {target}))
"""


def environment(port: int | None, target: int = ECHO) -> Environment:
    """One guest whose "address" is the loopback of the guests' namespace, where the servers of this test listen."""
    networks = {"lan": Attachment(address=IPv4Address("127.0.0.1"))}
    guest = Guest(name="web", image="none", networks=networks, publish={port: target} if port else {})
    return Environment(name="forwards", folder="/", guests={"web": guest})


def planned(hypervisor: Hypervisor, declared: Environment) -> Plan:
    forward = Forward()
    wanted, found = forward.declare(declared, Inputs()), forward.observe(hypervisor, declared.name)
    return plan(wanted, found, lambda _key, difference: forward.effect(difference), remove_orphans=True)


def converge(hypervisor: Hypervisor, declared: Environment) -> list[str]:
    """Apply what is planned; the actions."""
    changes = list(planned(hypervisor, declared))
    for change in changes:
        Forward().apply(hypervisor, change, Progress())
    return [change.action for change in changes]


def talk(port: int, text: bytes = b"hello") -> bytes:
    """What the other end sends back, as many bytes as it was sent, or fewer where it ends the connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection, ThreadPoolExecutor(1) as sender:
        sending = sender.submit(connection.sendall, text)
        received = b""
        while len(received) < len(text) and (data := connection.recv(1 << 16)):
            received += data
        sending.result()
    return received


def record(hypervisor: Hypervisor, port: int) -> Path:
    return hypervisor.folders.environment("forwards") / "forwards" / f"{port}.process"


def kill(hypervisor: Hypervisor, port: int) -> None:
    """End the forward's process and wait until it is gone."""
    process = processes.running(record(hypervisor, port))
    assert process
    os.kill(process.pid, signal.SIGKILL)
    until = time.monotonic() + 10
    while process.alive() and time.monotonic() < until:
        time.sleep(0.01)


@pytest.fixture(scope="module", autouse=True)
def _servers(hypervisor: Hypervisor) -> Iterator[None]:
    servers = [
        subprocess.Popen(hypervisor.inside([sys.executable, "-c", _SERVER, str(port), method]))
        for port, method in ((ECHO, "copy"), (UPPER, "upper"))
    ]
    _await_listeners(hypervisor)
    yield
    for server in servers:
        server.terminate()
        server.wait()


def _await_listeners(hypervisor: Hypervisor) -> None:
    until = time.monotonic() + 10
    while time.monotonic() < until:
        tables = subprocess.run(hypervisor.inside(["ss", "-Hltn"]), capture_output=True, text=True, check=True).stdout
        if f":{ECHO}" in tables and f":{UPPER}" in tables:
            return
        time.sleep(0.05)
    raise AssertionError("the servers of this test do not listen")


@pytest.fixture
def port(hypervisor: Hypervisor) -> Iterator[int]:
    """A free port of the loopback; forwards are gone after the test."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        free: int = server.getsockname()[1]
    yield free
    converge(hypervisor, environment(None))


def test_a_published_port_leads_to_the_guest_and_planning_again_changes_nothing(
    hypervisor: Hypervisor, port: int
) -> None:
    assert converge(hypervisor, environment(port)) == ["create"]
    assert talk(port) == b"hello"
    assert not planned(hypervisor, environment(port))


def test_megabytes_pass_both_ways_at_once_unchanged(hypervisor: Hypervisor, port: int) -> None:
    converge(hypervisor, environment(port))
    text = os.urandom(4 << 20)
    assert talk(port, text) == text


def test_connections_at_once_do_not_wait_for_each_other(hypervisor: Hypervisor, port: int) -> None:
    converge(hypervisor, environment(port))
    with socket.create_connection(("127.0.0.1", port), timeout=10), ThreadPoolExecutor(10) as clients:
        assert list(clients.map(talk, [port] * 50)) == [b"hello"] * 50


def test_a_target_that_refuses_ends_the_connection_and_not_the_forward(hypervisor: Hypervisor, port: int) -> None:
    converge(hypervisor, environment(port, 7009))
    for _ in range(3):
        with suppress(ConnectionError):
            assert talk(port) == b""
    assert not planned(hypervisor, environment(port, 7009))


def test_a_changed_target_replaces_the_forward(hypervisor: Hypervisor, port: int) -> None:
    converge(hypervisor, environment(port))
    assert converge(hypervisor, environment(port, UPPER)) == ["replace"]
    assert talk(port) == b"HELLO"


def test_a_forward_that_was_killed_is_seen_and_started_again(hypervisor: Hypervisor, port: int) -> None:
    converge(hypervisor, environment(port))
    kill(hypervisor, port)
    assert converge(hypervisor, environment(port)) == ["start"]
    assert talk(port) == b"hello"


def test_a_forward_that_was_killed_is_in_the_fingerprint(hypervisor: Hypervisor, port: int) -> None:
    converge(hypervisor, environment(port))
    assert talk(port) == b"hello"
    before = made(*forward_branches(hypervisor, "forwards"))
    assert compare(before, made(*forward_branches(hypervisor, "forwards"))).verdict is Verdict.IDENTICAL
    kill(hypervisor, port)
    told = compare(before, made(*forward_branches(hypervisor, "forwards")))
    assert [each.path for each in told.differences] == [f"forwards/web/{ECHO}/127.0.0.1/listening"]
    assert told.verdict is Verdict.DIFFERENT


def test_a_forward_outlives_the_program_that_made_it(hypervisor: Hypervisor, port: int) -> None:
    paths = [entry for entry in sys.path if entry]
    program = _APPLY.format(paths=paths, root=str(hypervisor.folders.root), port=port, target=ECHO)
    subprocess.run([sys.executable, "-c", program], check=True)
    assert talk(port) == b"hello"
    assert not planned(hypervisor, environment(port))


def test_a_forward_that_is_no_longer_declared_ends_with_its_connections(hypervisor: Hypervisor, port: int) -> None:
    converge(hypervisor, environment(port))
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(b"x")
        assert connection.recv(1) == b"x"
        assert converge(hypervisor, environment(None)) == ["delete"]
        assert connection.recv(1) == b""
    with pytest.raises(ConnectionRefusedError):
        talk(port)
    assert not record(hypervisor, port).exists()


def test_a_port_in_use_is_refused_with_the_port_and_the_process_and_works_once_it_is_free(
    hypervisor: Hypervisor, port: int
) -> None:
    refusal = rf"port {port} of 127\.0\.0\.1 is in use.*process {os.getpid()}"
    with socket.create_server(("127.0.0.1", port)), pytest.raises(HypervisorError, match=refusal):
        converge(hypervisor, environment(port))
    converge(hypervisor, environment(port))
    assert talk(port) == b"hello"


def test_its_own_forwards_are_not_ports_in_use_for_the_environments_check(hypervisor: Hypervisor, port: int) -> None:
    converge(hypervisor, environment(port))
    assert port not in host.facts(hypervisor, "forwards").listening
    assert port in host.facts(hypervisor, "another").listening


def test_a_record_left_by_an_earlier_boot_is_not_taken_for_a_forward(hypervisor: Hypervisor, port: int) -> None:
    converge(hypervisor, environment(port))
    process = processes.running(record(hypervisor, port))
    assert process
    text = record(hypervisor, port).read_text()
    record(hypervisor, port).write_text(text.replace(process.boot, "another-boot"))
    assert [change.action for change in planned(hypervisor, environment(port))] == ["start"]
    record(hypervisor, port).write_text(text)
    assert replace(process, boot="another-boot").alive() is False
