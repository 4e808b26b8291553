# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kind ``disk``: a guest's first disk, a qcow2 overlay over its image."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from .. import naming
from ..declare.environment import Environment
from ..errors import HypervisorError, ImageError, StrataError
from ..inputs import Inputs
from ..plan.model import Change, Condition, Declared, Difference, Effect, Key, Need, Observed
from ..progress import Progress
from .domain import cut_power
from .errors import find, libvirt_errors
from .overlay import OverlayMark, grow_overlay, make_overlay, read_overlay_mark, remove_overlay
from .qcow2 import read_qcow2

if TYPE_CHECKING:
    import libvirt

    from ..guest.image_store import StoredImage
    from .hypervisor import Hypervisor

_SUFFIX = ".qcow2"
_SECTOR = 512
_MIB = 1024**2
#: What a guest writes soon after its first boot; with less than this free it would stop there.
_HEADROOM = 1024 * _MIB


class Disk:
    """Declares, observes and applies disks.

    ``spec``: ``image``, the digest of the recipe or source of the image below; ``size`` in bytes.
    """

    kind: ClassVar[str] = "disk"

    def declare(self, environment: Environment, inputs: Inputs) -> Iterator[Declared]:
        """One disk a guest."""
        for guest in environment.guests.values():
            yield Declared(
                Key(self.kind, guest.name),
                {"image": inputs.guest_images[guest.image], "size": -(-guest.disk // _SECTOR) * _SECTOR},
                needs=(Need(Key("pool", environment.name)), Need(Key("guest_image", guest.image))),
                handle=environment.name,
            )

    def effect(self, difference: Difference) -> Effect:
        """A disk grows in place. Raises :class:`StrataError` where it would shrink: its data would be lost."""
        if difference.path == ("image",):
            return Effect.REPLACE
        if (difference.before or 0) > (difference.after or 0):
            raise StrataError(
                f"disk: {_size(difference.before)} cannot shrink to {_size(difference.after)}: its data would be lost. "
                f"Declare at least {_size(difference.before)}, or remove the guest first."
            )
        return Effect.IN_PLACE

    def observe(self, connection: Hypervisor, environment: str) -> Iterator[Observed]:
        """Every qcow2 file in the pool's folder."""
        for path in sorted(connection.folders.pool(environment).glob(f"[!.]*{_SUFFIX}")):
            mark = read_overlay_mark(path)
            header = read_qcow2(path)
            guest = path.name.removesuffix(_SUFFIX)
            spec = {"image": mark.image if mark else "", "size": header.size if header else 0}
            yield Observed(
                Key(self.kind, guest),
                spec,
                applied=spec if mark else None,
                owned=bool(mark and (mark.environment, mark.guest) == (environment, guest)),
                broken="" if header else "its qcow2 header is damaged",
                handle=path,
            )

    def apply(self, connection: Hypervisor, change: Change, progress: Progress) -> None:
        """Make, grow or delete the overlay; the image below is only read."""
        with libvirt_errors(str(change.key)):
            if change.declared and change.action == "update":
                _grow(connection, change.key.name, change.declared)
            elif change.declared:
                _make(connection, change.key.name, change.declared)
            elif change.observed:
                path: Path = change.observed.handle
                remove_overlay(find(connection.connection.storagePoolLookupByName, path.parent.name), path)

    def settle(self, connection: Hypervisor, key: Key, condition: Condition, progress: Progress) -> None:
        """A disk that exists is ready."""


def disk_path(folder: Path, guest: str) -> Path:
    """The disk of *guest* in the pool's *folder*."""
    return folder / f"{guest}{_SUFFIX}"


def stored_image(hypervisor: Hypervisor, guest: str, digest: str) -> StoredImage:
    """The image of *guest*; :class:`ImageError` where the store does not have it."""
    from ..guest.image_store import resolve

    stored = resolve(hypervisor.folders, digest)
    if stored is None:
        raise ImageError(f"guest {guest}: its image {digest[:19]} is not in {hypervisor.folders.images}. Run again.")
    return stored


def _make(hypervisor: Hypervisor, guest: str, declared: Declared) -> None:
    environment: str = declared.handle
    folder = hypervisor.folders.pool(environment)
    stored = stored_image(hypervisor, guest, declared.spec["image"])
    size = declared.spec["size"]
    _refuse_too_small(guest, size, stored.disk)
    _refuse_full(guest, size, folder)
    domain = _domain(hypervisor, environment, guest)
    if domain:
        cut_power(domain)
    mark = OverlayMark(environment=environment, guest=guest, image=declared.spec["image"])
    make_overlay(_pool(hypervisor, environment), disk_path(folder, guest), size, stored.disk, mark)


def _grow(hypervisor: Hypervisor, guest: str, declared: Declared) -> None:
    """A running guest sees its disk grow; one that is off has its file grown."""
    import libvirt

    path, size = disk_path(hypervisor.folders.pool(declared.handle), guest), declared.spec["size"]
    domain = _domain(hypervisor, declared.handle, guest)
    if domain and domain.isActive():
        domain.blockResize(str(path), size, libvirt.VIR_DOMAIN_BLOCK_RESIZE_BYTES)
    else:
        grow_overlay(_pool(hypervisor, declared.handle), path, size)


def _domain(hypervisor: Hypervisor, environment: str, guest: str) -> libvirt.virDomain | None:
    uuid = naming.object_uuid(environment, "guest", guest)
    return find(hypervisor.connection.lookupByUUIDString, str(uuid))


def _pool(hypervisor: Hypervisor, environment: str) -> libvirt.virStoragePool:
    return hypervisor.connection.storagePoolLookupByName(environment)


def _refuse_too_small(guest: str, size: int, image: Path) -> None:
    header = read_qcow2(image)
    if header is None:
        raise ImageError(f"guest {guest}: its image {image} is no qcow2 file. Remove it and run again.")
    if size < header.size:
        raise HypervisorError(
            f"guest {guest}: a disk of {_size(size)} is smaller than its image ({_size(header.size)}). "
            "Declare a bigger one."
        )


def _refuse_full(guest: str, size: int, folder: Path) -> None:
    status = os.statvfs(folder)
    free, needed = status.f_bavail * status.f_frsize, min(size, _HEADROOM)
    if free < needed:
        raise HypervisorError(
            f"guest {guest}: {folder} has {_size(free)} free, the first boot takes up to {_size(needed)}. "
            "Free some space, or keep the state folder elsewhere."
        )


def _size(size: int) -> str:
    return f"{size / 1024**3:.3g} GiB" if size >= 1024 * _MIB else f"{size / _MIB:.3g} MiB"
