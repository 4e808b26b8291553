# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One layer on its own: objects of some kinds behind one connection, without the rest of an environment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias

from ..declare.environment import Environment
from ..docker.health import unsettled
from ..errors import ForeignObjectError, StrataError
from ..execute import execute
from ..inputs import Inputs
from ..plan.model import RUNNING, Change, Condition, Declared, Difference, Effect, Key, Observed, Plan, Policy
from ..plan.planner import plan, repair, titles
from ..progress import Progress
from ..resources import RESOURCES, declared, effect, observed
from ..rounds import come_to_rest

Item: TypeAlias = Declared | Observed

#: What a ``state`` of a module does and nothing else.
ONLY: Mapping[str, Literal["start", "stop"]] = {"started": "start", "stopped": "stop"}


def everything(item: Item) -> bool:
    """A declaration that speaks for all objects of the environment behind the connection."""
    return True


def nothing(item: Observed) -> bool:
    """A declaration beside which there is none."""
    return False


@dataclass(slots=True, kw_only=True)
class Layer:
    """Brings objects of *kinds* behind *connection* to what *environment* declares of them.

    ``connection``: a :class:`~.kvm.hypervisor.Hypervisor` or an :class:`~.docker.engine.Engine`, as the kinds need.
    ``speaks_for``: which of the objects, declared or there, this run is about; the others are as good as not there.
    Those of ours that it is about and does not declare are orphans. ``policy``: what is done about a leaf that drifted.
    ``apart``: ours, but of another declaration: to this run it is a stranger's.
    ``running``: those that can run are to. ``only``: do this action and nothing else. ``wait``: for the health of all
    containers at the end. ``done``: the changes that were made, in the order of their plans.
    """

    environment: Environment
    connection: Any
    kinds: tuple[str, ...]
    inputs: Inputs = field(default_factory=Inputs)
    progress: Progress = field(default_factory=Progress)
    speaks_for: Callable[[Item], bool] = everything
    apart: Callable[[Observed], bool] = nothing
    policy: Callable[[Key, Difference], Policy] = repair
    remove_orphans: bool = False
    adopt: bool = False
    running: bool = True
    only: Literal["start", "stop"] | None = None
    wait: bool = True
    done: list[Change] = field(default_factory=list)

    def converge(self, check: bool = False) -> Plan:
        """The changes that were made, in check mode those that would be. Raises :class:`StrataError`."""
        if check:
            return self.plan()
        try:
            rest = come_to_rest(self.plan, self._execute)
            self._settle_containers()
        except StrataError as error:
            error.made = tuple(self.done)
            raise
        return replace(rest, changes=tuple(self.done))

    def _execute(self, made: Plan) -> None:
        """A container that has to be started again has ended by itself: what it says is the error."""
        started = {change.key for change in self.done if change.key.kind == "container"}
        for change in made:
            if change.action == "start" and change.key in started:
                self._settle(change.key, "healthy")
        execute(made, self._apply, self._settle, self.done)

    def plan(self) -> Plan:
        """Observe and compare; nothing is touched."""
        wanted = self.wanted()
        found = [item for item in self.observed() if self.speaks_for(item)]
        if self.remove_orphans:
            _refuse_strangers(found, {item.key for item in wanted})
        made = plan(
            wanted, found, self._effect, remove_orphans=self.remove_orphans, adopt=self.adopt, policy=self.policy
        )
        return made.only(self.only) if self.only else made

    def wanted(self) -> tuple[Declared, ...]:
        """Everything that is to be there, as far as this run is about it."""
        found = declared(self.kinds, self.environment, self.inputs)
        return tuple(self._powered(item) for item in found if self.speaks_for(item))

    def observed(self) -> list[Observed]:
        """Everything of these kinds that is there."""
        found = observed(self.kinds, self.connection, self.environment.name)
        return [replace(item, owned=item.owned and not self.apart(item)) for item in found]

    def _effect(self, key: Key, difference: Difference) -> Effect:
        """Where differences are not applied, none of them is refused."""
        return Effect.RESTART if self.only else effect(key, difference)

    def _powered(self, item: Declared) -> Declared:
        return item if self.running or item.key.kind not in RUNNING else replace(item, running=False)

    def _apply(self, change: Change) -> None:
        with self.progress.stage(str(change.key), f"{change.action}: {change.reason}"):
            RESOURCES[change.key.kind].apply(self.connection, change, self.progress)

    def _settle(self, key: Key, condition: Condition) -> None:
        RESOURCES[key.kind].settle(self.connection, key, condition, self.progress)

    def _settle_containers(self) -> None:
        if "container" in self.kinds and self.wait:
            there = {item.key for item in self.observed()} if self.only else None
            waited = [item for item in self.wanted() if item.running and (there is None or item.key in there)]
            for key in unsettled(self.connection, waited):
                self._settle(key, "healthy")


def _refuse_strangers(found: list[Observed], wanted: set[Key]) -> None:
    """What is to be removed and is not ours is an error: to call it absent would be a lie."""
    strangers = [item for item in found if not item.owned and item.key not in wanted]
    if strangers:
        raise ForeignObjectError(
            f"{titles(strangers)}: does not belong to this environment and was not touched. Remove it yourself, or "
            "name the environment or project that it belongs to."
        )
