# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The resource ``strata:index:Access``: the keys and the SSH configuration that lead to an environment's guests.

All else of an environment depends on it, so it is the last to go, and nothing of the environment is left then.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from typing import ClassVar
from uuid import uuid4

from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import StrataError
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest import access
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest.files import write_whole

from .. import provider_ids, provider_mark
from .ground import Ground, Grounds
from .operation import Ending
from .option import Failure, Option, check, declaration, moved, part_of_id
from .properties import Properties
from .resource import Difference, Operation, Output


class AccessResource:
    """See :class:`~.resource.Resource`."""

    TYPE: ClassVar[str] = "strata:index:Access"
    ABOUT: ClassVar[str] = "The keys and the SSH configuration that lead to an environment's guests."
    INPUTS: ClassVar[tuple[Option, ...]] = (
        declaration("Absolute path of the declaration."),
        part_of_id("environment", "Name of the environment."),
        Option(
            name="marked",
            type="boolean",
            effect="nothing",
            about="Whether there are containers with the mark that was drawn last: another stack knows them.",
        ),
    )
    OUTPUTS: ClassVar[Mapping[str, Output]] = {
        "sshConfig": Output(about="Path of the configuration for `ssh -F`; guests are hosts of their name."),
        "mark": Output(about="What tells the containers of this stack from those of one that is forgotten."),
    }
    ECHOES: ClassVar[bool] = True
    ENDING: ClassVar[Ending] = Ending(grace=5.0, told="cancelled; the next update goes on from there.")

    def __init__(self, grounds: Grounds) -> None:
        self._grounds = grounds

    def check(self, given: Properties) -> list[Failure]:
        return check(self.INPUTS, given)

    def diff(
        self, before: Properties, state: Properties, given: Properties, operation: Operation
    ) -> dict[str, Difference]:
        changed = moved(self.INPUTS, before, given).values()
        return {option.name: Difference(replaces=True) for option in changed if option.effect == "replace"}

    def awaited(self, given: Properties, state: Properties) -> Properties:
        if state.known:
            return Properties(known={**state.known, **given.known}, hidden=state.hidden | given.hidden)
        return Properties(known=given.known, unknown=given.unknown | {*self.OUTPUTS}, hidden=given.hidden)

    def create(self, given: Properties, operation: Operation) -> tuple[str, Properties]:
        ground = self._ground(given, operation)
        with self._grounds.changing(ground, operation):
            ground.prepare()
            provider_ids.forget_all(ground.environment, ground.folders)
            write_whole(provider_mark.path(ground.environment, ground.folders), uuid4().hex.encode(), 0o600)
        if given.known.get("marked"):
            raise StrataError(
                f"environment {ground.environment}: a stack has made containers in it that this one does not know. "
                "Run again: they are then taken over."
            )
        return ground.environment, _there(given, ground)

    def update(self, before: Properties, state: Properties, given: Properties, operation: Operation) -> Properties:
        ground = self._ground(given, operation)
        with self._grounds.changing(ground, operation):
            ground.prepare()
        return _there(given, ground)

    def read(
        self, identity: str, given: Properties, state: Properties, operation: Operation
    ) -> tuple[Properties, Properties] | None:
        if not given.known:
            raise StrataError("the access to an environment cannot be imported by its id; declare it in the program.")
        ground = self._ground(given, operation)
        return (given, _there(given, ground)) if access.public_key(ground.environment, ground.folders) else None

    def delete(self, identity: str, before: Properties, operation: Operation) -> None:
        ground = self._ground(before, operation)
        folder = ground.folders.environment(ground.environment)
        with self._grounds.changing(ground, operation):
            access.disconnect(ground.environment, ground.folders)
            if folder.exists():
                shutil.rmtree(folder)

    def _ground(self, given: Properties, operation: Operation) -> Ground:
        return self._grounds.of(operation.site, given.text("declaration"), given.text("environment"))


def _there(given: Properties, ground: Ground) -> Properties:
    path = ground.folders.environment(ground.environment) / "ssh_config"
    told = {"sshConfig": str(path), "mark": provider_mark.read(ground.environment, ground.folders)}
    return Properties(known={**given.known, **told}, hidden=given.hidden)
