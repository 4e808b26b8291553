# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes the fingerprint of an environment: looks until two looks in a row agree, and tells what does not stay."""

from __future__ import annotations

import platform
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .. import seal_key
from ..converge import Running, running
from ..declare.environment import Environment
from ..declare.read import read_document
from ..errors import os_errors
from ..folders import Folders
from ..inputs import Inputs
from ..kvm.hypervisor import Hypervisor
from ..masking import hidden, secrets_of
from ..parallel import at_once
from ..progress import Progress
from ..requirements import require, versions
from ..resolve import resolve
from . import fingerprint_key
from .compare import differ
from .fingerprint import Assembly, Fingerprint
from .leaf import Branch, Leaf
from .lock import LockedContainerImage, plain, unknown
from .lock_engine import look as locked_images
from .lock_use import LockUse
from .look.artifacts import artifact_branches
from .look.declared import declared_branches, identity_branch
from .look.forwards import forward_branches
from .look.guest_look import FilesLook, GuestLook, again, digests_of, look_at_files, look_at_guest
from .look.hypervisor import hypervisor_branches
from .look.names import derived_names, file_names, key_names, place_names, whole_names
from .ruleset import RULES
from .tokens import Tokens

#: Seconds within which two looks in a row have to agree.
SETTLE = 60.0
#: Seconds between looks at what moves: a look is work for guests that may be slow to get healthy.
PAUSE = 1.0
#: Packages that had a hand in it.
_TOOLS = ("strata-kvm-docker", "docker", "libvirt-python", "pydantic")


def take(
    declaration: Path, folders: Folders, level: int = 3, progress: Progress | None = None, key: Path | None = None
) -> Fingerprint:
    """The fingerprint of the environment of *declaration* as it is now, at *level* (see ``leaf.LEVELS``).

    *key*: file with the key of the seals, in place of the state folder's own. Nothing is changed or started. Raises an
    error of the :class:`~..errors.StrataError` family where it cannot be taken at all; what cannot be looked at makes
    it incomplete.
    """
    require("docker", "libvirt", "pydantic", "ruamel.yaml")
    document = read_document(declaration)
    environment, progress = document.environment, progress or Progress()
    with os_errors(), hidden(environment, progress) as mask, ExitStack() as stack:
        inputs = resolve(environment, folders)
        now = stack.enter_context(running(environment, inputs, folders, progress)) if level > 1 else None
        seal = fingerprint_key.have(folders, key)
        taking = _Taking(
            environment=environment,
            folders=folders,
            level=level,
            inputs=inputs,
            lock=LockUse.of(document, declaration, "update", folders),
            assembly=Assembly(
                tokens=Tokens(derived_names(environment), whole=whole_names(environment)),
                rules=RULES,
                seal=seal,
                masker=mask,
            ),
        )
        return taking.fingerprint(now)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sample:
    """What one look at everything that may move found; files are another matter."""

    looks: tuple[GuestLook, ...]
    leaves: Mapping[str, Leaf]
    unhealthy: tuple[str, ...]


