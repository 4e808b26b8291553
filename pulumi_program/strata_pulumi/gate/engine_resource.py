# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The resource :mod:`.engine` as the provider has it: waits when it is made, and looks when it is read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import EngineError, GuestError

from . import engine, wait
from .engine import Facts
from .operation import Ending
from .option import Failure, Option, check
from .properties import Properties
from .resource import Difference, Operation, Output


class EngineResource:
    """Creating one makes nothing on the guest; see :class:`~.resource.Resource`."""

    TYPE: ClassVar[str] = engine.TYPE
    ABOUT: ClassVar[str] = "The Docker engine of a guest, which is there once it answers by SSH."
    INPUTS: ClassVar[tuple[Option, ...]] = engine.INPUTS
    OUTPUTS: ClassVar[Mapping[str, Output]] = engine.OUTPUTS
    ECHOES: ClassVar[bool] = False
    ENDING: ClassVar[Ending] = Ending()

    def check(self, given: Properties) -> list[Failure]:
        return check(engine.INPUTS, given)

    def diff(
        self, before: Properties, state: Properties, given: Properties, operation: Operation
    ) -> dict[str, Difference]:
        return engine.diff(before, state, given, operation.site)

    def awaited(self, given: Properties, state: Properties) -> Properties:
        return engine.awaited(state)

    def create(self, given: Properties, operation: Operation) -> tuple[str, Properties]:
        return engine.place_of(given).id, engine.outputs(given, _waited_for(given, operation), operation.site)

    def update(self, before: Properties, state: Properties, given: Properties, operation: Operation) -> Properties:
        return engine.outputs(given, _waited_for(given, operation), operation.site)

    def read(
        self, identity: str, given: Properties, state: Properties, operation: Operation
    ) -> tuple[Properties, Properties] | None:
        place = engine.parse(identity)
        try:
            facts = wait.look(place, operation.site, operation.interrupt)
        except (GuestError, EngineError) as error:
            if not given.known:
                raise
            return given, engine.troubled(state, str(error))
        if facts is None:
            return None
        inputs = given if given.known else engine.imported(place, wait.address_of(place, operation.site))
        return inputs, engine.outputs(inputs, facts, operation.site)

    def delete(self, identity: str, before: Properties, operation: Operation) -> None:
        wait.let_go(engine.parse(identity), operation.site)


def _waited_for(given: Properties, operation: Operation) -> Facts:
    seconds, place = engine.timeout(given, operation.timeout), engine.place_of(given)
    return wait.wait(place, given.text("address"), operation.site, seconds, operation.interrupt, operation.progress)
