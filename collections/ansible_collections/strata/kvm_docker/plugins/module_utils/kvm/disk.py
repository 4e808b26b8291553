# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kind ``disk``: a guest's first disk, a qcow2 overlay over its image, and its data disks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from .. import naming
from ..declare.environment import Environment, Guest
from ..errors import HypervisorError, ImageError, StrataError
from ..guest import inside
from ..guest.files import free_space
from ..guest.image_store import using
from ..inputs import Inputs
from ..plan.model import Change, Condition, Declared, Difference, Effect, Key, Need, Observed, Traits
from ..progress import Progress
from ..store.engine_layer import LayerRequest, backing, requests
from ..store.use import register
from .disk_files import (
    DiskFile,
    chain,
    disk_files,
    disk_name,
    disk_path,
    external_snapshots,
    image_of,
    obstacle,
    refuse_in_use,
)
from .domain import cut_power, find_domain
from .errors import libvirt_errors, unless_gone
from .guest_live import NotFollowedError, release
from .overlay import OverlayMark, grow_overlay, make_overlay, mark_overlay, read_overlay_mark, remove_overlay
from .qcow2 import read_qcow2

if TYPE_CHECKING:
    import libvirt

    from ..guest.image_store import StoredImage
    from .hypervisor import Hypervisor

_SECTOR = 512
_MIB = 1024**2
#: What a guest writes soon after its first boot; with less than this free it would stop there.
_HEADROOM = 1024 * _MIB


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """What a disk is made from. ``disk``: name of a data disk, empty for the first disk. ``layer``: what a first disk
    stands on, where it is there; else it stands on the image itself."""

    environment: str
    guest: str
    path: Path | None
    pool: str
    disk: str = ""
    layer: LayerRequest | None = None


class Disk:
    """Declares, observes and applies disks. A data disk is named ``<guest>.<disk>``.

    ``spec``: ``size`` in bytes. Of a first disk ``image``, the digest of the recipe or source of the image below; of a
    data disk ``pool``, empty for the environment's own, and ``keep``.
    """

    kind: ClassVar[str] = "disk"
    traits: ClassVar[Traits] = Traits(adoption=Effect.IN_PLACE)

    def declare(self, environment: Environment, inputs: Inputs) -> Iterator[Declared]:
        """The first disk of each guest, and its data disks."""
        own = Need(Key("pool", environment.name))
        layers = requests(environment, inputs)
        for guest in environment.guests.values():
            layer = layers.get(guest.image)
            below = ("guest_image", "engine_layer") if layer else ("guest_image",)
            yield Declared(
                Key(self.kind, guest.name),
                {"image": inputs.guest_images[guest.image], "size": _whole_sectors(guest.disk)},
                needs=(own, *(Need(Key(kind, guest.image)) for kind in below)),
                handle=_Source(
                    environment=environment.name, guest=guest.name, path=None, pool=environment.name, layer=layer
                ),
            )
            yield from self._data_disks(environment, guest, own)

    def _data_disks(self, environment: Environment, guest: Guest, own: Need) -> Iterator[Declared]:
        """After the first one: where that is made anew it cuts the power of the guest, which may have them open."""
        for name, disk in guest.disks.items():
            pool = naming.libvirt_name(environment.name, disk.pool) if disk.pool else environment.name
            path = Path(environment.pool_path(disk.pool)) if disk.pool else None
            yield Declared(
                Key(self.kind, disk_name(guest.name, name)),
                {"size": _whole_sectors(disk.size), "pool": disk.pool or "", "keep": disk.keep},
                needs=(Need(Key("pool", disk.pool)) if disk.pool else own, Need(Key(self.kind, guest.name))),
                handle=_Source(environment=environment.name, guest=guest.name, path=path, pool=pool, disk=name),
            )

    def effect(self, difference: Difference) -> Effect:
        """A disk grows in place. Raises :class:`StrataError` where data would be lost: it never shrinks, and a data
        disk does not move to another pool."""
        if difference.path == ("image",):
            return Effect.REPLACE
        if difference.path == ("pool",):
            raise StrataError(
                f"it is in pool {difference.before or 'of the environment'} and does not move: its data would stay "
                "there. Write that pool, or declare a disk of another name and copy what is on this one."
            )
        if difference.path == ("size",) and (difference.before or 0) > (difference.after or 0):
            raise StrataError(
                f"disk: {_size(difference.before)} cannot shrink to {_size(difference.after)}: its data would be lost. "
                f"Declare at least {_size(difference.before)}, or remove the guest first."
            )
        return Effect.IN_PLACE

    def observe(self, connection: Hypervisor, environment: str) -> Iterator[Observed]:
        """Every file in the environment's pools that is named as a disk, and is not removed meanwhile."""
        with libvirt_errors(f"disks of {environment}"):
            for file in disk_files(connection, environment):
                with suppress(FileNotFoundError):
                    yield _observed(connection, environment, file)

    def apply(self, connection: Hypervisor, change: Change, progress: Progress) -> None:
        """Make, grow or delete the file; the image below is only read. A kept file is found again, not made anew."""
        with libvirt_errors(str(change.key)):
            if change.declared and change.action == "update":
                _update(connection, change.declared, progress)
            elif change.declared and change.declared.handle.disk:
                _make_blank(connection, change.declared, progress)
            elif change.declared:
                _make(connection, change.declared)
            elif change.observed:
                _delete(connection, change.observed.handle)

    def settle(self, connection: Hypervisor, key: Key, condition: Condition, progress: Progress) -> None:
        """A disk that exists is ready."""


