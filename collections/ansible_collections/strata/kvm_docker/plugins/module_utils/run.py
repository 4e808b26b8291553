# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one loop: look, plan, act, look again, until there is nothing left to do, which is the proof."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from .declare.environment import Environment
from .errors import StrataError
from .execute import execute
from .inputs import Inputs
from .plan.model import Change, Condition, Difference, Effect, Key, Plan
from .progress import Progress
from .resources import RESOURCES, effect

#: One round makes what is missing, a second one plans the engines of guests that had to be started first, a third one
#: works on what came up meanwhile.
ROUNDS = 3


@dataclass(slots=True, kw_only=True)
class Run(ABC):
    """Brings what it looks at to what *environment* declares of it.

    ``remove_orphans``: what is ours and not declared goes. ``adopt``: strangers of a declared name are taken over.
    ``only``: do this action and nothing else; what is there stays as it is. ``done``: the changes that were made, in
    the order of their plans.
    """

    environment: Environment
    inputs: Inputs = field(default_factory=Inputs)
    progress: Progress = field(default_factory=Progress)
    remove_orphans: bool = False
    adopt: bool = False
    only: Literal["start", "stop"] | None = None
    done: list[Change] = field(default_factory=list)

    def converge(self, check: bool = False) -> Plan:
        """The changes that were made, in check mode those that would be.

        Raises :class:`StrataError`: with what was made, and where it does not come to rest with what is left.
        """
        try:
            self.prepare(check)
            if check:
                return self.plan()
            rest = self._come_to_rest()
            self.settle_containers()
        except StrataError as error:
            error.made = tuple(self.done)
            raise
        return replace(rest, changes=tuple(self.done))

    @abstractmethod
    def prepare(self, check: bool) -> None:
        """What comes before the first look."""

    @abstractmethod
    def plan(self) -> Plan:
        """Observe and compare; nothing is touched."""

    @abstractmethod
    def connection_to(self, key: Key) -> Any:
        """What observing and applying the object of *key* needs."""

    @abstractmethod
    def settle_containers(self) -> None:
        """Wait until every container is running and, where it has a health check, healthy."""

    def effect(self, key: Key, difference: Difference) -> Effect:
        """What *difference* takes. Where differences are not applied, none of them is refused."""
        return Effect.RESTART if self.only else effect(key, difference)

    def execute(self, made: Plan) -> None:
        """Apply *made*. A container that has to be started again has ended by itself: what it says is the error."""
        started = {change.key for change in self.done if change.key.kind == "container"}
        for change in made:
            if change.action == "start" and change.key in started:
                self.settle(change.key, "healthy")
        execute(made, self.apply, self.settle, self.done)

    def apply(self, change: Change) -> None:
        """Do what *change* says."""
        key, needs = change.key, dict.fromkeys(str(need.key) for need in change.needs)
        with self.explained(key):
            connection = self.connection_to(key)
            with self.progress.stage(str(key), f"{change.action}: {change.reason}", key, needs):
                RESOURCES[key.kind].apply(connection, change, self.progress)

    def settle(self, key: Key, condition: Condition) -> None:
        """Wait until the object of *key* is in *condition*."""
        waiting = self.progress.stage(str(key), f"waiting until {condition}", key, (str(key),), waits=True)
        with self.explained(key), waiting:
            RESOURCES[key.kind].settle(self.connection_to(key), key, condition, self.progress)

    def explained(self, key: Key) -> AbstractContextManager[None]:
        """Where what failed at the object of *key* has a cause beside it, the cause is told."""
        return nullcontext()

    def _come_to_rest(self) -> Plan:
        for _round in range(ROUNDS):
            made = self.plan()
            if not made:
                return made
            self.execute(made)
        made = self.plan()
        if made:
            raise StrataError("does not come to rest; still to do:\n" + "\n".join(str(change) for change in made))
        return made
