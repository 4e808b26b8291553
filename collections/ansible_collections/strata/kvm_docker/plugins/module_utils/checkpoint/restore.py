# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lays a checkpoint where its environment belongs, and has its guests run; or removes again what it has laid."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..docker.proof import prove_health
from ..errors import CheckpointError
from ..guest.files import make_private, write_whole
from ..guest.image_store import resolve
from ..kvm import guest as guests
from ..kvm.disk import mark_of
from ..kvm.domain import find_domain, is_running, undefine
from ..kvm.errors import libvirt_errors, unless_gone
from ..kvm.overlay import mark_overlay, refresh_pool
from ..kvm.qcow2 import read_qcow2
from ..kvm.wake import wake
from ..parallel import at_once
from ..plan.model import Declared
from ..resources import declared
from . import domains, files, under_way
from .contents import declared_disks, places
from .manifest import disk_name, memory_name
from .store import Checkpoint, require_space
from .under_way import UnderWay
from .wake import resume_all

if TYPE_CHECKING:
    from ..convergence import Convergence
    from ..kvm.hypervisor import Hypervisor


@dataclass(frozen=True, slots=True)
class Restoring:
    """One checkpoint and the run that starts by it; networks and pools are there, guests and disks are not."""

    run: Convergence
    checkpoint: Checkpoint

    @property
    def name(self) -> str:
        return self.run.environment.name

    @property
    def hypervisor(self) -> Hypervisor:
        return self.run.session.hypervisor

    @property
    def guests(self) -> tuple[str, ...]:
        return self.checkpoint.manifest.guests

    def lay(self) -> None:
        """Disks and keys in place; every file of the checkpoint is verified before the first guest is made of it."""
        disks = declared_disks(self.run)
        stored = {name: self.checkpoint.file(disk_name(name)) for name in disks}
        needed = sum(path.stat().st_blocks * 512 for path in stored.values() if path.exists())
        require_space(self.hypervisor.folders.pool(self.name), needed, "a warm start")
        self._note("lay", {name: str(path) for name, (_declared, path) in disks.items()})
        with libvirt_errors("disks"), self.run.progress.stage("checkpoint files", "verifying memory, copying disks"):
            work = [(name, path) for name, (_declared, path) in disks.items()]
            memory = [(memory_name(guest), None) for guest in self.guests]
            keys = [(name, None) for name in self._keys()]
            at_once(self._take_over, [*((disk_name(name), path) for name, path in work), *memory, *keys])
            for item, path in disks.values():
                self._place(item, path)
            refresh_pool(unless_gone(self.hypervisor.connection.storagePoolLookupByName, self.name))
        self._place_keys()

    def start(self) -> None:
        """The guests as they were, then awake and healthy. Their definitions are made as any other's."""
        wanted = {item.key.name: item for item in declared(("guest",), self.run.environment, self.run.inputs)}
        at_once(lambda guest: self._restore(guest, wanted[guest]), self.guests)
        self._note("wake", {})
        resume_all(self.hypervisor, self.name, self.guests)
        disks = [path for _declared, path in declared_disks(self.run).values()]
        at_once(self._prove, self.guests)
        at_once(files.sync, disks)
        under_way.clear(self.name, self.hypervisor.folders)

    def _prove(self, guest: str) -> None:
        wake(self.hypervisor, self.name, guest, self.run.progress)
        engine = self.run.session.engine(guest)
        with self.run.progress.stage(f"guest {guest}", "proving the health of its containers"):
            prove_health(engine)

    def _keys(self) -> list[str]:
        return [name for name in self.checkpoint.manifest.files if name.startswith("keys/")]

    def _note(self, doing: under_way.Doing, disks: Mapping[str, str]) -> None:
        under_way.note(self.name, self.hypervisor.folders, UnderWay(doing=doing, guests=self.guests, disks=disks))

    def _take_over(self, work: tuple[str, Path | None]) -> None:
        """Verify a file of the checkpoint; a disk's by what was copied of it."""
        name, target = work
        source, expected = self.checkpoint.file(name), self.checkpoint.manifest.files.get(name)
        if expected is None or not source.is_file():
            raise CheckpointError(f"{source}: the checkpoint lacks it. Remove the checkpoint and make it anew.")
        found = files.copy(source, _aside(target)) if target else files.measure(source)
        files.verify(found, expected, source)

    def _place(self, item: Declared, path: Path) -> None:
        """As a disk that was made here; it must stand on the image that its guest has now."""
        aside = _aside(path)
        image = resolve(self.hypervisor.folders, item.spec["image"]) if "image" in item.spec else None
        header, below = read_qcow2(aside), image.disk if image else None
        if header is None or header.backing != below:
            found = header.backing if header else "nothing"
            raise CheckpointError(f"{item.key}: in the checkpoint it stands on {found}, and here on {below}.")
        mark_overlay(aside, mark_of(item))
        aside.replace(path)

    def _place_keys(self) -> None:
        folder = self.hypervisor.folders.environment(self.name)
        for name in self._keys():
            target = folder / name.removeprefix("keys/")
            for each in reversed([target.parent, *target.parent.parents]):
                if each.is_relative_to(folder):
                    make_private(each)
            mode = 0o644 if target.suffix == ".pub" else 0o600
            write_whole(target, self.checkpoint.file(name).read_bytes(), mode)

    def _restore(self, guest: str, item: Declared) -> None:
        was, now = self.checkpoint.manifest.places, places(self.hypervisor.folders, self.name)
        moved = {was[place]: now[place] for place in was.keys() & now.keys()}
        with libvirt_errors(f"guest {guest}"), self.run.progress.stage(f"guest {guest}", "restoring its memory"):
            guests.define(self.hypervisor, item)
            domains.restore(self.hypervisor, self.checkpoint.file(memory_name(guest)), moved)


def discard(hypervisor: Hypervisor, environment: str, left: UnderWay) -> None:
    """Remove guests and disks that were laid; nobody has written anything to them yet."""
    with libvirt_errors("what was restored"):
        for guest in left.guests:
            guests.clear_guest(hypervisor, environment, guest)
            domain = find_domain(hypervisor, environment, guest)
            if domain:
                undefine(domain)
        for path in map(Path, left.disks.values()):
            path.unlink(missing_ok=True)
            _aside(path).unlink(missing_ok=True)
        refresh_pool(unless_gone(hypervisor.connection.storagePoolLookupByName, environment))
    under_way.clear(environment, hypervisor.folders)


def runs(hypervisor: Hypervisor, environment: str, left: UnderWay) -> bool:
    """Whether a guest of those that are *left* runs."""
    with libvirt_errors("guests"):
        found = (find_domain(hypervisor, environment, guest) for guest in left.guests)
        return any(is_running(domain) for domain in found if domain)


def _aside(path: Path) -> Path:
    """As disks have it that are made here, so that whatever removes one removes this too."""
    return path.with_name(f".{path.name}.new")
