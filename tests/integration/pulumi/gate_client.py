# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Pulumi is to the gate: starts the console script, reads its port, and speaks the protocol by its own stubs."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.empty_pb2 import Empty
from google.protobuf.json_format import MessageToDict
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime import rpc
from pulumi.runtime.proto import engine_pb2_grpc, provider_pb2_grpc
from pulumi.runtime.proto import provider_pb2 as proto

PROGRAM = Path(sys.executable).with_name("pulumi-resource-strata")
URN = "urn:pulumi:dev::shop::strata:index:Engine::web"
UNKNOWN = rpc.UNKNOWN


def secret(value: Any) -> Any:
    """*value* as Pulumi sends a secret."""
    return rpc.wrap_rpc_secret(value)


def struct(values: Mapping[str, Any]) -> Struct:
    made = Struct()
    made.update(dict(values))
    return made


def plain(struct: Struct) -> dict[str, Any]:
    return MessageToDict(struct)


class PulumiEngine(engine_pb2_grpc.EngineServicer):
    """The side that a provider logs to."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str, bool]] = []

    def Log(self, request: Any, context: Any) -> Empty:
        self.lines.append((request.urn, request.message, request.ephemeral))
        return Empty()


@dataclass(kw_only=True)
class Gate:
    """A running gate. ``problems``: every message of an error that it has answered with. ``urn``: of the resource that
    calls are about."""

    process: subprocess.Popen[str]
    stub: Any
    engine: PulumiEngine
    urn: str = URN
    problems: list[str] = field(default_factory=list)

    def call(self, method: str, request: Any, timeout: float = 60.0) -> Any:
        try:
            return getattr(self.stub, method)(request, timeout=timeout)
        except grpc.RpcError as error:
            self.problems.append(error.details())
            raise

    def refused(self, method: str, request: Any) -> tuple[grpc.StatusCode, str]:
        """Status and message of an error."""
        try:
            answer = self.call(method, request)
        except grpc.RpcError as error:
            return error.code(), error.details()
        raise AssertionError(f"{method} was answered: {answer}")

    def configure(self, **values: Any) -> None:
        self.call("Configure", proto.ConfigureRequest(args=struct(values), acceptSecrets=True, acceptResources=True))

    def check(self, values: Mapping[str, Any], method: str = "Check", urn: str = "") -> dict[str, str]:
        """Reasons why *values* cannot be used, by path."""
        answer = self.call(method, proto.CheckRequest(urn=urn or self.urn, news=struct(values)))
        assert plain(answer.inputs) == dict(values)
        return {failure.property: failure.reason for failure in answer.failures}

    def diff(self, before: Mapping[str, Any], given: Mapping[str, Any], state: Mapping[str, Any] | None = None) -> Any:
        return self.call(
            "Diff",
            proto.DiffRequest(
                id="lab/web", urn=self.urn, old_inputs=struct(before), olds=struct(state or {}), news=struct(given)
            ),
        )

    def create(self, values: Mapping[str, Any], **more: Any) -> tuple[str, dict[str, Any]]:
        """Id and outputs."""
        answer = self.call("Create", self.create_request(values, **more))
        return answer.id, plain(answer.properties)

    def create_request(self, values: Mapping[str, Any], **more: Any) -> Any:
        return proto.CreateRequest(urn=self.urn, properties=struct(values), **more)

    def read(
        self, state: Mapping[str, Any], inputs: Mapping[str, Any], identity: str = "lab/web"
    ) -> tuple[str, dict[str, Any], dict[str, Any]]:
        """Id, inputs and outputs as they are."""
        request = proto.ReadRequest(id=identity, urn=self.urn, properties=struct(state), inputs=struct(inputs))
        answer = self.call("Read", request)
        return answer.id, plain(answer.inputs), plain(answer.properties)

    def update(
        self, before: Mapping[str, Any], given: Mapping[str, Any], state: Mapping[str, Any] | None = None, **more: Any
    ) -> dict[str, Any]:
        """Outputs."""
        request = proto.UpdateRequest(
            urn=self.urn, old_inputs=struct(before), olds=struct(state or {}), news=struct(given), **more
        )
        return plain(self.call("Update", request).properties)

    def delete(self, identity: str = "lab/web", before: Mapping[str, Any] | None = None) -> None:
        """*before*: its inputs."""
        self.call("Delete", proto.DeleteRequest(id=identity, urn=self.urn, old_inputs=struct(before or {})))

    def about(self, urn: str) -> Gate:
        """The same gate, asked about another resource."""
        return replace(self, urn=urn)


@contextmanager
def running(environment: Mapping[str, str]) -> Iterator[Gate]:
    """A gate; at its end it was told to end, did, and has told nobody a traceback."""
    engine = PulumiEngine()
    server = grpc.server(ThreadPoolExecutor(2))
    engine_pb2_grpc.add_EngineServicer_to_server(engine, server)
    address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    process = subprocess.Popen(
        [PROGRAM, address], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(environment)
    )
    said: list[str] = []
    reader = threading.Thread(target=lambda: said.extend(process.stderr or ()))
    reader.start()
    try:
        assert process.stdout
        port = int(process.stdout.readline())
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            made = Gate(process=process, stub=provider_pb2_grpc.ResourceProviderStub(channel), engine=engine)
            yield made
        process.terminate()
        assert process.wait(timeout=10) == 0
    finally:
        process.kill()
        process.wait()
        reader.join()
        if process.stdout:
            process.stdout.close()
        if process.stderr:
            process.stderr.close()
        server.stop(None)
    assert not said, said
    assert not [problem for problem in made.problems if "Traceback" in problem or 'File "' in problem]
