# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gate by its protocol, over gRPC: all that it answers without a guest."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from importlib.metadata import version
from typing import Any

import grpc
import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm import processes
from gate_client import PROGRAM, UNKNOWN, URN, Gate, plain, secret, struct
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import plugin_pb2
from pulumi.runtime.proto import provider_pb2 as proto

WEB = {"environment": "lab", "guest": "web", "address": "10.83.0.11"}
HAS = "strata:index:Access, strata:index:Engine, strata:index:Object, strata:index:ContainerFiles"
OUTPUTS = ("host", "sshOpts", "engineVersion", "apiVersion", "engineId", "problem")
KINDS = {name: proto.PropertyDiff.Kind.Value(name) for name in ("UPDATE", "UPDATE_REPLACE")}


@pytest.fixture
def gate(shared: Gate) -> Gate:
    shared.configure(stateFolder="/none")
    return shared


def kinds(answer: Any) -> dict[str, tuple[int, bool]]:
    return {path: (found.kind, found.inputDiff) for path, found in answer.detailedDiff.items()}


# The plugin


def test_it_tells_its_version(gate: Gate) -> None:
    assert gate.call("GetPluginInfo", Empty()).version == version("strata-kvm-docker")


def test_it_takes_secrets_whether_shaken_hands_with_or_configured(unconfigured: Gate) -> None:
    shaken = unconfigured.call("Handshake", proto.ProviderHandshakeRequest(engine_address="127.0.0.1:1"))
    assert (shaken.accept_secrets, shaken.accept_resources, shaken.accept_outputs) == (True, True, False)
    told = unconfigured.call("Configure", proto.ConfigureRequest())
    assert (told.acceptSecrets, told.acceptResources, told.acceptOutputs) == (True, True, False)
    assert told.supportsPreview


def test_it_can_be_attached_to_an_engine(unconfigured: Gate) -> None:
    assert unconfigured.call("Attach", plugin_pb2.PluginAttach(address="127.0.0.1:1")) == Empty()


def test_its_schema_has_what_check_takes_and_create_gives(gate: Gate) -> None:
    schema = json.loads(gate.call("GetSchema", proto.GetSchemaRequest()).schema)
    engine = schema["resources"]["strata:index:Engine"]
    assert schema["version"] == version("strata-kvm-docker")
    assert set(engine["inputProperties"]) == {*WEB, "domainId", "boot", "readyTimeout"}
    assert set(engine["requiredInputs"]) == set(WEB)
    assert set(engine["properties"]) == set(engine["required"]) == set(OUTPUTS)
    assert set(schema["config"]["variables"]) == {"hypervisor", "stateFolder"}
    assert all(found["description"] for part in ("inputProperties", "properties") for found in engine[part].values())


@pytest.mark.parametrize(
    ("method", "request_"),
    [
        ("Invoke", proto.InvokeRequest(tok="strata:index:find")),
        ("Call", proto.CallRequest(tok="strata:index:Engine/ask")),
        ("Construct", proto.ConstructRequest(type="strata:index:Guest")),
        ("Parameterize", proto.ParameterizeRequest()),
        ("GetMapping", proto.GetMappingRequest(key="terraform")),
        ("GetMappings", proto.GetMappingsRequest(key="terraform")),
    ],
)
def test_what_it_does_not_have_is_told_in_a_sentence(gate: Gate, method: str, request_: Any) -> None:
    code, message = gate.refused(method, request_)
    assert code == grpc.StatusCode.UNIMPLEMENTED
    assert message == f"strata has nothing that answers a {type(request_).__name__}."


@pytest.mark.parametrize(
    ("method", "kind"),
    [
        ("Check", proto.CheckRequest),
        ("Diff", proto.DiffRequest),
        ("Create", proto.CreateRequest),
        ("Read", proto.ReadRequest),
        ("Update", proto.UpdateRequest),
        ("Delete", proto.DeleteRequest),
    ],
)
def test_another_resource_is_told_by_its_name(gate: Gate, method: str, kind: Any) -> None:
    code, message = gate.refused(method, kind(urn="urn:pulumi:dev::shop::a:b:C$strata:index:Guest::web"))
    assert code == grpc.StatusCode.UNIMPLEMENTED
    assert message == f"strata has no resource strata:index:Guest; it has {HAS}."


def test_an_engine_of_a_component_is_an_engine(gate: Gate) -> None:
    assert gate.check(WEB, urn="urn:pulumi:dev::shop::shop:index:Guest$strata:index:Engine::web") == {}


def test_it_ends_at_a_signal_without_a_word(unconfigured: Gate) -> None:
    unconfigured.process.send_signal(signal.SIGINT)
    assert unconfigured.process.wait(timeout=5) == 0


