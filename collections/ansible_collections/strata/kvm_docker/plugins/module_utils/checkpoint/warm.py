# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a run begins an environment that is not there yet: warm, by a checkpoint of just its inputs, or cold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, TypeAlias

from ..errors import CheckpointError, StrataError, os_errors
from ..inputs import Inputs
from ..kvm.domain import find_domain
from ..kvm.errors import libvirt_errors
from ..parallel import at_once
from ..plan.model import Change, Observed
from ..resources import declared, effect, observed, plan
from . import clones, contents, under_way
from .domains import await_idle
from .origin import in_words
from .restore import Restoring, discard, runs
from .store import Checkpoint, Store
from .under_way import UnderWay
from .wake import finish

if TYPE_CHECKING:
    from ..convergence import Convergence

Mode: TypeAlias = Literal["auto", "warm", "cold"]
_BELOW = ("network", "pool")
_RESTORED = ("disk", "guest")


@dataclass(frozen=True, slots=True)
class Started:
    """How guests were started. ``checkpoint``: its digest. ``reason``: why cold, although a checkpoint was there."""

    how: Literal["warm", "cold"]
    checkpoint: str = ""
    reason: str = ""


@dataclass(slots=True, kw_only=True)
class WarmStart:
    """``lock``: content of the environment's lock. ``rekey``: the inputs with the keys that are in the environment's
    folder now. ``started``: what became of it; ``None`` where guests were there already."""

    mode: Mode = "auto"
    allow_clone: bool = False
    lock: bytes = b""
    rekey: Callable[[Inputs], Inputs] = field(default=lambda inputs: inputs)
    started: Started | None = None

    def recover(self, run: Convergence) -> None:
        """Deal with what a killed run has left: before anything else looks at guests.

        Raises :class:`CheckpointError` where guests that are only to be started were none yet.
        """
        hypervisor, name = run.session.hypervisor, run.environment.name
        left = under_way.read(name, hypervisor.folders)
        if left is None:
            return
        with run.progress.stage("checkpoint", "a run that used one was killed; its work is finished or removed"):
            _await_all(run, left)
            if left.doing == "take":
                store = Store(hypervisor.folders, name)
                with store.alone(run.progress):
                    store.sweep()
            if left.doing == "lay" and not runs(hypervisor, name, left):
                discard(hypervisor, name, left)
            else:
                finish(hypervisor, name, left, run.progress)
        for guest in left.guests:
            run.session.forget(guest)
        if run.only and left.doing == "lay":
            raise CheckpointError("a warm start was killed before its guests ran. Use state: present.")

    def begin(self, run: Convergence) -> None:
        """Start warm, if that is wanted and can be; else leave all to the plan.

        Raises :class:`StrataError` where it has to be warm and cannot.
        """
        store = Store(run.session.hypervisor.folders, run.environment.name)
        if self.mode == "cold" or (self.mode == "auto" and not store.digests()) or _there(run, ("guest",)):
            return
        try:
            with os_errors(), store.alone(run.progress):
                self._start(run, self._chosen(run, store))
        except StrataError as error:
            unfinished = under_way.read(run.environment.name, run.session.hypervisor.folders)
            if self.mode == "warm" or unfinished:
                raise
            self.started = Started("cold", reason=str(error))
            run.progress.report("checkpoint", "failed", f"the start is cold: {error}")

    def _chosen(self, run: Convergence, store: Store) -> Checkpoint:
        """The checkpoint to start by, if nothing is in its way."""
        origin = contents.origin(run, self.lock, store.seal())
        found = store.find(origin)
        if found is None:
            newest = next(store.whole(), None)
            if newest is None:
                raise CheckpointError(f"{store.folder}: there is no checkpoint that is whole. Make one, or start cold.")
            why = in_words(origin.differences(newest.manifest.origin))
            raise CheckpointError(f"no checkpoint fits; of the newest one, {newest.name}, differs: {why}.")
        there = _there(run, _RESTORED)
        if there:
            raise CheckpointError(
                f"{there[0].key} is there already, and would not fit the memory of checkpoint {found.name}."
            )
        if not self.allow_clone:
            clones.refuse_second(found, run.session.hypervisor)
        return found

    def _start(self, run: Convergence, checkpoint: Checkpoint) -> None:
        hypervisor, name = run.session.hypervisor, run.environment.name
        with run.progress.stage("checkpoint", f"warm start by {checkpoint.name}, made {checkpoint.manifest.made}"):
            below = tuple(declared(_BELOW, run.environment, run.inputs))
            run.execute(plan(below, observed(_BELOW, hypervisor, name), effect, adopt=run.adopt))
            changes = _restored(run, checkpoint)
            disks = {disk: str(path) for disk, (_item, path) in contents.declared_disks(run).items()}
            restoring = Restoring(run, checkpoint)
            try:
                restoring.lay()
                run.inputs = self.rekey(run.inputs)
                clones.note(checkpoint, hypervisor, name)
                restoring.start()
            except Exception:
                self._undo(run, UnderWay(doing="lay", guests=checkpoint.manifest.guests, disks=disks))
                raise
            run.done += changes
            self.started = Started("warm", checkpoint.manifest.digest)

    def _undo(self, run: Convergence, laid: UnderWay) -> None:
        """Keys may have come from the checkpoint: whatever they are now, they are the environment's."""
        hypervisor, name = run.session.hypervisor, run.environment.name
        for guest in laid.guests:
            run.session.forget(guest)
        discard(hypervisor, name, laid)
        clones.forget(hypervisor, name)
        run.inputs = self.rekey(run.inputs)


def _restored(run: Convergence, checkpoint: Checkpoint) -> list[Change]:
    """What the plan would have made, and the checkpoint makes."""
    wanted = declared(_RESTORED, run.environment, run.inputs)
    return [replace(change, reason=f"from checkpoint {checkpoint.name}") for change in plan(wanted, (), effect)]


def _there(run: Convergence, kinds: tuple[str, ...]) -> list[Observed]:
    """Declared objects of *kinds* that are there, whoever made them."""
    keys = {item.key for item in declared(kinds, run.environment, run.inputs)}
    found = observed(kinds, run.session.hypervisor, run.environment.name)
    return [item for item in found if item.key in keys]


def _await_all(run: Convergence, left: UnderWay) -> None:
    def idle(guest: str) -> None:
        with libvirt_errors(f"guest {guest}"):
            domain = find_domain(run.session.hypervisor, run.environment.name, guest)
            if domain:
                await_idle(domain)

    at_once(idle, left.guests)
