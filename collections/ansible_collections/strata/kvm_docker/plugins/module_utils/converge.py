# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the front ends call: bring an environment to its declared state, or tell what that would take."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, TypeAlias

from . import locks, report, requirements
from .checkpoint import warm
from .checkpoint.warm import Started
from .convergence import Convergence
from .declare.environment import Environment
from .declare.read import Document, read_document, read_identity
from .docker.engine import WAIT_TIMEOUT, Engine, check_wait
from .errors import DeclarationError, StrataError, os_errors
from .folders import Folders
from .guest import access
from .guest.machine import Machine
from .identity import lock_engine
from .identity.lock_use import LockReport, LockUse, Mode
from .inputs import Inputs
from .kvm import embedded, host
from .kvm.hypervisor import Hypervisor, find_uri, opened
from .layers.layer import Layer
from .locks import locked
from .masking import Masker, hidden
from .parallel import at_once
from .plan.model import Key, Observed, Plan
from .preparation import Preparation
from .prepare import open_guest_engine
from .progress import Progress
from .resolve import guest_images
from .resources import HYPERVISOR_KINDS, observed
from .run_record import Recorder, recording
from .session import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How to converge. ``lock_timeout``: seconds to wait for another run of the same environment.

    ``replace_guests``: make guests anew whose image changed, with their disks. ``adopt``: take over strangers.
    ``wait_timeout``: seconds to wait for one container, 0: no limit. ``lock``: what to do with the environment's lock.
    ``start``: whether guests that are not there begin by a checkpoint; ``allow_clone``: also where guests of it run
    elsewhere.
    """

    folders: Folders
    progress: Progress
    check: bool = False
    remove_orphans: bool = False
    replace_guests: bool = False
    adopt: bool = False
    lock_timeout: float = locks.TIMEOUT
    wait_timeout: int = WAIT_TIMEOUT
    lock: Mode | None = None
    start: warm.Mode = "auto"
    allow_clone: bool = False

    def __post_init__(self) -> None:
        check_wait(self.wait_timeout)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What was (in check mode: would be) changed, and how the environment stands.

    ``guests``: the running guests and what is on their engines. ``seconds``: of observe, plan, apply and settle.
    ``mask``: takes the secrets of the declaration out of a text. ``lock``: what became of the lock, if there is one.
    ``started``: how guests began that were not there, where a checkpoint could have been used.
    """

    environment: str
    plan: Plan
    guests: list[report.GuestRow] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    mask: Masker = field(default_factory=Masker, repr=False)
    lock: LockReport | None = None
    started: Started | None = None

    @property
    def unobserved(self) -> tuple[str, ...]:
        """Guests whose engine was not looked at; a preview does not look at those that are to be started, too."""
        return self.plan.unobserved

    @property
    def changed(self) -> bool:
        return bool(self.plan) or bool(self.lock and self.lock.changed)


State: TypeAlias = Literal["present", "absent", "started", "stopped"]


def converge(declaration: Path, state: State, options: Options) -> Outcome:
    """Bring the environment of *declaration* to *state*; in check mode tell what that would change.

    ``started`` and ``stopped`` leave everything as it is but for whether it runs.

    Raises an error of the :class:`~.errors.StrataError` family; what exists is then consistent, and running again
    goes on from there.
    """
    requirements.require("docker", "libvirt", "pydantic", "ruamel.yaml")
    with os_errors():
        if state == "absent":
            return _absent(declaration, options)
        if state == "stopped":
            return _stopped(declaration, options)
        return _present(declaration, options, "start" if state == "started" else None)


def _present(declaration: Path, options: Options, only: Literal["start"] | None) -> Outcome:
    with opened_run(declaration, options, only) as opened_one:
        return outcome_of(opened_one, options, opened_one.run.converge(options.check))


@dataclass(frozen=True, slots=True)
class OpenedRun:
    """``mask``: takes the secrets of the declaration out of texts. ``warnings``: the run adds to them. ``record``: of
    its events."""

    run: Convergence
    mask: Masker
    warnings: list[str]
    record: Recorder