@dataclass(slots=True, kw_only=True)
class _Taking:
    """One fingerprint while it is taken. ``missing``, ``moving``: see :class:`Fingerprint`."""

    environment: Environment
    folders: Folders
    level: int
    inputs: Inputs
    lock: LockUse
    assembly: Assembly
    missing: list[str] = field(default_factory=list)
    moving: list[str] = field(default_factory=list)

    def fingerprint(self, now: Running | None) -> Fingerprint:
        """All of it. Inputs and artifacts do not move; the rest is looked at until it rests."""
        context: dict[str, Any] = {}
        if now:
            context = _context(now.session.hypervisor)
            now, silent = now.reached()
            self.missing += [
                f"guest {name}: {silent.get(name, 'it does not run')}"
                for name in self.environment.guests
                if name not in now.guests
            ]
        leaves = dict(self._leaves(self._still(now)))
        if now:
            leaves |= self._rested(now)
        return Fingerprint(
            environment=self.environment.name,
            level=self.level,
            rules=self.assembly.rules.version,
            key=fingerprint_key.name_of(self.assembly.seal),
            taken=datetime.now(UTC).isoformat(timespec="seconds"),
            leaves=tuple(leaves[path] for path in sorted(leaves)),
            tools={"python": platform.python_version(), **versions(*_TOOLS)},
            context=context,
            missing=tuple(self.missing),
            moving=tuple(self.moving),
        )

    def _still(self, now: Running | None) -> Iterator[Branch]:
        yield from declared_branches(self.environment)
        yield identity_branch(self.environment, self.assembly.tokens.derived)
        lock = self.lock.resolved(self.inputs, _locked_images(now) if now else [])
        yield Branch(path=("lock",), tree=plain(lock), plane="lock", level=1)
        self.missing += [f"lock {path}: not known" for path in unknown(lock)] if self.level > 1 else []
        if self.level >= 5:
            yield from artifact_branches(self.inputs, self.folders)

    def _leaves(
        self, branches: Iterable[Branch], chance: Mapping[str, str] | None = None
    ) -> Iterator[tuple[str, Leaf]]:
        """By path; *chance*: names for what an engine drew. What is of this machine has names for its folders."""
        named = place_names(self.environment, self.folders) if chance is None else chance
        for leaf in self.assembly.with_chance(named).leaves(branches, self.level):
            yield leaf.path, leaf

    def _rested(self, now: Running) -> dict[str, Leaf]:
        first = self._sample(now)
        files = self._files(now, first.looks) if self.level >= 4 else {}
        until = time.monotonic() + SETTLE
        while True:
            second = self._sample(now)
            moving = [*_moving(first.leaves, second.leaves), *second.unhealthy]
            if not moving or time.monotonic() > until:
                break
            first = second
            time.sleep(PAUSE)
        self.moving += moving
        self.missing += [reason for look in second.looks for reason in look.missing(self.level)]
        return {**second.leaves, **dict(self._leaves_of_files(now, second.looks, files))}

    def _sample(self, now: Running) -> _Sample:
        """All guests at once, and the hypervisor meanwhile."""
        with ThreadPoolExecutor(max(1, len(now.guests))) as pool:
            looking = [pool.submit(self._look, now, guest) for guest in now.guests]
            leaves = dict(self._leaves(self._outside(now.session.hypervisor)))
            looks = tuple(each.result() for each in looking)
        for look in looks:
            leaves |= self._leaves(look.branches(), self._chance(look))
        return _Sample(looks=looks, leaves=leaves, unhealthy=tuple(path for look in looks for path in look.unhealthy()))

    def _outside(self, hypervisor: Hypervisor) -> Iterator[Branch]:
        yield from hypervisor_branches(hypervisor, self.environment.name)
        yield from forward_branches(hypervisor, self.environment.name)

    def _look(self, now: Running, guest: str) -> GuestLook:
        return look_at_guest(now.session.engine(guest), now.machine(guest), self.level)

    def _files(self, now: Running, looks: tuple[GuestLook, ...]) -> dict[str, FilesLook]:
        found = at_once(lambda look: look_at_files(now.machine(look.guest), look), looks)
        return {look.guest: files for look, files in zip(looks, found, strict=True)}

    def _leaves_of_files(
        self, now: Running, looks: tuple[GuestLook, ...], files: Mapping[str, FilesLook]
    ) -> Iterator[tuple[str, Leaf]]:
        """Read again what changed since it was read, until no file that counts does."""
        secrets = digests_of(secrets_of(self.environment))
        keys = key_names(self.environment, self.folders)
        for look in looks if files else ():
            found, until = files[look.guest], time.monotonic() + SETTLE
            # Puts names into the texts of this guest, for keys too.
            name = self.assembly.with_chance({**self._chance(look), **keys}).tokens
            while True:
                last, found = found, again(now.machine(look.guest), look, found)
                changed = set(found.moving)
                moving = _moving(*(self._of_files(look, each, secrets, name, changed) for each in (last, found)))
                if not (moving or found.unread) or time.monotonic() > until:
                    break
                time.sleep(PAUSE)
            self.moving += moving
            self.missing += [f"guest {look.guest}: {path} could not be read" for path in found.unread]
            yield from self._of_files(look, found, secrets, name).items()

    def _of_files(
        self,
        look: GuestLook,
        found: FilesLook,
        secrets: frozenset[str],
        name: Tokens,
        only: Collection[str] | None = None,
    ) -> dict[str, Leaf]:
        """Leaves of the files that were *found*, or of *only* those paths."""
        if only is not None:
            found = replace(found, files={path: file for path, file in found.files.items() if path in only})
        return dict(self._leaves(found.branches(look, secrets, name), self._chance(look)))

    def _chance(self, look: GuestLook) -> dict[str, str]:
        """Names for what a guest's engine drew, and for what is made with the environment's key."""
        seal = seal_key.find(self.environment.name, self.folders)
        return {**look.chance, **file_names(self.environment.guests[look.guest], seal)}


def _locked_images(now: Running) -> list[Mapping[str, LockedContainerImage]]:
    return at_once(locked_images, now.engines())


def _moving(first: Mapping[str, Leaf], second: Mapping[str, Leaf]) -> list[str]:
    return [path for path in sorted(first.keys() | second.keys()) if differ(first.get(path), second.get(path))]


def _context(hypervisor: Hypervisor) -> dict[str, Any]:
    """What it runs on: told, and in no hash."""
    return {
        "libvirt": hypervisor.version(),
        "driver": hypervisor.connection.getType(),
        "kernel": platform.release(),
        "machine": platform.machine(),
    }
