# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a run begins an environment that is not there yet: warm, by a checkpoint of just its inputs, or cold. And how it
goes back to one: as a warm start, in place of what is there."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field, replace
from functools import partial
from operator import call
from typing import TYPE_CHECKING, Literal, TypeAlias

from ..errors import CheckpointError, StrataError, os_errors
from ..inputs import Inputs
from ..kvm.domain import find_domain
from ..kvm.errors import libvirt_errors
from ..parallel import at_once, beside
from ..plan.model import Change, Key, Observed, Plan
from ..resources import declared, effect, observed, plan
from . import clones, contents, under_way
from .domains import await_idle
from .origin import in_words
from .replaced import refuse_to_lose
from .restore import Restoring, discard, drop_copies, runs
from .resume import finish, prove
from .store import Checkpoint, Store
from .under_way import UnderWay

if TYPE_CHECKING:
    from ..convergence import Convergence

#: ``restored``: warm, and guests that are there are no reason to leave it, but are replaced.
Mode: TypeAlias = Literal["auto", "warm", "cold", "restored"]
_BELOW = ("network", "pool")
_RESTORED = ("disk", "guest")
#: What stands on them: in place before the plan, which has nothing to do then, and need not look again.
_ABOVE = ("forward",)


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
            elif left.doing == "fetch":
                drop_copies(left)
                under_way.clear(name, hypervisor.folders)
            else:
                drop_copies(left)
                awake = finish(hypervisor, name, left, run.progress)
                if left.doing != "take":
                    at_once(partial(_prove, run), awake)
                under_way.clear(name, hypervisor.folders)
        for guest in left.guests:
            run.session.forget(guest)
        if run.only and left.doing == "lay":
            raise CheckpointError("a warm start was killed before its guests ran. Use state: present.")

    def begin(self, run: Convergence) -> None:
        """Start warm, if that is wanted and can be; else leave all to the plan.

        Raises :class:`StrataError` where it has to be warm and cannot.
        """
        store = Store(run.session.hypervisor.folders, run.environment.name)
        if self.mode == "cold" or (self.mode == "auto" and not store.digests()):
            return
        there = _there(run, ("guest",))
        if there and self.mode != "restored":
            return
        there += _there(run, ("disk",))
        try:
            with os_errors(), store.alone(run.progress):
                self._start(run, self._chosen(run, store, there), {item.key for item in there})
        except StrataError as error:
            unfinished = under_way.read(run.environment.name, run.session.hypervisor.folders)
            if self.mode != "auto" or unfinished:
                raise
            self.started = Started("cold", reason=str(error))
            run.progress.report("checkpoint", "failed", f"the start is cold: {error}")
        else:
            run.execute(_to_be_done(run, _ABOVE))

    def preview(self, run: Convergence) -> Plan:
        """What :meth:`begin` and the plan after it would do to have the environment restored; nothing is done.

        Raises :class:`StrataError` as they would.
        """
        hypervisor, name = run.session.hypervisor, run.environment.name
        wanted = tuple(declared((*_BELOW, *_RESTORED, *_ABOVE), run.environment, run.inputs))
        found = tuple(observed((*_BELOW, *_RESTORED, *_ABOVE), hypervisor, name))
        keys = {item.key for item in wanted if item.key.kind in _RESTORED}
        replaced = [item for item in found if item.key in keys]
        checkpoint = self._chosen(run, Store(hypervisor.folders, name), replaced, check=True)
        restoring = Restoring(run, checkpoint)
        at_once(call, [restoring.verify_laid, restoring.verify_rest])
        made = plan(wanted, [item for item in found if item.key not in keys], effect, adopt=run.adopt)
        return replace(made, changes=tuple(_from(checkpoint, made, {item.key for item in replaced})))

    def _chosen(self, run: Convergence, store: Store, there: list[Observed], check: bool = False) -> Checkpoint:
        """The checkpoint to start by, if nothing that is *there*, guests and disks, is in its way."""
        origin = contents.origin(run, self.lock, store.seal(check))
        layers = contents.layers_there(run.session.hypervisor.folders)
        found = store.fitting(origin, layers)
        if found is None:
            newest = next(store.whole(), None)
            if newest is None:
                raise CheckpointError(f"{store.folder}: there is no checkpoint that is whole. Make one, or start cold.")
            why = in_words(origin.differences(newest.manifest.origin, layers))
            raise CheckpointError(f"no checkpoint fits; of the newest one, {newest.name}, differs: {why}.")
        if self.mode == "restored":
            refuse_to_lose(run, there)
        elif there:
            raise CheckpointError(
                f"{there[0].key} is there already, and would not fit the memory of checkpoint {found.name}."
            )
        contents.refuse_unseen(run.session.hypervisor)
        if not self.allow_clone:
            clones.refuse_second(found, run.session.hypervisor)
        return found

    def _start(self, run: Convergence, checkpoint: Checkpoint, there: Collection[Key]) -> None:
        """Start by it, in place of guests and disks that are *there*."""
        hypervisor, name, restoring = run.session.hypervisor, run.environment.name, Restoring(run, checkpoint)
        with (
            run.progress.stage("checkpoint", f"warm start by {checkpoint.name}, made {checkpoint.manifest.made}"),
            beside(restoring.verify_rest) as verified,
        ):
            below = _to_be_done(run, _BELOW)
            if self.mode == "restored" and below.changes:
                restoring.verify_laid()
                verified()
            run.execute(below)
            anew = plan(declared(_RESTORED, run.environment, run.inputs), (), effect)
            changes = _from(checkpoint, anew, there)
            restoring.fetch()
            restoring.make_way(there, verified)
            try:
                with os_errors():
                    restoring.lay()
                    run.inputs = self.rekey(run.inputs)
                    clones.note(checkpoint, hypervisor, name)
                    restoring.start(verified)
            except BaseException as error:
                self._undo(run, restoring.left("lay"))
                if there and isinstance(error, StrataError):
                    raise CheckpointError(
                        f"{error} What was there is gone already: bring the environment up."
                    ) from error
                raise
            run.done += changes
            self.started = Started("warm", checkpoint.manifest.digest)

    def _undo(self, run: Convergence, laid: UnderWay) -> None:
        """Keys may have come from the checkpoint: whatever they are now, they are the environment's."""
        hypervisor, name = run.session.hypervisor, run.environment.name
        for guest in laid.guests:
            run.session.forget(guest)
        discard(hypervisor, name, laid)
        run.inputs = self.rekey(run.inputs)


