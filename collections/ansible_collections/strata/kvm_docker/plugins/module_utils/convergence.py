# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run over a whole environment: the hypervisor, and the engine of every guest, as one plan."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from .consent import refuse_lost_disks
from .docker import registry
from .docker.applied_notes import AppliedNotes
from .docker.engine import Engine
from .docker.health import unsettled
from .errors import GuestError, StrataError
from .identity import lock_engine
from .identity.lock_use import LockUse
from .inputs import Inputs
from .kvm.watch import domain_problem
from .parallel import at_once
from .plan.drift import policy_of
from .plan.model import Change, Declared, Difference, Key, Observed, Plan, Policy
from .resolve import at_digests
from .resources import (
    ENGINE_KINDS,
    HYPERVISOR_KINDS,
    IMAGE_KINDS,
    SETTINGS_KINDS,
    STORE_KINDS,
    declared,
    effect,
    observed,
    plan,
)
from .run import Run
from .session import Session

if TYPE_CHECKING:
    from .checkpoint.warm import WarmStart


@dataclass(slots=True, kw_only=True)
class Convergence(Run):
    """One run over one environment: its connections, its inputs, and how long each part took (seconds).

    ``probe``: tells the virtualization type, once the guest images are there. ``replace_guests``: with their disks,
    where their image changed. ``running``: guests whose engine was looked at last. ``tags``: by guest and reference,
    the digests that tags stand for; they are asked for once. ``lock``: what the run is held to, or makes.
    ``resolved``: the inputs before tags of registries stood for digests. ``warm``: how guests begin that are not there.
    """

    session: Session
    probe: Callable[[Inputs], str]
    replace_guests: bool = False
    seconds: dict[str, float] = field(default_factory=dict)
    running: list[str] = field(default_factory=list)
    tags: dict[str, dict[str, str]] = field(default_factory=dict)
    lock: LockUse | None = None
    resolved: Inputs = field(default_factory=Inputs)
    warm: WarmStart | None = None
    _found: frozenset[Key] = frozenset()
    _left_off: frozenset[Key] = frozenset()

    @property
    def _makes_lock(self) -> bool:
        return self.lock is not None and self.lock.writes

    def prepare(self, check: bool) -> None:
        """Guest images come first: what they hold decides how the rest is planned (kernel, accelerator)."""
        if self.warm and not check:
            self.warm.recover(self)
        if self.only:
            return
        self._refuse_lost_disks()
        if not check:
            wanted = tuple(self._declared(IMAGE_KINDS))
            self.execute(plan(wanted, self._observe(self.session.hypervisor, IMAGE_KINDS, wanted), effect))
        self.inputs = replace(self.inputs, virt_type=self.probe(self.inputs))
        if self.warm and not check:
            self.warm.begin(self)

    def _refuse_lost_disks(self) -> None:
        """A disk that is replaced takes all volumes on its guest's engine with it: somebody has to agree to that."""
        if self.replace_guests:
            return
        found = self._observe(self.session.hypervisor, ("disk",))
        refuse_lost_disks(plan(self._declared(("disk",)), found, effect, adopt=self.adopt))

    def plan(self) -> Plan:
        """Observe every layer that can be looked at now, and plan.

        The hypervisor's layers are declared first: a store is asked for what is declared. Those of engines come after
        their look, which tells where followed tags stand.
        """
        with self.progress.stage("observe"), self._timed("observe"):
            under = tuple(self._declared(HYPERVISOR_KINDS))
            found = list(self._observe(self.session.hypervisor, HYPERVISOR_KINDS, under))
            below = plan(under, found, self.effect, adopt=self.adopt)
            self.running, waiting = self._guests(below, found)
            found += self._observe_engines(self.running)
        wanted = (*under, *self._declared(ENGINE_KINDS))
        with self.progress.stage("plan"), self._timed("plan"):
            made = plan(wanted, found, self.effect, waiting, self.remove_orphans, self.adopt, self._policy())
        self._found, self._left_off = frozenset(item.key for item in found), made.left_off
        return made.only(self.only) if self.only else made

    def _policy(self) -> Callable[[Key, Difference], Policy]:
        return policy_of(self.environment.drift)

    def execute(self, made: Plan) -> None:
        """Timed."""
        with self._timed("apply"):
            Run.execute(self, made)

    def settle_containers(self) -> None:
        """On all engines at once."""
        with self.progress.stage("settle"), self._timed("settle"):
            there = self._found - self._left_off
            wanted = [item for item in self._declared(("container",)) if item.running and item.key in there]
            guests = sorted({item.key.guest for item in wanted})
            at_once(lambda guest: self._settle_guest(guest, wanted), guests)

    def _settle_guest(self, guest: str, wanted: list[Declared]) -> None:
        engine = self.session.engine(guest)
        for key in unsettled(engine, wanted):
            self.settle(key, "healthy")

    def _declared(self, kinds: Iterable[str]) -> Iterator[Declared]:
        return declared(kinds, self.environment, self.inputs)

    def _observe(self, connection: Any, kinds: Iterable[str], wanted: Iterable[Declared] = ()) -> Iterator[Observed]:
        return observed(kinds, connection, self.environment.name, wanted)

    def _observe_engines(self, guests: list[str]) -> list[Observed]:
        """What modules of the Docker layer made on them is declared elsewhere: it is no orphan, and not ours."""

        def observe(guest: str) -> list[Observed]:
            engine = self.session.engine(guest)
            found = list(self._observe(engine, SETTINGS_KINDS))
            if not self.only:
                self._follow_tags(engine, found)
            found += self._observe(engine, [kind for kind in ENGINE_KINDS if kind not in SETTINGS_KINDS])
            return [replace(item, owned=item.owned and not item.by_module) for item in found]

        observed_there = [item for found in at_once(observe, guests) for item in found]
        for guest in guests:
            self.inputs = self._following(self.inputs, guest)
        return observed_there

    def _follow_tags(self, engine: Engine, settings: list[Observed]) -> None:
        """Ask registries where tags stand now, once the engine has the settings that may be needed to reach them."""
        if engine.guest not in self.tags:
            wanted = (item for item in self._declared(SETTINGS_KINDS) if item.key.guest == engine.guest)
            if plan(wanted, settings, self.effect, policy=self._policy()):
                return
            which = registry.all_tags if self._makes_lock else registry.tags_to_follow
            self.tags[engine.guest] = registry.ask(engine, which)
            if self.lock:
                self.lock.refuse_images([lock_engine.look(engine)])
        engine.inputs = self._following(engine.inputs, engine.guest)

    def _following(self, inputs: Inputs, guest: str) -> Inputs:
        """With the tags of *guest* standing for what registries said; for a lock its builds stand on that too."""
        tags = self.tags.get(guest, {})
        if not self._makes_lock:
            return inputs.following(guest, tags)
        found = at_digests(inputs, self.environment, self.session.hypervisor.folders, tags).of_guest(guest)
        return replace(inputs, images={**inputs.images, **{(guest, name): image for name, image in found.items()}})

    def _guests(self, first: Plan, found: list[Observed]) -> tuple[list[str], list[str]]:
        """Guests whose engine can be looked at, and those that are there but cannot be reached yet."""
        anew = {change.key for change in first if change.action in ("create", "replace")}
        there = [
            item
            for item in found
            if item.key.kind == "guest" and item.key.name in self.environment.guests and item.key not in anew
        ]
        cut_off = self._cut_off(first)
        running = [item.key.name for item in there if item.running and item.key.name not in cut_off]
        return running, [item.key.name for item in there if item.key.name not in running]

    def _cut_off(self, first: Plan) -> set[str]:
        """Guests that are not reached, or not where they are declared, before their network or they are put right."""
        broken = {
            change.key.name
            for change in first
            if change.key.kind == "network" and (change.action in ("create", "start") or _concerns(change, "detached"))
        }
        moved = {change.key.name for change in first if change.key.kind == "guest" and _concerns(change, "interfaces")}
        return moved | {name for name, guest in self.environment.guests.items() if broken & guest.networks.keys()}

    def connection_to(self, key: Key) -> Any:
        """The hypervisor, or the engine of a guest."""
        return self.session.connection(key)

    def apply(self, change: Change) -> None:
        """What was known of a guest before is forgotten. What was made must be what is locked, before it is used."""
        Run.apply(self, change)
        if self.lock and change.key.kind in STORE_KINDS:
            self.lock.refuse(self.resolved)
        elif self.lock and change.key.kind == "image" and change.action != "delete":
            self.lock.refuse_images([lock_engine.look(self.session.engine(change.key.guest), change.key.name)])
        if change.key.kind == "guest":
            self.session.forget(change.key.name)
            if change.action == "delete":
                folders = self.session.hypervisor.folders
                notes = AppliedNotes.of(self.environment.name, folders, change.key.name)
                notes.drop(notes.noted())

    @contextmanager
    def explained(self, key: Key) -> Iterator[None]:
        """Where the guest has failed, that is the news, and not that its engine does not answer any more."""
        try:
            yield
        except StrataError as error:
            problem = domain_problem(self.session.hypervisor, self.environment.name, key.guest) if key.guest else None
            if problem:
                raise GuestError(f"guest {key.guest}: {problem}. Run again after the fix. {error}") from error
            raise

    @contextmanager
    def _timed(self, what: str) -> Iterator[None]:
        began = time.monotonic()
        try:
            yield
        finally:
            self.seconds[what] = round(self.seconds.get(what, 0.0) + time.monotonic() - began, 3)


def _concerns(change: Change, leaf: str) -> bool:
    return any(difference.path[0] == leaf for difference in change.differences)