def test_it_ends_when_the_one_that_started_it_was_killed() -> None:
    """The shell stands for Pulumi; it prints the id of the gate."""
    script = f'{PROGRAM} 127.0.0.1:1 & echo "pid $!"; wait'
    with subprocess.Popen(["sh", "-c", script], stdout=subprocess.PIPE, text=True) as pulumi:
        assert pulumi.stdout
        lines = [pulumi.stdout.readline() for _ in range(2)]
        pid = next(int(line.split()[1]) for line in lines if line.startswith("pid"))
        gate = processes.find(pid)
        assert gate
        pulumi.kill()
        until = time.monotonic() + 5
        while gate.alive():
            assert time.monotonic() < until
            time.sleep(0.1)


# Its configuration


def test_a_right_configuration_is_taken_as_it_is(gate: Gate) -> None:
    given = {"hypervisor": "qemu:///system", "stateFolder": secret("/srv/strata"), "version": "0.1.0"}
    assert gate.check(given, "CheckConfig") == {}


def test_a_wrong_configuration_is_told_by_path(gate: Gate) -> None:
    found = gate.check({"hypervisor": "kvm", "stateFolder": "strata", "hypervisr": "auto"}, "CheckConfig")
    assert found == {
        "hypervisor": "it must be auto, embedded or a URI of libvirt; it is 'kvm'",
        "stateFolder": "it must be an absolute path; it is 'strata'",
        "hypervisr": "unknown key 'hypervisr'; did you mean 'hypervisor'?",
    }


def test_another_configuration_replaces_nothing(gate: Gate) -> None:
    request = proto.DiffRequest(
        old_inputs=struct({"hypervisor": "auto"}), news=struct({"hypervisor": "embedded", "stateFolder": "/srv"})
    )
    answer = gate.call("DiffConfig", request)
    assert answer.changes == proto.DiffResponse.DIFF_SOME
    assert set(answer.diffs) == {"hypervisor", "stateFolder"}
    assert not answer.replaces
    assert kinds(answer) == {"hypervisor": (KINDS["UPDATE"], True), "stateFolder": (KINDS["UPDATE"], True)}


def test_the_same_configuration_differs_in_nothing(gate: Gate) -> None:
    request = proto.DiffRequest(old_inputs=struct({"hypervisor": "auto"}), news=struct({"hypervisor": "auto"}))
    assert gate.call("DiffConfig", request).changes == proto.DiffResponse.DIFF_NONE


def test_an_engine_whose_guest_was_started_is_awaited_once_more_and_stays_what_it_is(gate: Gate) -> None:
    before, given = {**WEB, "boot": "one"}, {**WEB, "boot": "two"}
    state = {"host": "ssh://root@10.83.0.11", "sshOpts": [], "engineId": "E", "apiVersion": "1.45", "problem": ""}
    answer = gate.diff(before, given, state)
    assert kinds(answer)["boot"] == (KINDS["UPDATE"], True)
    assert not answer.replaces
    request = proto.UpdateRequest(
        id="lab/web", urn=URN, old_inputs=struct(before), olds=struct(state), news=struct(given), preview=True
    )
    assert plain(gate.call("Update", request).properties) == state


# Check


def test_right_inputs_are_taken_as_they_are(gate: Gate) -> None:
    assert gate.check({**WEB, "domainId": "0f", "readyTimeout": 90}) == {}


def test_what_a_preview_does_not_know_is_right(gate: Gate) -> None:
    assert gate.check({**WEB, "address": UNKNOWN, "domainId": secret(UNKNOWN)}) == {}


def test_unknown_properties_are_told_with_what_was_meant(gate: Gate) -> None:
    found = gate.check({**WEB, "adress": "10.83.0.11", "a.b": 1})
    assert found["adress"] == "unknown key 'adress'; did you mean 'address'?"
    assert set(found) == {"adress", '["a.b"]'}


def test_missing_properties_are_told_with_what_they_are(gate: Gate) -> None:
    found = gate.check({"guest": "web", "address": None})
    assert found["environment"] == "it is required: Name of the environment that the guest is of."
    assert set(found) == {"environment", "address"}


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("environment", ["lab"], "it must be text; it is a list"),
        ("environment", "Lab", "it must be a name: lower-case letters"),
        ("guest", {"name": "web"}, "it must be text; it is a mapping"),
        ("guest", "../web", "it must be a name: lower-case letters"),
        ("address", 10.5, "it must be text; it is 10.5"),
        ("address", "10.83.0.300", "it must be an IPv4 address; it is '10.83.0.300'"),
        ("domainId", True, "it must be text; it is true"),
        ("readyTimeout", "300", "it must be a number; it is '300'"),
        ("readyTimeout", False, "it must be a number; it is false"),
        ("readyTimeout", 0, "it must be a number of seconds greater than 0; it is 0"),
    ],
)
def test_wrong_values_are_told_by_path(gate: Gate, name: str, value: Any, reason: str) -> None:
    found = gate.check({**WEB, name: value})
    assert set(found) == {name}
    assert found[name].startswith(reason)


def test_all_that_is_wrong_is_told_at_once(gate: Gate) -> None:
    assert set(gate.check({"environment": 1, "address": "here", "guests": []})) == {
        "environment",
        "guest",
        "address",
        "guests",
    }


