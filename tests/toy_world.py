# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kinds without libvirt and Docker: objects are entries of a dictionary, so that the loop alone is tested."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils import resources
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.environment import Environment
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import StrataError
from ansible_collections.strata.kvm_docker.plugins.module_utils.inputs import Inputs
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.model import (
    Change,
    Condition,
    Declared,
    Difference,
    Effect,
    Key,
    Observed,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.progress import Progress


@dataclass
class World:
    """What is declared and what is there.

    ``failing``: keys whose changes fail. ``restless``: never as declared. ``jobs``: succeed and end.
    ``notes``: what was last applied to containers, whose own mark stays what it was at their creation; one that is
    removed is not known any more. ``looks``: how often all guests were listed.
    """

    declared: list[Declared] = field(default_factory=list)
    there: dict[Key, Observed] = field(default_factory=dict)
    failing: set[Key] = field(default_factory=set)
    restless: set[Key] = field(default_factory=set)
    jobs: set[Key] = field(default_factory=set)
    notes: dict[Key, Mapping[str, Any]] = field(default_factory=dict)
    looks: int = 0
    steps: list[str] = field(default_factory=list)

    def put(self, key: Key, **fields: Any) -> None:
        """Have an object there that is as it was declared."""
        spec = next((item.spec for item in self.declared if item.key == key), {})
        self.there[key] = Observed(key, **{"spec": spec, "applied": spec, **fields})
        self.notes[key] = self.there[key].applied or {}

    def use(self, monkeypatch: pytest.MonkeyPatch) -> World:
        """Have every kind of the core look at and change this world."""
        for kind in resources.KINDS:
            monkeypatch.setitem(resources.RESOURCES, kind, Toy(kind, self))
        return self


@dataclass
class Toy:
    """One kind in the shape of ``resource.Resource``; a guest's engine is connected to by the guest's name."""

    kind: str
    world: World

    def declare(self, environment: Environment, inputs: Inputs) -> Iterable[Declared]:
        return [item for item in self.world.declared if item.key.kind == self.kind]

    def effect(self, difference: Difference) -> Effect:
        effects: Mapping[str, Effect] = {"memory": Effect.IN_PLACE, "vcpus": Effect.RESTART}
        return effects.get(difference.path[0], Effect.REPLACE)

    def observe(self, connection: Any, environment: str) -> Iterable[Observed]:
        guest = getattr(connection, "guest", "")
        self.world.looks += self.kind == "guest"
        return [
            self._noted(item) for key, item in self.world.there.items() if key.kind == self.kind and key.guest == guest
        ]

    def stored(self, connection: Any, wanted: Iterable[Declared]) -> Iterable[Observed]:
        return [self.world.there[item.key] for item in wanted if item.key in self.world.there]

    def _noted(self, item: Observed) -> Observed:
        """As the kind of containers reads its marks: without a note, not what may have been applied in place."""
        if self.kind != "container" or item.applied is None:
            return item
        fixed = {leaf: value for leaf, value in item.applied.items() if leaf != "memory"}
        return replace(item, applied=self.world.notes.get(item.key, fixed))

    def apply(self, connection: Any, change: Change, progress: Progress) -> None:
        self.world.steps.append(f"{change.action} {change.key}")
        if change.key in self.world.failing:
            raise StrataError("no space left")
        if change.declared is None:
            del self.world.there[change.key]
        elif change.key not in self.world.restless:
            self._make(change, change.declared)

    def settle(self, connection: Any, key: Key, condition: Condition, progress: Progress) -> None:
        self.world.steps.append(f"{condition} {key}")
        there = self.world.there[key]
        if not (there.running or there.completed):
            raise StrataError(f"{key} is not started")

    def _make(self, change: Change, declared: Declared) -> None:
        if self.kind == "guest" and change.action in ("create", "replace"):
            self.world.there = {key: item for key, item in self.world.there.items() if key.guest != change.key.name}
        spec = self.world.there[change.key].spec if change.action in ("start", "stop") else declared.spec
        ended = declared.running and change.key in self.world.jobs
        running = declared.running and not ended
        made_as = change.observed.applied if change.observed and change.action in ("update", "start", "stop") else spec
        if change.action not in ("start", "stop"):
            self.world.notes[change.key] = declared.spec
        self.world.there[change.key] = Observed(change.key, spec, made_as, running=running, completed=ended)