def stored_image(hypervisor: Hypervisor, guest: str, digest: str) -> StoredImage:
    """The image of *guest*; :class:`ImageError` where the store does not have it."""
    from ..guest.image_store import resolve

    stored = resolve(hypervisor.folders, digest)
    if stored is None:
        raise ImageError(f"guest {guest}: its image {digest[:19]} is not in {hypervisor.folders.images}. Run again.")
    return stored


def _observed(hypervisor: Hypervisor, environment: str, file: DiskFile) -> Observed:
    mark, header = file.mark, read_qcow2(file.path)
    data = bool(mark.disk) if mark else "." in file.name
    told = {"pool": file.pool, "keep": bool(mark and mark.keep)} if data else {"image": image_of(hypervisor, file)}
    spec = {**told, "size": header.size if header else 0}
    name = (disk_name(mark.guest, mark.disk) if mark.disk else mark.guest) if mark else ""
    owned = bool(mark and mark.environment == environment and name == file.name)
    return Observed(
        Key("disk", file.name),
        spec,
        applied=spec if mark else None,
        owned=owned,
        broken="" if header else "its qcow2 header is damaged",
        obstacle="" if owned else obstacle(hypervisor, environment, file),
        handle=file,
        keep=bool(mark and mark.keep),
    )


def path_of(hypervisor: Hypervisor, source: _Source) -> Path:
    """The file of a disk; *source* is the handle of what is declared."""
    folder = hypervisor.folders.pool(source.environment)
    if not source.disk:
        return disk_path(folder, source.guest)
    name = disk_name(source.guest, source.disk)
    return disk_path(source.path, f"{source.environment}-{name}") if source.path else disk_path(folder, name)


def _make(hypervisor: Hypervisor, declared: Declared) -> None:
    source: _Source = declared.handle
    path, size = path_of(hypervisor, source), declared.spec["size"]
    with using(hypervisor.folders):
        register(hypervisor.folders)
        stored = stored_image(hypervisor, source.guest, declared.spec["image"])
        refuse_too_small(source.guest, size, stored.disk)
        _refuse_full(source.guest, size, path.parent)
        refuse_in_use(hypervisor, source.environment, source.guest, path)
        below = backing(hypervisor.folders, source.layer, stored)
        domain = find_domain(hypervisor, source.environment, source.guest)
        overlays = external_snapshots(domain, path)
        if domain:
            cut_power(domain)
        _remove(overlays)
        make_overlay(_pool(hypervisor, source), path, size, below, mark_of(declared))


def mark_of(declared: Declared) -> OverlayMark:
    """What the file of a *declared* disk is marked as. Pure."""
    source: _Source = declared.handle
    told = {part: declared.spec[part] for part in ("image", "keep") if part in declared.spec}
    return OverlayMark(environment=source.environment, guest=source.guest, disk=source.disk, **told)


def _make_blank(hypervisor: Hypervisor, declared: Declared, progress: Progress) -> None:
    """A kept disk in a pool that was not there yet is found now. A damaged one is not made anew: something may be
    saved from it yet."""
    source: _Source = declared.handle
    path, size = path_of(hypervisor, source), declared.spec["size"]
    mark = mark_of(declared)
    there = read_overlay_mark(path)
    if there and replace(there, keep=mark.keep) == mark and read_qcow2(path):
        _update(hypervisor, declared, progress)
    elif path.exists():
        raise HypervisorError(f"{path} is there and no whole disk of ours. Move it away, or repair it; then run again.")
    else:
        make_overlay(_pool(hypervisor, source), path, size, None, mark)


