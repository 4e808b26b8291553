# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gate before a guest: an sshd, a real engine behind it, and a domain of libvirt's test driver."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest import access
from gate_client import URN, Gate, plain, secret, struct
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import provider_pb2 as proto
from stand_in import ADDRESS, ENVIRONMENT, OFF, StandIn, with_address

pytestmark = pytest.mark.lab

WEB = {"environment": "lab", "guest": "web", "address": ADDRESS}
CONSOLE = "Linux version 6.12\nKernel panic - not syncing: No working init found.\n"


def in_background(work: Callable[[], Any]) -> Future[Any]:
    pool = ThreadPoolExecutor(1)
    try:
        return pool.submit(work)
    finally:
        pool.shutdown(wait=False)


def within(seconds: float, began: float) -> bool:
    return time.monotonic() - began < seconds


def facts(guest: StandIn) -> dict[str, str]:
    client = guest.engine.client()
    told = client.info()
    client.close()
    versions = {"engineVersion": told["ServerVersion"], "apiVersion": client.api_version}
    return {**versions, "engineId": told["ID"], "problem": ""}


# Create


def test_an_engine_that_is_ready_is_told_with_what_leads_to_it(configured: Gate, guest: StandIn) -> None:
    identity, outputs = configured.create(WEB)
    config = str(guest.folders.environment("lab") / "ssh_config")
    assert identity == "lab/web"
    assert outputs == {"host": f"ssh://root@{ADDRESS}", "sshOpts": ["-F", config], **facts(guest)}


