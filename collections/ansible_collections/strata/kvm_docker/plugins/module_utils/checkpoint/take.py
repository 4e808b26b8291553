# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes a checkpoint: all guests stand still at one moment, are saved with their disks, and go on.

Whatever happens meanwhile, the guests run again afterwards, or are off and the next run starts them; a checkpoint is
whole or not there.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import CheckpointError, StrataError, os_errors
from ..guest import access, inside
from ..guest.files import make_private
from ..kvm.domain import find_domain, power_on
from ..kvm.errors import libvirt_errors
from ..kvm.wake import wake
from ..parallel import at_once
from . import clones, domains, files, under_way
from .contents import declared_disks, key_files, places, refuse_what_cannot_be_kept
from .manifest import Manifest, StoredFile, disk_name, memory_name
from .origin import Origin
from .resume import prove, resume_all
from .store import Checkpoint, Store, require_space
from .under_way import UnderWay

if TYPE_CHECKING:
    import libvirt

    from ..convergence import Convergence
    from ..kvm.hypervisor import Hypervisor
    from ..progress import Progress


def take(run: Convergence, store: Store, origin: Origin) -> Checkpoint:
    """Keep the environment of *run*, which is as declared, as the checkpoint of *origin*.

    Raises :class:`StrataError`; the guests run on then.
    """
    refuse_what_cannot_be_kept(run)
    disks = {name: path for name, (_declared, path) in declared_disks(run).items()}
    memory = sum(guest.memory_max or guest.memory for guest in run.environment.guests.values())
    require_space(store.folder, memory + sum(_used(path) for path in disks.values()), "the checkpoint")
    taking = _Taking(run, store.stage(), disks)
    try:
        with os_errors(), run.progress.stage("checkpoint", "keeping memory and disks of all guests"):
            taking.prepare()
            stored = taking.keep()
            manifest = Manifest(
                environment=run.environment.name,
                made=datetime.now(UTC).isoformat(timespec="seconds"),
                origin=origin,
                places=places(store.folders, run.environment.name),
                guests=tuple(run.environment.guests),
                disks=tuple(disks),
                files=stored,
            )
            made = store.publish(manifest)
            clones.note(made, run.session.hypervisor, run.environment.name)
            return made
    except BaseException:
        shutil.rmtree(store.staging, ignore_errors=True)
        raise


def _used(path: Path) -> int:
    return path.stat().st_blocks * 512


@dataclass(frozen=True, slots=True)
class _Taking:
    """``disks``: files by the disks' names."""

    run: Convergence
    staging: Path
    disks: Mapping[str, Path]

    @property
    def guests(self) -> tuple[str, ...]:
        return tuple(self.run.environment.guests)

    @property
    def hypervisor(self) -> Hypervisor:
        return self.run.session.hypervisor

    @property
    def progress(self) -> Progress:
        return self.run.progress

    def prepare(self) -> None:
        """What guests have in memory only is written to their disks, in case that this run is killed. Files leave their
        memory but for those that a warm start needs first: it is rehearsed, and health checks are to pass anyway.
        Connections of ours end, which would be dead in the copy."""

        def quiet(guest: str) -> None:
            shell = access.shell(self.run.environment.name, guest, self.hypervisor.folders)
            inside.forget_files(shell)
            self.run.session.forget(guest)
            wake(self.hypervisor, self.run.environment.name, guest, self.progress)
            prove(self.run, guest)
            with self.progress.stage(f"guest {guest}", "tidying its memory"):
                inside.zero_free_memory(shell)
            self.run.session.forget(guest)

        at_once(quiet, self.guests)

    def keep(self) -> dict[str, StoredFile]:
        """Memory, disks and keys, staged; the guests run again."""
        left = UnderWay(doing="take", guests=self.guests, disks={})
        under_way.note(self.run.environment.name, self.hypervisor.folders, left)
        try:
            with libvirt_errors("guests"):
                for guest in self.guests:
                    self._domain(guest).suspend()
            stored = [kept for each in at_once(self._keep, self.guests) for kept in each.items()]
        except BaseException:
            self._go_on_somehow()
            raise
        self._go_on()
        stored += self._measure_memory()
        return dict([*stored, *self._keep_keys().items()])

    def _domain(self, guest: str) -> libvirt.virDomain:
        domain = find_domain(self.hypervisor, self.run.environment.name, guest)
        if domain is None:
            raise CheckpointError(f"guest {guest} is gone. Bring the environment up first.")
        return domain

    def _memory(self, guest: str) -> Path:
        return self.staging / memory_name(guest)

    def _keep(self, guest: str) -> dict[str, StoredFile]:
        """Its memory and its disks; it is back then, suspended."""
        with libvirt_errors(f"guest {guest}"), self.progress.stage(f"guest {guest}", "saving memory and disks"):
            domains.save(self._domain(guest), self._memory(guest))
            own = [name for name in self.disks if name.partition(".")[0] == guest]
            kept = {disk_name(name): files.copy(self.disks[name], self.staging / disk_name(name)) for name in own}
            domains.restore(self._domain(guest), self._memory(guest), {})
            return kept

    def _go_on(self) -> None:
        name = self.run.environment.name
        resume_all(self.hypervisor, name, self.guests)
        at_once(lambda guest: wake(self.hypervisor, name, guest, self.progress), self.guests)
        under_way.clear(name, self.hypervisor.folders)

    def _go_on_somehow(self) -> None:
        """After an error, which is the news: a guest that was saved comes back from that, else it is started anew."""

        def bring_back(guest: str) -> None:
            domain = self._domain(guest)
            domains.await_idle(domain)
            if not domain.isActive():
                try:
                    with libvirt_errors(f"guest {guest}"):
                        domains.restore(domain, self._memory(guest), {})
                except StrataError:
                    power_on(domain)

        try:
            with libvirt_errors("guests"):
                at_once(bring_back, self.guests)
            self._go_on()
        except StrataError as error:
            self.progress.report("checkpoint", "failed", f"guests may be off until the next run: {error}")

    def _measure_memory(self) -> list[tuple[str, StoredFile]]:
        """Guests run again already; all files are on the disk then."""
        measured = at_once(lambda guest: files.measure(self._memory(guest)), self.guests)
        names = [memory_name(guest) for guest in self.guests]
        at_once(lambda name: files.sync(self.staging / name), [*names, *map(disk_name, self.disks)])
        return list(zip(names, measured, strict=True))

    def _keep_keys(self) -> dict[str, StoredFile]:
        kept = {}
        for name, path in key_files(self.hypervisor.folders.environment(self.run.environment.name)).items():
            target = self.staging / name
            for folder in reversed([target.parent, *target.parent.parents]):
                if folder.is_relative_to(self.staging):
                    make_private(folder)
            kept[name] = files.copy(path, target)
            files.sync(target)
        return kept