def _from(checkpoint: Checkpoint, made: Iterable[Change], there: Collection[Key]) -> list[Change]:
    """What is *made* of guests and disks, as the checkpoint makes it, in place of those that are *there*. Pure."""
    reason = f"from checkpoint {checkpoint.name}"
    return [
        replace(change, action="replace" if change.key in there else change.action, reason=reason)
        if change.key.kind in _RESTORED
        else change
        for change in made
    ]


def _to_be_done(run: Convergence, kinds: tuple[str, ...]) -> Plan:
    """The plan of *kinds* alone."""
    found = observed(kinds, run.session.hypervisor, run.environment.name)
    return plan(declared(kinds, run.environment, run.inputs), found, effect, adopt=run.adopt)


def _there(run: Convergence, kinds: tuple[str, ...]) -> list[Observed]:
    """Declared objects of *kinds* that are there, whoever made them."""
    keys = {item.key for item in declared(kinds, run.environment, run.inputs)}
    found = observed(kinds, run.session.hypervisor, run.environment.name)
    return [item for item in found if item.key in keys]


def _prove(run: Convergence, guest: str) -> None:
    """What is not healthy is told, and no reason to leave off: the plan may be what puts it right."""
    try:
        prove(run, guest)
    except StrataError as error:
        run.progress.report("checkpoint", "failed", str(error))


def _await_all(run: Convergence, left: UnderWay) -> None:
    def idle(guest: str) -> None:
        with libvirt_errors(f"guest {guest}"):
            domain = find_domain(run.session.hypervisor, run.environment.name, guest)
            if domain:
                await_idle(domain)

    at_once(idle, left.guests)
