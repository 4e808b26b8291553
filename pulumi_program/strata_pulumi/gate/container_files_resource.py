# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The resource :mod:`.container_files` as the provider has it: the core's file mounts, by the guest's shell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.replicas import Replica, replicas
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker import file_mounts
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.file_mounts import MISSING
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import StrataError
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.secrets import Seal

from . import container_files as pure
from .container_files import Aim
from .failure import CancelledError
from .ground import Ground, Grounds
from .operation import Ending
from .option import Failure, Option
from .properties import Properties
from .reading import Reading
from .resource import Difference, Operation, Output


class ContainerFilesResource:
    """See :class:`~.resource.Resource`."""

    TYPE: ClassVar[str] = pure.TYPE
    ABOUT: ClassVar[str] = "The secrets and configs of a container, as files on its guest."
    INPUTS: ClassVar[tuple[Option, ...]] = pure.INPUTS
    OUTPUTS: ClassVar[Mapping[str, Output]] = pure.OUTPUTS
    ECHOES: ClassVar[bool] = True
    ENDING: ClassVar[Ending] = Ending(grace=5.0, told="cancelled; the next update goes on from there.")

    def __init__(self, grounds: Grounds) -> None:
        self._grounds = grounds

    def check(self, given: Properties) -> list[Failure]:
        return pure.checked(given)

    def diff(
        self, before: Properties, state: Properties, given: Properties, operation: Operation
    ) -> dict[str, Difference]:
        """With what is there now, so that a preview tells what somebody edited; where that cannot be told, with the
        *state*."""
        found = self.read("", before, state, operation)
        if found is None:
            state = pure.written(before, dict.fromkeys(pure.aim(before).files, MISSING))
        elif not found[1].text("problem"):
            state = found[1]
        return pure.diff(before, state, given)

    def awaited(self, given: Properties, state: Properties) -> Properties:
        return pure.written(given, {})

    def create(self, given: Properties, operation: Operation) -> tuple[str, Properties]:
        return pure.aim(given).id, self._written(given, operation, frozenset())

    def update(self, before: Properties, state: Properties, given: Properties, operation: Operation) -> Properties:
        """The container that runs has the former files until it is replaced; those before them are of no use."""
        return self._written(given, operation, pure.aim(before).files)

    def read(
        self, identity: str, given: Properties, state: Properties, operation: Operation
    ) -> tuple[Properties, Properties] | None:
        if not given.known:
            raise StrataError("files of a container cannot be imported by their id; declare them in the program.")
        aim = pure.aim(given)
        ground = self._ground(aim, operation)
        try:
            with ground.hiding(operation):
                edited = _edited(ground, aim, operation) if ground.has_guest(aim.guest) else None
        except CancelledError:
            raise
        except StrataError as error:
            ground.lost(aim.guest)
            return given, pure.troubled(given, state, str(error))
        return None if edited is None else (given, pure.written(given, edited))

    def delete(self, identity: str, before: Properties, operation: Operation) -> None:
        aim = pure.aim(before)
        ground = self._ground(aim, operation)
        with self._grounds.changing(ground, operation):
            if ground.there() and ground.has_guest(aim.guest):
                file_mounts.clear(ground.shell(aim.guest, operation), aim.folder)
            ground.forget(aim.key)

    def _ground(self, aim: Aim, operation: Operation) -> Ground:
        return self._grounds.of(operation.site, aim.declaration, aim.environment)

    def _written(self, given: Properties, operation: Operation, former: frozenset[str]) -> Properties:
        aim = pure.aim(given)
        ground = self._ground(aim, operation)
        with self._grounds.changing(ground, operation):
            ground.prepare()
            read = ground.reading(lambda reading: _replica(reading, aim) is not None)
            replica = _replica(read, aim)
            if replica is None:
                raise StrataError(
                    f"container {aim.guest}/{aim.name}: the declaration has changed meanwhile: {aim.declaration} does "
                    "not declare its files as the program has read them. Run again."
                )
            shell = ground.shell(aim.guest, operation)
            file_mounts.repair(shell, replica, read.inputs.seal)
            file_mounts.clear(shell, aim.folder, aim.files | former)
            ground.forget(aim.key)
        return pure.written(given, {})


def _replica(read: Reading, aim: Aim) -> Replica | None:
    """The container as the declaration has it; ``None`` where its files are not those that were given."""
    declared = _declared(read, aim)
    return declared if declared and _paths(declared, read.inputs.seal) == aim.files else None


def _declared(read: Reading, aim: Aim) -> Replica | None:
    guest = read.environment.guests.get(aim.guest)
    return replicas(guest.compose).get(aim.name) if guest else None


def _paths(replica: Replica, seal: Seal) -> frozenset[str]:
    return frozenset(file.path for file in file_mounts.file_mounts(replica, seal))


def _edited(ground: Ground, aim: Aim, operation: Operation) -> Mapping[str, str] | None:
    """State of the files that are not as they were written; ``None`` where none of them is there. Of one that is not
    declared as it was given any more nothing can be told."""
    if _declared(ground.reading(), aim) is None:
        return {}
    found = ground.files(aim.guest, operation)
    edited = {path: state for path, state in found.states.items() if path in aim.files}
    return None if edited.keys() == aim.files and set(edited.values()) == {MISSING} else edited
