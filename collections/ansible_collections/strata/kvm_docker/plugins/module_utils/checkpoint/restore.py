# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lays a checkpoint where its environment belongs, in place of what is there, and has its guests run; or removes again
what it has laid."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from operator import call
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import CheckpointError
from ..guest.files import make_private, write_whole
from ..guest.image_store import DISK, resolve
from ..kvm import guest as guests
from ..kvm.disk import mark_of
from ..kvm.domain import find_domain, is_running
from ..kvm.errors import libvirt_errors, unless_gone
from ..kvm.overlay import mark_overlay, refresh_pool
from ..kvm.qcow2 import backing_of
from ..kvm.wake import wake
from ..parallel import at_once
from ..plan.model import Declared, Key
from ..resources import declared
from ..store.items import touch
from ..store.layers import StoredLayer, stored_layers
from ..store.layers import verify as verify_piece
from . import clones, domains, files, under_way
from .contents import declared_disks, places
from .manifest import disk_name, memory_name
from .resume import prove, resume_all
from .store import Checkpoint, require_space
from .under_way import UnderWay

if TYPE_CHECKING:
    from ..convergence import Convergence
    from ..kvm.hypervisor import Hypervisor


@dataclass(frozen=True)
class Restoring:
    """One checkpoint and the run that starts by it."""

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

    def verify_laid(self, copies: Mapping[str, Path] | None = None) -> None:
        """Verify what is to be laid, disks and keys; disks by their *copies*, which are made meanwhile, where those are
        given. Nothing else is written."""
        copies = copies or {}
        with self.run.progress.stage("checkpoint disks", "copying them" if copies else "verifying them"):
            disks = [partial(self._take_over, disk_name(name), copies.get(name)) for name in self._stands_on]
            at_once(call, [*disks, *(partial(self._take_over, name, None) for name in self._keys())])
            for name, (item, below) in self._stands_on.items():
                self._require_below(item, copies.get(name) or self.checkpoint.file(disk_name(name)), below)

    def verify_rest(self) -> None:
        """Verify the rest: memory, and what the disks stand on here; nothing is written."""
        with self.run.progress.stage("checkpoint files", "verifying memory and images"):
            memory = [partial(self._take_over, memory_name(guest), None) for guest in self.guests]
            at_once(call, [*(partial(verify_piece, piece) for piece in self._pieces()), *memory])

    def fetch(self) -> None:
        """Verify what is to be laid, and have copies of the disks beside their places, in pools that are there."""
        disks = declared_disks(self.run)
        stored = {name: self.checkpoint.file(disk_name(name)) for name in disks}
        needed = sum(path.stat().st_blocks * 512 for path in stored.values() if path.exists())
        require_space(self.hypervisor.folders.pool(self.name), needed, "a warm start")
        self._note("fetch")
        try:
            self.verify_laid({name: _aside(path) for name, (_item, path) in disks.items()})
            for piece in self._pieces():
                touch(piece)
        except BaseException:
            self._leave_off()
            raise

    def make_way(self, there: Collection[Key], verified: Callable[[], None]) -> None:
        """Have guests that are *there* gone, switched off and undefined, once *verified* has returned. Their disks are
        as they left them, and the plan could start them again, until the note says that others are laid."""
        try:
            if there:
                verified()
                with libvirt_errors("guests"), self.run.progress.stage("checkpoint", "switching off what is there"):
                    names = [key.name for key in there if key.kind == "guest"]
                    at_once(partial(guests.remove, self.hypervisor, self.name), names)
            self._note("lay")
        except BaseException:
            self._leave_off()
            raise

    def lay(self) -> None:
        """Disks and keys in place."""
        with libvirt_errors("disks"), self.run.progress.stage("checkpoint", "putting its disks in place"):
            for item, path in declared_disks(self.run).values():
                mark_overlay(_aside(path), mark_of(item))
                _aside(path).replace(path)
            refresh_pool(unless_gone(self.hypervisor.connection.storagePoolLookupByName, self.name))
        self._place_keys()

    def start(self, verified: Callable[[], None]) -> None:
        """The guests as they were, then awake and healthy. Their definitions are made as any other's. None runs before
        what *verified* waits for, which may raise, and before its disks would outlive a power cut."""
        wanted = {item.key.name: item for item in declared(("guest",), self.run.environment, self.run.inputs)}
        work: list[Callable[[], None]] = [verified]
        work += [partial(files.sync, path) for _declared, path in declared_disks(self.run).values()]
        work += [partial(self._restore, guest, wanted[guest]) for guest in self.guests]
        at_once(call, work)
        self._note("wake")
        resume_all(self.hypervisor, self.name, self.guests)
        at_once(self._prove, self.guests)
        under_way.clear(self.name, self.hypervisor.folders)

    def _prove(self, guest: str) -> None:
        wake(self.hypervisor, self.name, guest, self.run.progress)
        prove(self.run, guest)

    def _keys(self) -> list[str]:
        return [name for name in self.checkpoint.manifest.files if name.startswith("keys/")]

    def left(self, doing: under_way.Doing) -> UnderWay:
        """What is being done, as the next run finds it if this one is killed."""
        disks = {name: str(path) for name, (_declared, path) in declared_disks(self.run).items()}
        return UnderWay(doing=doing, guests=self.guests, disks=disks if doing != "wake" else {})

    def _note(self, doing: under_way.Doing) -> None:
        under_way.note(self.name, self.hypervisor.folders, self.left(doing))

    def _leave_off(self) -> None:
        drop_copies(self.left("fetch"))
        under_way.clear(self.name, self.hypervisor.folders)

    def _pieces(self) -> set[Path]:
        """The folders in the store that disks are to stand on."""
        return {piece for _item, below in self._stands_on.values() for piece in below}

    @cached_property
    def _stands_on(self) -> dict[str, tuple[Declared, list[Path]]]:
        """The declared disks by name, each with the folders in the store that it is to stand on."""
        layers = {layer.content: layer for layer in stored_layers(self.hypervisor.folders)}
        return {name: (item, self._below(item, layers)) for name, (item, _path) in declared_disks(self.run).items()}

    def _below(self, item: Declared, layers: Mapping[str, StoredLayer]) -> list[Path]:
        """The folders in the store that a disk is to stand on, the topmost first: of its engine layer, of its image.
        *layers*: all that are there, by content."""
        image = resolve(self.hypervisor.folders, item.spec["image"]) if "image" in item.spec else None
        kept = self.checkpoint.manifest.origin.layers.get(item.key.name) if image else None
        layer = layers.get(kept.content) if kept else None
        return [each.disk.parent for each in (layer, image) if each]

    def _take_over(self, name: str, target: Path | None) -> None:
        """Verify a file of the checkpoint; where it has a target, by what was copied there."""
        source, expected = self.checkpoint.file(name), self.checkpoint.manifest.files.get(name)
        if expected is None or not source.is_file():
            raise CheckpointError(f"{source}: the checkpoint lacks it. Remove the checkpoint and make it anew.")
        found = files.copy(source, target) if target else files.measure(source)
        files.verify(found, expected, source)

    def _require_below(self, item: Declared, path: Path, pieces: list[Path]) -> None:
        """The disk of the checkpoint, at *path*, must stand on the topmost of the *pieces* (folders)."""
        found, below = backing_of(path), pieces[0] / DISK if pieces else None
        if found != below:
            raise CheckpointError(f"{item.key}: in the checkpoint it stands on {found}, and here on {below}.")

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
        self.run.session.forget(guest)
        with libvirt_errors(f"guest {guest}"), self.run.progress.stage(f"guest {guest}", "restoring its memory"):
            domain = guests.define(self.hypervisor, item)
            domains.restore(domain, self.checkpoint.file(memory_name(guest)), moved)


def discard(hypervisor: Hypervisor, environment: str, left: UnderWay) -> None:
    """Remove guests and disks that were laid; nobody has written anything to them yet."""
    with libvirt_errors("what was restored"):
        for guest in left.guests:
            guests.remove(hypervisor, environment, guest)
        drop_copies(left)
        for path in map(Path, left.disks.values()):
            path.unlink(missing_ok=True)
        refresh_pool(unless_gone(hypervisor.connection.storagePoolLookupByName, environment))
    clones.forget(hypervisor, environment)
    under_way.clear(environment, hypervisor.folders)


def drop_copies(left: UnderWay) -> None:
    """Remove the copies of disks that are beside their places."""
    for path in map(Path, left.disks.values()):
        _aside(path).unlink(missing_ok=True)


def runs(hypervisor: Hypervisor, environment: str, left: UnderWay) -> bool:
    """Whether a guest of those that are *left* runs."""
    with libvirt_errors("guests"):
        found = (find_domain(hypervisor, environment, guest) for guest in left.guests)
        return any(is_running(domain) for domain in found if domain)


def _aside(path: Path) -> Path:
    """As disks have it that are made here, so that whatever removes one removes this too."""
    return path.with_name(f".{path.name}.new")
