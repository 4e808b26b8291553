# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The resource :mod:`.object` as the provider has it: the core's layer of one object behind one connection."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, cast
from uuid import uuid4

from ansible_collections.strata.kvm_docker.plugins.module_utils.consent import refuse_lost_disks
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.environment import Environment
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker import rollout
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.applied_notes import AppliedNotes
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.engine import Engine
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.errors import engine_errors
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import ConsentError, StrataError
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest import image_store
from ansible_collections.strata.kvm_docker.plugins.module_utils.inputs import Inputs
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.domain import find_domain
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.guest import clear_guest
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.hypervisor import Hypervisor
from ansible_collections.strata.kvm_docker.plugins.module_utils.layers.layer import Item, Layer
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.drift import policy_of
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.model import Declared, Observed
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.planner import repair
from ansible_collections.strata.kvm_docker.plugins.module_utils.prepare import probed
from ansible_collections.strata.kvm_docker.plugins.module_utils.resources import (
    SETTINGS_KINDS,
    STORE_KINDS,
    effect,
    observed,
    plan,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.store.engine_layer import EngineLayer

from .. import provider_ids
from . import object as pure
from .failure import CancelledError
from .ground import Ground, Grounds
from .object import Aim
from .operation import Ending
from .option import Failure, Option, moved
from .properties import Properties
from .reading import Reading
from .resource import Difference, Operation, Output

#: The core leaves nothing half made, so what was begun has time to come to its end.
_GRACE = 20.0
#: What is done to a guest that ends in its boot.
_BOOTING = frozenset({"create", "replace", "start", "restart"})


class ObjectResource:
    """See :class:`~.resource.Resource`."""

    TYPE: ClassVar[str] = pure.TYPE
    ABOUT: ClassVar[str] = "One object of an environment, as its declaration has it."
    INPUTS: ClassVar[tuple[Option, ...]] = pure.INPUTS
    OUTPUTS: ClassVar[Mapping[str, Output]] = pure.OUTPUTS
    ECHOES: ClassVar[bool] = True
    ENDING: ClassVar[Ending] = Ending(grace=_GRACE, told="cancelled; the next update goes on from there.")

    def __init__(self, grounds: Grounds) -> None:
        self._grounds = grounds

    def check(self, given: Properties) -> list[Failure]:
        return pure.checked(given)

    def diff(
        self, before: Properties, state: Properties, given: Properties, operation: Operation
    ) -> dict[str, Difference]:
        """With what is there now, so that a preview tells what drifted; where that cannot be told, with the *state*."""
        if "kind" not in moved(pure.INPUTS, before, given):
            state = self._now(before, state, operation)
        return pure.diff(before, state, given)

    def awaited(self, given: Properties, state: Properties) -> Properties:
        return pure.awaited(given, state)

    def create(self, given: Properties, operation: Operation) -> tuple[str, Properties]:
        aim = pure.aim(given)
        return aim.id, self._brought(aim, given, Properties(), operation)

    def update(self, before: Properties, state: Properties, given: Properties, operation: Operation) -> Properties:
        return self._brought(pure.aim(given), given, state, operation)

    def read(
        self, identity: str, given: Properties, state: Properties, operation: Operation
    ) -> tuple[Properties, Properties] | None:
        if not given.known:
            raise pure.refuse_import()
        aim = pure.aim(given)
        provider_ids.forget(aim.environment, operation.site.folders, aim.key)
        try:
            outputs = self._seen(given, state, operation)
        except CancelledError:
            raise
        except StrataError as error:
            return given, pure.troubled(given, state, str(error))
        return (given, outputs) if outputs else None

    def _now(self, given: Properties, state: Properties, operation: Operation) -> Properties:
        try:
            return self._seen(given, state, operation) or pure.gone(given, state)
        except CancelledError:
            raise
        except StrataError:
            return state

    def _seen(self, given: Properties, state: Properties, operation: Operation) -> Properties | None:
        aim = pure.aim(given)
        ground = self._ground(aim, operation)
        with ground.hiding(operation):
            try:
                return _seen(ground, aim, given, state, operation)
            except StrataError:
                ground.lost(aim.key.guest)
                raise

    def delete(self, identity: str, before: Properties, operation: Operation) -> None:
        aim = pure.aim(before)
        ground = self._ground(aim, operation)
        with self._grounds.changing(ground, operation):
            try:
                if ground.there():
                    _remove(ground, aim, operation)
                provider_ids.forget(aim.environment, ground.folders, aim.key)
            finally:
                ground.forget(aim.key)

    def _ground(self, aim: Aim, operation: Operation) -> Ground:
        return self._grounds.of(operation.site, aim.declaration, aim.environment)

    def _brought(self, aim: Aim, given: Properties, state: Properties, operation: Operation) -> Properties:
        ground = self._ground(aim, operation)
        with self._grounds.changing(ground, operation):
            try:
                brought = _bring(ground, aim, given, state, operation)
                if given.text("providerId"):
                    provider_ids.keep(aim.environment, ground.folders, aim.key, given.text("providerId"))
                return brought
            except StrataError:
                ground.lost(aim.key.guest)
                operation.interrupt()  # what the core was interrupted by is no failure of the object
                raise
            finally:
                ground.forget(aim.key)


def _bring(ground: Ground, aim: Aim, given: Properties, state: Properties, operation: Operation) -> Properties:
    ground.prepare()
    read = ground.reading(lambda reading: _declared(reading, aim) is not None)
    item = _declared(read, aim)
    if item is None:
        raise StrataError(
            f"{aim.key}: the declaration has changed meanwhile: {aim.declaration} does not declare it as the program "
            "has read it. Run again."
        )
    connection = _connection(ground, aim, operation)
    layer = Layer(
        environment=read.environment,
        inputs=_inputs_to_make(read, aim),
        connection=connection,
        kinds=(aim.key.kind,),
        speaks_for=lambda other: other.key == aim.key,
        adopt=aim.adopt and not state.known,
        policy=policy_of(read.environment.drift),
        progress=operation.progress,
    )
    if not aim.replace_guests:
        _refuse_lost_disk(layer)
    if aim.key.kind == "docker_volume" and any(change.action == "replace" for change in layer.plan()):
        raise pure.refuse_move()
    done = {change.action for change in layer.converge()}
    made = uuid4().hex if not state.text("made") or done & {"create", "replace"} else state.text("made")
    former = uuid4().hex if done & _BOOTING else pure.boot(state)
    return pure.brought(given, item, _handle(ground, aim, connection, former), made)


def _declared(read: Reading, aim: Aim) -> Declared | None:
    """The object as the declaration has it; ``None`` where that is not what was given."""
    layer = Layer(environment=read.environment, inputs=_inputs(read, aim), connection=None, kinds=(aim.key.kind,))
    return next((item for item in layer.wanted() if item.key == aim.key and aim.is_of(item)), None)


def _inputs(read: Reading, aim: Aim) -> Inputs:
    """The accelerator is what the program has found: a probe before the images are there may tell otherwise."""
    inputs = read.inputs
    return replace(inputs, virt_type=str(aim.spec.get("virt_type", inputs.virt_type)))


def _inputs_to_make(read: Reading, aim: Aim) -> Inputs:
    """A layer is made on an accelerator that is no part of it, after its image: it is asked for only then."""
    inputs = _inputs(read, aim)
    if aim.key.kind != EngineLayer.kind:
        return inputs
    return replace(inputs, virt_type=probed(read.environment, inputs, read.folders).virt_type)


def _connection(ground: Ground, aim: Aim, operation: Operation) -> Hypervisor | Engine:
    return ground.engine(aim.key.guest, operation) if aim.key.guest else ground.hypervisor()


def _refuse_lost_disk(layer: Layer) -> None:
    if "disk" not in layer.kinds:
        return
    try:
        refuse_lost_disks(layer.plan())
    except ConsentError as error:
        raise StrataError(
            "it stands on another image, and would be made anew without all that is on it. Nothing was touched. "
            "Set replaceGuests to agree."
        ) from error


def _handle(ground: Ground, aim: Aim, connection: Hypervisor | Engine, boot: str) -> dict[str, str]:
    if aim.key.kind == "guest":
        return {"boot": boot or uuid4().hex}
    if aim.key.kind == "guest_image":
        stored = image_store.resolve(ground.folders, str(aim.spec["digest"]))
        return {"disk": str(stored.disk), "kernel": str(stored.kernel or ""), "digest": stored.digest} if stored else {}
    if aim.key.kind == "image" and isinstance(connection, Engine):
        with engine_errors(str(aim.key)):
            client = cast(Any, connection.client)  # its stubs leave this method untyped
            told: Mapping[str, Any] = client.inspect_image(aim.key.name)
        return {"id": told["Id"], "volumes": "\n".join(sorted(told["Config"].get("Volumes") or ()))}
    return {}


def _seen(ground: Ground, aim: Aim, given: Properties, state: Properties, operation: Operation) -> Properties | None:
    """What there is, compared with what was given last; ``None`` where it is gone."""
    if aim.key.guest and not ground.has_guest(aim.key.guest):
        return None
    connection = ground.engine_now(aim.key.guest, operation) if aim.key.guest else ground.hypervisor()
    found = [item for item in _found(ground, aim, connection) if item.key == aim.key and item.owned]
    if not found:
        return None
    made = plan([aim.declared], found, effect, policy=_policy(ground))
    return pure.seen(given, state, made, _handle(ground, aim, connection, pure.boot(state)))


def _found(ground: Ground, aim: Aim, connection: Hypervisor | Engine) -> list[Observed]:
    if aim.key.kind in STORE_KINDS:
        return list(observed((aim.key.kind,), connection, aim.environment, [_in_declaration(ground, aim)]))
    return ground.look(aim.key, connection)


def _in_declaration(ground: Ground, aim: Aim) -> Declared:
    """As the declaration has it, with its handle; where it cannot be read, or says something else by now, as given."""
    with suppress(StrataError):
        return _declared(ground.reading(), aim) or aim.declared
    return aim.declared


def _policy(ground: Ground) -> Any:
    """Where the declaration cannot be read (any more), all that drifted is told as such."""
    try:
        return policy_of(ground.reading().environment.drift)
    except StrataError:
        return repair


def _remove(ground: Ground, aim: Aim, operation: Operation) -> None:
    if aim.key.guest:
        _remove_from_engine(ground, aim, operation)
        return
    hypervisor = ground.hypervisor()
    _removal(aim, hypervisor, operation).converge()
    if aim.key.kind == "guest":
        if find_domain(hypervisor, aim.environment, aim.key.name) is None:  # else it is a stranger's
            clear_guest(hypervisor, aim.environment, aim.key.name)
        notes = AppliedNotes.of(aim.environment, ground.folders, aim.key.name)
        notes.drop(notes.noted())


def _remove_from_engine(ground: Ground, aim: Aim, operation: Operation) -> None:
    """An engine has its settings as long as it is there."""
    if aim.key.kind in SETTINGS_KINDS or not ground.has_guest(aim.key.guest):
        return
    engine = ground.engine(aim.key.guest, operation)
    if aim.key.kind == "container":  # its files are a resource of their own, which a new container needs again
        with engine_errors(str(aim.key)):
            rollout.delete(engine, aim.key.name, keep_files=True)
    else:
        _removal(aim, engine, operation).converge()


def _removal(aim: Aim, connection: Hypervisor | Engine, operation: Operation) -> Layer:
    """As of an environment that declares nothing; what is a stranger's by now is left alone."""

    def ours(item: Item) -> bool:
        return isinstance(item, Observed) and item.owned and item.key == aim.key

    return Layer(
        environment=Environment(name=aim.environment, folder=str(Path(aim.declaration).parent)),
        connection=connection,
        kinds=(aim.key.kind,),
        speaks_for=ours,
        remove_orphans=True,
        progress=operation.progress,
    )