def test_who_uses_what_it_tells_shares_its_one_connection(configured: Gate, guest: StandIn) -> None:
    """As pulumi_docker's provider does: one ssh for each connection to the engine."""
    before = guest.logins()
    _identity, outputs = configured.create(WEB)
    for _ in range(5):
        ssh = ["ssh", *outputs["sshOpts"], "-l", "root", "--", ADDRESS]
        done = subprocess.run(
            [*ssh, "docker version -f '{{.Server.Version}}'"], capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == outputs["engineVersion"]
    assert guest.logins() - before == 1


def test_an_engine_that_is_late_is_waited_for_with_news_beside_the_resource(configured: Gate, guest: StandIn) -> None:
    guest.stop_engine()
    waiting = in_background(lambda: configured.create(WEB))
    time.sleep(6)
    assert not waiting.done()
    guest.start_engine()
    assert waiting.result(timeout=10)[1]["engineId"] == facts(guest)["engineId"]
    (urn, message, ephemeral), *_more = configured.engine.lines
    assert (urn, ephemeral) == (URN, True)
    assert message.startswith("waiting for the Docker engine for ")


def test_ssh_that_is_late_is_waited_for(configured: Gate, guest: StandIn) -> None:
    guest.stop()
    waiting = in_background(lambda: configured.create(WEB))
    time.sleep(1.5)
    assert not waiting.done()
    guest.boot()
    assert waiting.result(timeout=10)[0] == "lab/web"


def test_ssh_that_refuses_until_the_end_is_told_with_the_last_try_and_the_console(
    configured: Gate, guest: StandIn
) -> None:
    guest.stop()
    guest.says("Linux version 6.12\nStarting sshd\n")
    code, message = configured.refused("Create", configured.create_request({**WEB, "readyTimeout": 2}))
    assert code == grpc.StatusCode.FAILED_PRECONDITION
    first, *_rest = message.splitlines()
    assert first.startswith("guest web: SSH does not answer after 2 s (readyTimeout). Last try: guest web: ")
    assert message.endswith("Starting sshd")


def test_the_time_that_the_program_gives_the_resource_is_a_limit_too(configured: Gate, guest: StandIn) -> None:
    guest.stop()
    began = time.monotonic()
    _code, message = configured.refused("Create", configured.create_request(WEB, timeout=1.0))
    assert "SSH does not answer after 1 s" in message
    assert within(10, began)


def test_a_stranger_at_the_address_is_refused_at_once(configured: Gate, guest: StandIn) -> None:
    guest.stop()
    guest.host_key.unlink()
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", guest.host_key], check=True)
    guest.boot()
    began = time.monotonic()
    code, message = configured.refused("Create", configured.create_request(WEB))
    assert code == grpc.StatusCode.FAILED_PRECONDITION
    assert message.startswith("guest web: another host key than the one that Strata put into the guest.")
    assert within(10, began)


def test_a_guest_that_does_not_know_our_key_is_told_at_once(configured: Gate, guest: StandIn) -> None:
    (guest.root / "authorized_keys").write_text("")
    _code, message = configured.refused("Create", configured.create_request(WEB))
    assert message.startswith("guest web: refuses the key that Strata put into it for root.")


def test_a_boot_that_fails_meanwhile_ends_the_wait_with_the_console(configured: Gate, guest: StandIn) -> None:
    guest.stop()
    waiting = in_background(lambda: configured.refused("Create", configured.create_request(WEB)))
    time.sleep(1)
    began = time.monotonic()
    guest.says(CONSOLE)
    _code, message = waiting.result(timeout=10)
    assert within(4, began)
    assert message.startswith("guest web: its boot has failed: Kernel panic - not syncing: No working init found.\n")
    assert message.endswith(CONSOLE.strip())


def test_a_guest_that_is_off_ends_the_wait(configured: Gate, guest: StandIn) -> None:
    guest.stop()
    guest.power(OFF)
    _code, message = configured.refused("Create", configured.create_request(WEB))
    assert message.startswith("guest web: it has powered off before SSH answered.")


def test_an_environment_without_keys_is_not_waited_for(configured: Gate, guest: StandIn) -> None:
    code, message = configured.refused("Create", configured.create_request({**WEB, "environment": "other"}))
    assert code == grpc.StatusCode.FAILED_PRECONDITION
    assert message.startswith(f"guest web: environment other has no SSH keys for it in {guest.folders.root}.")


def test_an_address_that_ssh_would_not_go_to_is_told_with_both(configured: Gate, guest: StandIn) -> None:
    _code, message = configured.refused("Create", configured.create_request({**WEB, "address": "10.83.0.99"}))
    assert message.startswith(f"guest web: the SSH configuration of environment lab leads to {ADDRESS}, and")
    assert "10.83.0.99" in message


def test_a_hypervisor_that_does_not_answer_is_told(configured: Gate, guest: StandIn) -> None:
    configured.configure(hypervisor="qemu:///system?socket=/none", stateFolder=str(guest.folders.root))
    code, message = configured.refused("Create", configured.create_request(WEB))
    assert code == grpc.StatusCode.FAILED_PRECONDITION
    assert message.startswith("libvirt at qemu:///system?socket=/none cannot be used")


# Cancel


def cancelled(gate: Gate, guest: StandIn, until: str) -> float:
    """Seconds from Cancel to the answer of a Create that waits with *until* on its console."""
    waiting = in_background(lambda: gate.refused("Create", gate.create_request(WEB)))
    time.sleep(1.5)
    assert not waiting.done(), until
    began = time.monotonic()
    assert gate.call("Cancel", Empty()) == Empty()
    code, message = waiting.result(timeout=10)
    assert (code, message) == (grpc.StatusCode.CANCELLED, "cancelled; nothing was changed.")
    return time.monotonic() - began


def test_cancelling_ends_a_wait_for_ssh_that_refuses(passing: Gate, guest: StandIn) -> None:
    guest.stop()
    assert cancelled(passing, guest, "refused") < 1


def test_cancelling_ends_a_wait_for_ssh_that_hangs(passing: Gate, guest: StandIn) -> None:
    guest.stop()
    guest.led_by("sh", "-c", "exec sleep 20", "--")
    assert cancelled(passing, guest, "hanging ssh") < 1


def test_cancelling_ends_a_wait_for_an_engine_that_is_not_there(passing: Gate, guest: StandIn) -> None:
    guest.stop_engine()
    assert cancelled(passing, guest, "no engine") < 1


def test_cancelling_ends_a_wait_for_an_engine_that_never_answers(passing: Gate, guest: StandIn) -> None:
    guest.stop_engine()
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(guest.root / "docker.sock"))
        silent.listen()
        assert cancelled(passing, guest, "silent engine") < 1


def test_who_goes_away_ends_the_wait(passing: Gate, guest: StandIn) -> None:
    """No process of ssh is left that tries again and again."""
    guest.stop()
    future = passing.stub.Create.future(passing.create_request(WEB))
    time.sleep(1)
    future.cancel()
    time.sleep(1)
    assert not [name for name in children(passing.process.pid) if name == "ssh"]
    time.sleep(1)
    assert not [name for name in children(passing.process.pid) if name == "ssh"]


def children(pid: int) -> list[str]:
    done = subprocess.run(["ps", "--ppid", str(pid), "-o", "comm="], capture_output=True, text=True, check=False)
    return done.stdout.split()


# Read


def test_an_engine_that_is_as_it_was_has_not_drifted(configured: Gate, guest: StandIn) -> None:
    identity, outputs = configured.create(WEB)
    assert configured.read(outputs, WEB) == (identity, WEB, outputs)


def test_another_version_is_drift(configured: Gate, guest: StandIn) -> None:
    _identity, outputs = configured.create(WEB)
    known = {**outputs, "engineVersion": "1.0", "engineId": "other"}
    assert configured.read(known, WEB) == ("lab/web", WEB, outputs)