@contextmanager
def opened_run(
    declaration: Path, options: Options, only: Literal["start"] | None = None, name: str = "present"
) -> Iterator[OpenedRun]:
    """A run over the environment of *declaration*, which is checked and locked meanwhile; it is recorded as *name*."""
    document = read_document(declaration)
    environment = document.environment
    with (
        hidden(environment, options.progress) as mask,
        recording(environment.name, "started" if only else name, options.progress) as record,
        _locked(environment.name, options),
        _hypervisor(environment.hypervisor.uri, options) as hypervisor,
    ):
        with options.progress.stage("check"):
            if only:
                _require_guests(environment, hypervisor)
            else:
                _check(document, hypervisor)
        lock = None if only else LockUse.of(document, declaration, options.lock, options.folders)
        preparation = Preparation(environment, hypervisor, options, only, lock)
        with options.progress.stage("inputs"):
            run = preparation.convergence()
        if not options.check:
            record.keep_in(options.folders.runs(environment.name))
        try:
            yield OpenedRun(run, mask, preparation.warnings, record)
        finally:
            run.session.close()


def outcome_of(opened_one: OpenedRun, options: Options, made: Plan) -> Outcome:
    """What is told of a run that *made* these changes, or in check mode would make them."""
    run = opened_one.run
    held = _lock_of(run, run.lock, options) if run.lock else None
    started = run.warm.started if run.warm else None
    with options.progress.stage("report"):
        rows = [report.guest_row(run.environment.guests[name], run.session.engine(name)) for name in run.running]
    told = [*_cold(started), *_unseen(made, options.check), *_left_open(held), *opened_one.record.problems]
    return Outcome(
        environment=run.environment.name,
        plan=made,
        guests=rows,
        warnings=[*opened_one.warnings, *told],
        seconds=run.seconds,
        mask=opened_one.mask,
        lock=held,
        started=started,
    )


def _cold(started: Started | None) -> list[str]:
    """A warning about a checkpoint that was there and of no use."""
    return [f"the start was cold: {started.reason}"] if started and started.reason else []


def _lock_of(run: Convergence, lock: LockUse, options: Options) -> LockReport | None:
    """What became of the lock; one that the run makes is written at its end."""
    engines = run.running if lock.writes else ()
    report = lock.report(run.resolved, [lock_engine.look(run.session.engine(name)) for name in engines])
    if report and report.changed and not options.check:
        report.write()
    return report


def _unseen(made: Plan, check: bool) -> list[str]:
    """A warning about guests whose engine nobody looks at: those that a preview has not planned to put right."""
    unseen = [guest for guest in made.unobserved if not check or Key("guest", guest) in made.left_off]
    if not unseen:
        return []
    return [f"guest {', '.join(unseen)}: left as it is, so what is on its engine was not looked at."]


def _left_open(report: LockReport | None) -> list[str]:
    """A warning about what the lock that is in use does not hold."""
    if report is None or report.changed or not report.unknown:
        return []
    return [f"{report.path} leaves open: {', '.join(report.unknown)}. lock: update, or strata lock, completes it."]


@dataclass(frozen=True, slots=True)
class Running:
    """An environment as it runs now: the ``session`` to it, and its ``guests`` that run."""

    session: Session
    guests: tuple[str, ...]

    def engines(self) -> list[Engine]:
        """The engines of all of them; waits for those that boot."""
        return at_once(self.session.engine, self.guests)

    def reached(self) -> tuple[Running, dict[str, StrataError]]:
        """With the guests whose engine answers only, and why the others do not; waits for those that boot."""
        silent: dict[str, StrataError] = {}

        def reach(guest: str) -> None:
            try:
                self.session.engine(guest)
            except StrataError as error:
                silent[guest] = error

        at_once(reach, self.guests)
        return replace(self, guests=tuple(guest for guest in self.guests if guest not in silent)), silent

    def machine(self, guest: str) -> Machine:
        """The shell of a guest, connected once its engine was."""
        return access.shell(self.session.environment, guest, self.session.hypervisor.folders)


