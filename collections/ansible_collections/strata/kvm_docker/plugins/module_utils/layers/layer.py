# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One layer on its own: objects of some kinds behind one connection, without the rest of an environment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

from ..docker.health import unsettled
from ..errors import ForeignObjectError
from ..plan.model import Declared, Difference, Key, Observed, Plan, Policy
from ..plan.planner import repair, titles
from ..resources import KINDS, declared, observed, plan
from ..run import Run

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
class Layer(Run):
    """Brings objects of *kinds* behind *connection* to what *environment* declares of them.

    ``connection``: a :class:`~.docker.engine.Engine` or a :class:`~.kvm.hypervisor.Hypervisor`, as the kinds need.
    ``speaks_for``: which of the objects, declared or there, this run is about; the others are as good as not
    there. Those of ours that it is about and does not declare are orphans. ``policy``: what is done about a leaf that
    drifted. ``apart``: ours, but of another declaration: to this run it is a stranger's. ``running``: those that can
    run are to. ``wait``: for the health of all containers at the end.
    """

    connection: Any
    kinds: tuple[str, ...]
    speaks_for: Callable[[Item], bool] = everything
    apart: Callable[[Observed], bool] = nothing
    policy: Callable[[Key, Difference], Policy] = repair
    running: bool = True
    wait: bool = True
    _declared: tuple[Declared, ...] = ()

    def prepare(self, check: bool) -> None:
        """Nothing: the connection is open."""

    def connection_to(self, key: Key) -> Any:
        """The same for all."""
        return self.connection

    def plan(self) -> Plan:
        """Observe and compare; nothing is touched."""
        wanted = self.wanted()
        found = [item for item in self.observed() if self.speaks_for(item)]
        if self.remove_orphans:
            _refuse_strangers(found, {item.key for item in wanted})
        made = plan(
            wanted, found, self.effect, remove_orphans=self.remove_orphans, adopt=self.adopt, policy=self.policy
        )
        return made.only(self.only) if self.only else made

    def wanted(self) -> tuple[Declared, ...]:
        """Everything that is to be there, as far as this run is about it."""
        return tuple(self._powered(item) for item in self._all() if self.speaks_for(item))

    def observed(self) -> list[Observed]:
        """Everything of these kinds that is there."""
        found = observed(self.kinds, self.connection, self.environment.name, self._all())
        return [replace(item, owned=item.owned and not self.apart(item)) for item in found]

    def _all(self) -> tuple[Declared, ...]:
        self._declared = self._declared or tuple(declared(self.kinds, self.environment, self.inputs))
        return self._declared

    def _powered(self, item: Declared) -> Declared:
        return item if self.running or not KINDS[item.key.kind].runs else replace(item, running=False)

    def settle_containers(self) -> None:
        """Those that this run is about."""
        if "container" in self.kinds and self.wait:
            there = {item.key for item in self.observed()} if self.only else None
            waited = [item for item in self.wanted() if item.running and (there is None or item.key in there)]
            for key in unsettled(self.connection, waited):
                self.settle(key, "healthy")


def _refuse_strangers(found: list[Observed], wanted: set[Key]) -> None:
    """What is to be removed and is not ours is an error: to call it absent would be a lie."""
    strangers = [item for item in found if not item.owned and item.key not in wanted]
    if strangers:
        raise ForeignObjectError(
            f"{titles(strangers)}: does not belong to this environment and was not touched. Remove it yourself, or "
            "name the environment or project that it belongs to."
        )