def _update(hypervisor: Hypervisor, declared: Declared, progress: Progress) -> None:
    source: _Source = declared.handle
    path = path_of(hypervisor, source)
    header, mark = read_qcow2(path), mark_of(declared)
    if read_overlay_mark(path) != mark:
        mark_overlay(path, mark)
    if header is None or header.size < declared.spec["size"]:
        _grow(hypervisor, source, path, declared.spec["size"], progress)


def _grow(hypervisor: Hypervisor, source: _Source, path: Path, size: int, progress: Progress) -> None:
    """A running guest sees its disk grow, and grows what is on it; one that is off has its file grown."""
    import libvirt

    domain = find_domain(hypervisor, source.environment, source.guest)
    if domain and domain.isActive() and str(path) in domain.XMLDesc():
        domain.blockResize(str(path), size, libvirt.VIR_DOMAIN_BLOCK_RESIZE_BYTES)
        _grow_inside(hypervisor, source, progress)
    else:
        grow_overlay(_pool(hypervisor, source), path, size)


def _grow_inside(hypervisor: Hypervisor, source: _Source, progress: Progress) -> None:
    """Images that we build have the file system on the whole disk; a stock image grows it when it boots."""
    path = disk_path(hypervisor.folders.pool(source.environment), source.guest)
    kernel = (list(chain(path))[-1].parent / "vmlinuz").is_file()
    shell = inside.reach(hypervisor.folders, source.environment, source.guest) if kernel else None
    if shell is None:
        message = "its disk has grown; the file system on it grows at its next boot"
        progress.report(f"guest {source.guest}", "progress", message)
    elif source.disk:
        inside.grow_disk(shell, naming.disk_serial(source.disk))
    else:
        inside.grow_root(shell)


def _delete(hypervisor: Hypervisor, file: DiskFile) -> None:
    """Its guest goes before it, or was told to let go of it; external snapshots of that guest go with it."""
    mark = file.mark
    if mark is None or mark.keep:
        return
    refuse_in_use(hypervisor, mark.environment, mark.guest, file.path)
    overlays = external_snapshots(find_domain(hypervisor, mark.environment, mark.guest), file.path)
    if mark.disk:
        _detach(hypervisor, mark)
    _remove(overlays)
    name = naming.libvirt_name(mark.environment, file.pool) if file.pool else mark.environment
    remove_overlay(unless_gone(hypervisor.connection.storagePoolLookupByName, name), file.path)


def _detach(hypervisor: Hypervisor, mark: OverlayMark) -> None:
    """From a guest that runs on without it; where that does not let go, its restart follows in the same plan."""
    domain = find_domain(hypervisor, mark.environment, mark.guest)
    if domain and domain.isActive():
        shell = inside.reach(hypervisor.folders, mark.environment, mark.guest)
        with suppress(NotFollowedError):
            release(domain, shell, naming.disk_target(mark.disk))


def _remove(overlays: list[Path]) -> None:
    for overlay in overlays:
        overlay.unlink(missing_ok=True)


def _pool(hypervisor: Hypervisor, source: _Source) -> libvirt.virStoragePool:
    return hypervisor.connection.storagePoolLookupByName(source.pool)


def refuse_too_small(guest: str, size: int, image: Path) -> None:
    """Raise :class:`StrataError` where a disk of *size* bytes of *guest* cannot hold what the file *image* holds."""
    header = read_qcow2(image)
    if header is None:
        raise ImageError(f"guest {guest}: its image {image} is no qcow2 file. Remove it and run again.")
    if size < header.size:
        raise HypervisorError(
            f"guest {guest}: a disk of {_size(size)} is smaller than its image ({_size(header.size)}). "
            "Declare a bigger one."
        )


def _refuse_full(guest: str, size: int, folder: Path) -> None:
    free, needed = free_space(folder), min(size, _HEADROOM)
    if free < needed:
        raise HypervisorError(
            f"guest {guest}: {folder} has {_size(free)} free, the first boot takes up to {_size(needed)}. "
            "Free some space, or keep the state folder elsewhere."
        )


def _whole_sectors(size: int) -> int:
    return -(-size // _SECTOR) * _SECTOR


def _size(size: int) -> str:
    return f"{size / 1024**3:.3g} GiB" if size >= 1024 * _MIB else f"{size / _MIB:.3g} MiB"