def test_an_engine_that_does_not_answer_is_drift_and_the_next_update_waits_for_it(
    configured: Gate, guest: StandIn
) -> None:
    _identity, outputs = configured.create(WEB)
    guest.stop()
    guest.power(OFF)
    identity, inputs, state = configured.read(outputs, WEB)
    assert (identity, inputs) == ("lab/web", WEB)
    assert state == {**outputs, "problem": "guest web: it has powered off before SSH answered."}
    assert list(configured.diff(WEB, WEB, state).diffs) == ["problem"]
    guest.power(1)
    guest.boot()
    request = proto.UpdateRequest(id="lab/web", urn=URN, olds=struct(state), old_inputs=struct(WEB), news=struct(WEB))
    assert plain(configured.call("Update", request).properties) == outputs


def test_an_engine_whose_domain_is_gone_is_gone(configured: Gate, guest: StandIn) -> None:
    _identity, outputs = configured.create(WEB)
    (guest.root / "node.xml").write_text("<node/>")
    assert configured.read(outputs, WEB) == ("", {}, {})


def test_an_engine_that_is_there_is_imported_by_its_id(configured: Gate, guest: StandIn) -> None:
    identity, inputs, outputs = configured.read({}, {})
    assert (identity, inputs) == ("lab/web", WEB)
    assert outputs["engineId"] == facts(guest)["engineId"]
    assert configured.check(inputs) == {}
    given = {**WEB, "domainId": "0f", "readyTimeout": 60}
    assert configured.diff(inputs, given, outputs).changes == proto.DiffResponse.DIFF_NONE


def test_an_engine_that_does_not_answer_is_not_imported(configured: Gate, guest: StandIn) -> None:
    guest.stop()
    guest.power(OFF)
    code, message = configured.refused("Read", proto.ReadRequest(id="lab/web", urn=URN))
    assert code == grpc.StatusCode.FAILED_PRECONDITION
    assert "it has powered off" in message


def test_another_address_of_the_guest_updates_the_engine(configured: Gate, guest: StandIn) -> None:
    access.prepare(with_address("10.83.0.12"), guest.folders)
    _code, message = configured.refused("Create", configured.create_request({**WEB, "address": ADDRESS}))
    access.prepare(ENVIRONMENT, guest.folders)
    assert "leads to 10.83.0.12" in message


# Delete


def test_deleting_ends_the_connection_and_leaves_the_engine_alone(configured: Gate, guest: StandIn) -> None:
    configured.create(WEB)
    assert guest.connected()
    before = facts(guest)
    configured.delete()
    assert not guest.connected()
    assert facts(guest) == before


def test_deleting_again_and_with_a_guest_that_is_gone_is_no_error(configured: Gate, guest: StandIn) -> None:
    configured.create(WEB)
    guest.stop()
    (guest.root / "node.xml").unlink()
    configured.delete()
    configured.delete()


# Secrets


def test_what_follows_from_a_secret_is_one(configured: Gate, guest: StandIn) -> None:
    _identity, outputs = configured.create({**WEB, "address": secret(ADDRESS)})
    assert outputs["host"] == secret(f"ssh://root@{ADDRESS}")
    assert outputs["sshOpts"][0] == "-F"
    configured.configure(hypervisor=guest.hypervisor, stateFolder=secret(str(guest.folders.root)))
    _identity, outputs = configured.create(WEB)
    config = str(guest.folders.environment("lab") / "ssh_config")
    assert (outputs["host"], outputs["sshOpts"]) == (f"ssh://root@{ADDRESS}", secret(["-F", config]))


def test_no_message_tells_a_secret(configured: Gate, guest: StandIn) -> None:
    guest.stop()
    guest.says(f"web login: my address is {ADDRESS}\n")
    given = {**WEB, "address": secret(ADDRESS), "readyTimeout": 6}
    _code, message = configured.refused("Create", configured.create_request(given))
    assert "SSH does not answer" in message
    assert ADDRESS not in message
    lines = [line for _urn, line, _ephemeral in configured.engine.lines]
    assert any("my address is" in line for line in lines)
    assert not [line for line in lines if ADDRESS in line]


def test_secrets_of_a_state_stay_secrets_through_a_refresh(configured: Gate, guest: StandIn) -> None:
    given = {**WEB, "address": secret(ADDRESS)}
    _identity, outputs = configured.create(given)
    assert configured.read(outputs, given) == ("lab/web", given, outputs)
    guest.stop()
    guest.power(OFF)
    _identity, inputs, state = configured.read(outputs, given)
    assert (inputs, state["host"]) == (given, outputs["host"])


# Many at once


def test_several_engines_are_waited_for_at_once(configured: Gate, guest: StandIn) -> None:
    guest.stop_engine()
    waiting = [in_background(lambda: configured.create(WEB)) for _ in range(8)]
    time.sleep(1)
    guest.start_engine()
    assert {future.result(timeout=20)[0] for future in waiting} == {"lab/web"}
