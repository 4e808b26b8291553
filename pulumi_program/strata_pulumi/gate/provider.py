# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pulumi's protocol of a provider (``pulumirpc.ResourceProvider``) for all resources that there are here.

It stands on the protocol itself and not on ``pulumi.provider.experimental``: that one answers every error with a
traceback and the status UNKNOWN, has no Handshake, takes what is unknown in a preview for a text, and sends a wrong
type in DiffConfig; nearly every method would be overridden.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol, TypeVar

from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import StrataError, os_errors
from ansible_collections.strata.kvm_docker.plugins.module_utils.masking import Masker
from ansible_collections.strata.kvm_docker.plugins.module_utils.progress import Event, Progress
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message
from pulumi.runtime.proto import plugin_pb2, provider_pb2_grpc
from pulumi.runtime.proto import provider_pb2 as proto

from . import option, site
from .failure import Context, UnknownKindError, answered
from .log import Log
from .operation import Interrupt, Operations
from .option import Failure
from .properties import Properties, read, write
from .resource import Difference, Operation, Resource
from .resources import RESOURCES
from .schema import schema

Result = TypeVar("Result")


class _OfResource(Protocol):
    """What every request about a resource has; most have a ``timeout`` in seconds, too."""

    urn: str


@answered
async def _absent(_provider: Provider, request: Message, _context: Context) -> Message:
    raise UnknownKindError(f"strata has nothing that answers a {type(request).__name__}.")


#: Untyped, as each method has another type.
_ABSENT: Any = _absent


