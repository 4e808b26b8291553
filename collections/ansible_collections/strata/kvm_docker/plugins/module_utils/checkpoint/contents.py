# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a running environment goes into a checkpoint: memory, disks, keys; and where each of it belongs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import CheckpointError
from ..folders import Folders
from ..guest import image_store
from ..guest.files import nearest
from ..kvm.disk import path_of
from ..kvm.disk_files import disk_path
from ..kvm.domain import described, find_domain, is_running
from ..kvm.domain_xml import firmware_of
from ..kvm.qcow2 import backing_of
from ..plan.model import Declared
from ..resources import KINDS, declared
from ..store.engine_layer import layer_for, requests
from ..store.layers import layer_at, stored_layers
from .abi import abi_of
from .origin import OnLayer, Origin, origin_of

if TYPE_CHECKING:
    from ..convergence import Convergence
    from ..kvm.hypervisor import Hypervisor
    from ..plan.secrets import Seal

#: Of the environment's folder. Without its keys guests would not answer, and without its seal their marks and the names
#: of secret files would be other ones.
_KEYS = ("id_ed25519", "id_ed25519.pub", "seal.key", "hostkeys/*", "applied/*/*")


def origin(run: Convergence, lock: bytes, seal: Seal) -> Origin:
    """What a checkpoint of the environment of *run* is made from, before a look at engines."""
    folders, inputs = run.session.hypervisor.folders, run.inputs
    stored = {name: image_store.resolve(folders, digest) for name, digest in inputs.guest_images.items()}
    images = {name: image.digest for name, image in stored.items() if image}
    keyless = replace(inputs, authorized_key="", seal=seal)
    abi = abi_of(run.session.hypervisor, inputs.virt_type)
    return origin_of(declared(KINDS, run.environment, keyless), images, lock, abi, seal, _layers(run))


def _layers(run: Convergence) -> dict[str, OnLayer]:
    """By guest, the layer that its first disk stands on; where there is none, the one that it would be made on now."""
    folders, asked, found = run.session.hypervisor.folders, requests(run.environment, run.inputs), {}
    for guest in run.environment.guests.values():
        disk, request = disk_path(folders.pool(run.environment.name), guest.name), asked.get(guest.image)
        if disk.exists():
            below = backing_of(disk)
            layer = layer_at(folders, below) if below else None
        else:
            layer = layer_for(folders, request) if request else None
        if layer:
            found[guest.name] = OnLayer(guest.image, layer.content)
    return found


def layers_there(folders: Folders) -> frozenset[str]:
    """SHA-256 of the disk of every engine layer in the store, as it was stored."""
    return frozenset(layer.content for layer in stored_layers(folders))


def places(folders: Folders, environment: str) -> dict[str, str]:
    """The folders of Strata's that definitions of guests name."""
    return {"pool": str(folders.pool(environment)), "images": str(folders.images)}


def declared_disks(run: Convergence) -> dict[str, tuple[Declared, Path]]:
    """By name, every disk as declared, and its file."""
    found = declared(("disk",), run.environment, run.inputs)
    return {item.key.name: (item, path_of(run.session.hypervisor, item.handle)) for item in found}


def key_files(folder: Path) -> Mapping[str, Path]:
    """The files of the environment's *folder* that a checkpoint holds, by their path in it."""
    found = (path for pattern in _KEYS for path in folder.glob(pattern))
    return {f"keys/{path.relative_to(folder)}": path for path in found if path.is_file() and path.name[0] != "."}


def refuse_unseen(hypervisor: Hypervisor) -> None:
    """Raise :class:`CheckpointError` where libvirt, which reads and writes memory, has other folders in the place of
    checkpoints."""
    folder = hypervisor.folders.checkpoints
    there = nearest(folder)
    seen = hypervisor.seen(there)
    if not (seen.exists() and seen.samefile(there)):
        raise CheckpointError(
            f"{folder}: the embedded hypervisor sees another folder there, as its mounts are those of when it was "
            "started. Stop it and start it again, or place checkpoints elsewhere with STRATA_CHECKPOINTS."
        )


def refuse_what_cannot_be_kept(run: Convergence) -> None:
    """Raise :class:`CheckpointError` for a guest that is off, or whose firmware has a memory of its own, or where a
    checkpoint could not be written."""
    hypervisor, environment = run.session.hypervisor, run.environment
    refuse_unseen(hypervisor)
    if not environment.guests:
        raise CheckpointError(f"environment {environment.name} has no guest, so there is nothing to keep.")
    for guest in environment.guests:
        domain = find_domain(hypervisor, environment.name, guest)
        if domain is None or not is_running(domain):
            raise CheckpointError(f"guest {guest} does not run. Bring the environment up first.")
        if firmware_of(described(domain)) == "uefi":
            raise CheckpointError(
                f"guest {guest}: UEFI's variables are not in a checkpoint. Declare firmware: bios for guests that are "
                "to start warm."
            )
    for item, path in declared_disks(run).values():
        image = image_store.resolve(hypervisor.folders, item.spec["image"]) if "image" in item.spec else None
        below = backing_of(path) if image else None
        layer = layer_at(hypervisor.folders, below) if below else None
        if image and below != image.disk and (layer is None or layer.parent != image.digest):
            raise CheckpointError(
                f"{item.key} stands on {below}, which is neither its image nor an engine layer on it."
            )