def test_a_wrong_secret_is_told_without_it(gate: Gate) -> None:
    assert gate.check({**WEB, "address": secret("hunter2")}) == {
        "address": "it must be an IPv4 address; it is a secret"
    }


def test_names_cannot_be_secrets_as_the_id_shows_them(gate: Gate) -> None:
    assert gate.check({**WEB, "guest": secret("web")}) == {
        "guest": "it cannot be a secret: it is a part of the resource's id, which Pulumi shows"
    }


# Diff


@pytest.mark.parametrize("change", [{"environment": "other"}, {"guest": "apps"}, {"domainId": "new"}])
def test_another_guest_replaces_the_engine_the_old_one_first(gate: Gate, change: dict[str, str]) -> None:
    (name,) = change
    answer = gate.diff({**WEB, "domainId": "old"}, {**WEB, "domainId": "old", **change})
    assert answer.changes == proto.DiffResponse.DIFF_SOME
    assert (list(answer.replaces), list(answer.diffs)) == ([name], [name])
    assert answer.deleteBeforeReplace
    assert answer.hasDetailedDiff
    assert kinds(answer) == {name: (KINDS["UPDATE_REPLACE"], True)}


def test_a_domain_that_is_about_to_be_replaced_replaces_the_engine(gate: Gate) -> None:
    answer = gate.diff({**WEB, "domainId": "old"}, {**WEB, "domainId": UNKNOWN})
    assert list(answer.replaces) == ["domainId"]


def test_another_address_updates_the_engine(gate: Gate) -> None:
    answer = gate.diff(WEB, {**WEB, "address": "10.83.0.12"})
    assert kinds(answer) == {"address": (KINDS["UPDATE"], True)}
    assert not answer.replaces
    assert not answer.deleteBeforeReplace


@pytest.mark.parametrize("change", [{}, {"readyTimeout": 5}, {"domainId": "first"}])
def test_what_changes_nothing_is_no_difference(gate: Gate, change: dict[str, Any]) -> None:
    answer = gate.diff(WEB, {**WEB, **change})
    assert (answer.changes, list(answer.diffs)) == (proto.DiffResponse.DIFF_NONE, [])


def test_a_trigger_that_is_taken_away_is_no_difference(gate: Gate) -> None:
    assert gate.diff({**WEB, "domainId": "old"}, WEB).changes == proto.DiffResponse.DIFF_NONE


def test_a_secret_that_stays_the_same_is_no_difference(gate: Gate) -> None:
    given = {**WEB, "address": secret("10.83.0.11")}
    assert gate.diff(given, given).changes == proto.DiffResponse.DIFF_NONE


def test_a_value_that_becomes_a_secret_updates_what_follows_from_it(gate: Gate) -> None:
    assert kinds(gate.diff(WEB, {**WEB, "address": secret("10.83.0.11")})) == {"address": (KINDS["UPDATE"], True)}


def test_a_problem_that_a_refresh_found_updates_the_engine(gate: Gate) -> None:
    answer = gate.diff(WEB, WEB, {"problem": "guest web: it has powered off"})
    assert kinds(answer) == {"problem": (KINDS["UPDATE"], False)}
    assert not answer.replaces


def test_another_state_folder_updates_what_leads_to_the_engine(gate: Gate) -> None:
    state = {"host": "ssh://root@10.83.0.11", "sshOpts": ["-F", "/elsewhere/environments/lab/ssh_config"]}
    assert kinds(gate.diff(WEB, WEB, state)) == {"sshOpts": (KINDS["UPDATE"], False)}


# Previews


def test_a_preview_waits_for_nobody_and_knows_nothing(gate: Gate) -> None:
    began = time.monotonic()
    identity, outputs = gate.create({**WEB, "address": UNKNOWN}, preview=True)
    assert (identity, outputs) == ("", dict.fromkeys(OUTPUTS, UNKNOWN))
    updated = gate.call("Update", proto.UpdateRequest(id="lab/web", urn=URN, news=struct(WEB), preview=True))
    assert plain(updated.properties) == outputs
    assert time.monotonic() - began < 2


# Where nothing is


def test_an_id_that_is_none_is_told_with_what_one_is(gate: Gate) -> None:
    code, message = gate.refused("Read", proto.ReadRequest(id="web", urn=URN))
    assert code == grpc.StatusCode.FAILED_PRECONDITION
    assert message == "'web' is no id of an engine; write ENVIRONMENT/GUEST, e.g. two_hosts/web."


def test_an_engine_of_an_environment_that_is_gone_is_gone(gate: Gate) -> None:
    assert gate.read({"host": "ssh://root@10.83.0.11"}, WEB) == ("", {}, {})


def test_an_engine_is_deleted_where_its_environment_is_gone(gate: Gate) -> None:
    gate.delete()


def test_after_cancelling_nothing_is_begun(unconfigured: Gate) -> None:
    unconfigured.call("Cancel", Empty())
    code, message = unconfigured.refused("Create", unconfigured.create_request(WEB))
    assert (code, message) == (grpc.StatusCode.CANCELLED, "cancelled; nothing was changed.")