class Provider(provider_pb2_grpc.ResourceProviderServicer):
    """Answers Pulumi; blocking work is done in :class:`Operations`."""

    def __init__(self, version: str, log: Log) -> None:
        self._version = version
        self._log = log
        self._site = site.site(Properties())
        self.operations = Operations()

    # The plugin itself

    @answered
    async def Handshake(
        self, request: proto.ProviderHandshakeRequest, context: Context
    ) -> proto.ProviderHandshakeResponse:
        self._log.address = request.engine_address
        return proto.ProviderHandshakeResponse(accept_secrets=True, accept_resources=True)

    @answered
    async def Attach(self, request: plugin_pb2.PluginAttach, context: Context) -> Empty:
        self._log.address = request.address
        return Empty()

    @answered
    async def GetPluginInfo(self, request: Empty, context: Context) -> plugin_pb2.PluginInfo:
        return plugin_pb2.PluginInfo(version=self._version)

    @answered
    async def GetSchema(self, request: proto.GetSchemaRequest, context: Context) -> proto.GetSchemaResponse:
        return proto.GetSchemaResponse(schema=schema(self._version))

    @answered
    async def Cancel(self, request: Empty, context: Context) -> Empty:
        self.operations.cancel()
        return Empty()

    Parameterize = Invoke = Call = Construct = List = GetMapping = GetMappings = _ABSENT

    # Its configuration

    @answered
    async def CheckConfig(self, request: proto.CheckRequest, context: Context) -> proto.CheckResponse:
        failures = option.check(site.OPTIONS, read(request.news), of_provider=True)
        return _checked(request, failures)

    @answered
    async def DiffConfig(self, request: proto.DiffRequest, context: Context) -> proto.DiffResponse:
        """No change of it makes an engine another one: each resource tells by itself what it means for it."""
        before, given = read(request.old_inputs), read(request.news)
        names = [item.name for item in site.OPTIONS]
        return _difference({name: Difference() for name in names if not before.same(given, name)})

    @answered
    async def Configure(self, request: proto.ConfigureRequest, context: Context) -> proto.ConfigureResponse:
        self._site = site.site(read(request.args))
        return proto.ConfigureResponse(acceptSecrets=True, acceptResources=True, supportsPreview=True)

    # Its resources

    @answered
    async def Check(self, request: proto.CheckRequest, context: Context) -> proto.CheckResponse:
        return _checked(request, self._of(request).check(read(request.news)))

    @answered
    async def Diff(self, request: proto.DiffRequest, context: Context) -> proto.DiffResponse:
        resource, before, state, given = (
            self._of(request),
            read(request.old_inputs),
            read(request.olds),
            read(request.news),
        )
        found = await self._run(request, given, lambda operation: resource.diff(before, state, given, operation))
        return _difference(found)

    @answered
    async def Create(self, request: proto.CreateRequest, context: Context) -> proto.CreateResponse:
        resource, given = self._of(request), read(request.properties)
        if request.preview:
            return proto.CreateResponse(properties=write(resource.awaited(given, Properties())))
        identity, outputs = await self._run(request, given, lambda operation: resource.create(given, operation))
        return proto.CreateResponse(id=identity, properties=write(outputs))

    @answered
    async def Update(self, request: proto.UpdateRequest, context: Context) -> proto.UpdateResponse:
        resource, state, given = self._of(request), read(request.olds), read(request.news)
        if request.preview:
            return proto.UpdateResponse(properties=write(resource.awaited(given, state)))
        before = read(request.old_inputs)
        outputs = await self._run(request, given, lambda operation: resource.update(before, state, given, operation))
        return proto.UpdateResponse(properties=write(outputs))

    @answered
    async def Read(self, request: proto.ReadRequest, context: Context) -> proto.ReadResponse:
        resource, given, state = self._of(request), read(request.inputs), read(request.properties)
        found = await self._run(request, given, lambda operation: resource.read(request.id, given, state, operation))
        if found is None:
            return proto.ReadResponse()
        inputs, outputs = found
        return proto.ReadResponse(id=request.id, inputs=write(inputs), properties=write(outputs))

    @answered
    async def Delete(self, request: proto.DeleteRequest, context: Context) -> Empty:
        kept = request.old_inputs if request.HasField("old_inputs") else request.properties
        resource, before = self._of(request), read(kept)
        await self._run(request, before, lambda operation: resource.delete(request.id, before, operation))
        return Empty()

    def _of(self, request: _OfResource) -> Resource:
        """A URN is ``urn:pulumi:STACK::PROJECT::PARENT$...$TYPE::NAME``."""
        kind = request.urn.split("::")[2].rpartition("$")[2] if request.urn.count("::") >= 3 else request.urn
        if kind not in RESOURCES:
            raise UnknownKindError(f"strata has no resource {kind}; it has {', '.join(RESOURCES)}.")
        return RESOURCES[kind]

    async def _run(self, request: _OfResource, given: Properties, work: Callable[[Operation], Result]) -> Result:
        """What *work* returns; neither progress nor its errors tell a secret of *given*."""
        secrets = (*given.secrets(), *self._site.secrets)
        mask, tell = Masker(secrets), self._log.beside(request.urn)
        timeout = float(getattr(request, "timeout", 0.0))

        def called(interrupt: Interrupt) -> Result:
            progress = Progress(lambda event: _told(event, tell, interrupt))
            progress.mask = mask
            with os_errors():
                return work(
                    Operation(site=self._site, interrupt=interrupt, progress=progress, timeout=timeout, secrets=secrets)
                )

        try:
            return await self.operations.run(called, self._of(request).ENDING)
        except StrataError as error:
            error.mask(mask)
            raise


def _told(event: Event, tell: Callable[[Event], None], interrupt: Interrupt) -> None:
    """Whatever tells that it goes on can be interrupted then; what has ended has ended."""
    if event.status in ("start", "progress"):
        interrupt()
        if event.message:
            tell(event)


def _checked(request: proto.CheckRequest, failures: Iterable[Failure]) -> proto.CheckResponse:
    """The inputs stay as they are given: defaults are filled in where they are used."""
    found = [proto.CheckFailure(property=failure.path, reason=failure.reason) for failure in failures]
    return proto.CheckResponse(inputs=request.news, failures=found)


def _difference(found: dict[str, Difference]) -> proto.DiffResponse:
    """What is replaced goes first: both would share one connection."""
    replaces = [name for name, difference in found.items() if difference.replaces]
    return proto.DiffResponse(
        changes=proto.DiffResponse.DIFF_SOME if found else proto.DiffResponse.DIFF_NONE,
        diffs=list(found),
        replaces=replaces,
        deleteBeforeReplace=bool(replaces),
        detailedDiff={name: _detail(difference) for name, difference in found.items()},
        hasDetailedDiff=True,
    )


def _detail(difference: Difference) -> proto.PropertyDiff:
    kind = proto.PropertyDiff.UPDATE_REPLACE if difference.replaces else proto.PropertyDiff.UPDATE
    return proto.PropertyDiff(kind=kind, inputDiff=difference.of_input)