@contextmanager
def running(environment: Environment, inputs: Inputs, folders: Folders, progress: Progress) -> Iterator[Running]:
    """What runs of *environment* now; nothing is started for it.

    Raises :class:`~.errors.HypervisorError` where no hypervisor answers.
    """
    requirements.require("docker", "libvirt")
    with opened(environment.hypervisor.uri, folders) as hypervisor:
        session = Session(
            environment.name,
            hypervisor,
            lambda guest: open_guest_engine(hypervisor, environment, guest, inputs, progress),
        )
        found = [item for item in observed(("guest",), hypervisor, environment.name) if item.running and item.owned]
        try:
            yield Running(session, tuple(item.key.name for item in found if item.key.name in environment.guests))
        finally:
            session.close()


def _absent(declaration: Path, options: Options) -> Outcome:
    """Remove all that carries the environment's mark; of the declaration only its name and URI matter."""
    name, uri = read_identity(declaration)
    if not options.check:
        _revive(uri, options)
    with (
        _locked(name, options),
        opened(uri, options.folders, may_be_absent=True, may_be_stopped=options.check) as hypervisor,
    ):
        layer = Layer(
            environment=Environment(name=name, folder=str(declaration.parent)),
            connection=hypervisor,
            kinds=HYPERVISOR_KINDS,
            progress=options.progress,
            speaks_for=lambda item: isinstance(item, Observed) and item.owned,
            remove_orphans=True,
        )
        if not options.check:
            access.disconnect(name, options.folders)
        made = layer.converge(options.check)
        if not options.check:
            _forget(options.folders.environment(name), made)
    return Outcome(environment=name, plan=made)


def _forget(folder: Path, made: Plan) -> None:
    """Remove the environment's keys; where that fails, *made* is told with the error."""
    try:
        with os_errors():
            if folder.exists():
                shutil.rmtree(folder)
    except StrataError as error:
        error.made = made.changes
        raise


def _require_guests(environment: Environment, hypervisor: Hypervisor) -> None:
    """What is not there cannot be started."""
    there = {item.key.name for item in observed(("guest",), hypervisor, environment.name) if item.owned}
    missing = sorted(environment.guests.keys() - there)
    if missing:
        raise StrataError(f"guest {', '.join(missing)}: not there, so it cannot be started. Use state: present.")


def _stopped(declaration: Path, options: Options) -> Outcome:
    """Shut the guests down, with all that runs in them; end their forwards."""
    environment = read_document(declaration).environment
    with (
        recording(environment.name, "stopped", options.progress) as record,
        _locked(environment.name, options),
        _hypervisor(environment.hypervisor.uri, options, may_be_absent=True) as hypervisor,
    ):
        layer = Layer(
            environment=environment,
            connection=hypervisor,
            kinds=("guest", "forward"),
            inputs=Inputs(guest_images=guest_images(environment)),
            progress=options.progress,
            running=False,
            only="stop",
        )
        if not options.check:
            if options.folders.environment(environment.name).exists():
                record.keep_in(options.folders.runs(environment.name))
            access.disconnect(environment.name, options.folders)
        return Outcome(environment=environment.name, plan=layer.converge(options.check), warnings=[*record.problems])


def _revive(uri: str, options: Options) -> None:
    """What a stopped embedded hypervisor (after a reboot, say) has defined can be removed through it only."""
    folders = options.folders
    if find_uri(uri, folders) == embedded.uri(folders) and embedded.holds_definitions(folders):
        embedded.start(folders, options.progress)


def _locked(environment: str, options: Options) -> AbstractContextManager[None]:
    path = options.folders.lock(environment)
    return locked(path, environment, options.lock_timeout, options.progress, options.check)


def _hypervisor(uri: str, options: Options, may_be_absent: bool = False) -> AbstractContextManager[Hypervisor]:
    return opened(uri, options.folders, options.check or may_be_absent)


def _check(document: Document, hypervisor: Hypervisor) -> None:
    """Refuse what this machine cannot hold, before anything is touched."""
    problems = document.problems(host.facts(hypervisor, document.environment.name))
    if problems:
        raise DeclarationError(problems)
