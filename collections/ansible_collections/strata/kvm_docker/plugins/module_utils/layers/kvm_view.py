# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects of the hypervisor as modules return them: as they are there, without our bookkeeping."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from .. import naming
from ..guest.image_store import StoredImage
from ..kvm.snapshot import Snapshot
from ..plan.diff import differences
from ..plan.model import Declared, Difference, Effect, Observed

#: Leaves that tell what to put right, or how, and nothing of the object.
_BOOKKEEPING = frozenset({"edited", "detached", "persistent", "elsewhere", "type", "authorized_key", "vcpus_emulated"})


def network_view(environment: str, found: Observed) -> dict[str, Any]:
    """A network, with its reservations and names."""
    name = found.key.name
    libvirt_name = naming.libvirt_name(environment, name)
    return {"name": name, "libvirt_name": libvirt_name, "uuid": found.handle, **_leaves(found)}


def pool_view(found: Observed) -> dict[str, Any]:
    """A storage pool, declared or the environment's own."""
    place = found.handle
    names = {"name": place.pool, "libvirt_name": place.libvirt_name, "uuid": place.uuid}
    return {**names, **_leaves(found), "path": place.path}


def guest_view(environment: str, found: Observed, others: Sequence[Observed]) -> dict[str, Any]:
    """A guest, with its disks and forwards, which are among *others*."""
    name = found.key.name
    return {
        "name": name,
        "libvirt_name": naming.libvirt_name(environment, name),
        "uuid": str(naming.object_uuid(environment, "guest", name)),
        **_leaves(found),
        "interfaces": _interfaces(found),
        "disks": sorted(_disks(name, others), key=lambda disk: str(disk["name"])),
        "publish": {
            item.key.name: item.spec["port"]
            for item in others
            if item.key.kind == "forward" and item.spec.get("guest") == name
        },
        "drift": _drift(found),
    }


def _disks(guest: str, others: Sequence[Observed]) -> list[dict[str, Any]]:
    return [disk_view(item) for item in others if item.key.kind == "disk" and is_disk_of(item, guest)]


def snapshot_view(guest: str, found: Snapshot) -> dict[str, Any]:
    """A snapshot of *guest*; when it was made in UTC, as ISO 8601 has it."""
    return {"guest": guest, **asdict(found), "created": found.created.isoformat()}


def image_view(recipe: str, image: StoredImage) -> dict[str, Any]:
    """A guest image in the store, which *recipe* led to."""
    return {
        "recipe": recipe,
        "digest": image.digest,
        "disk": str(image.disk),
        "kernel": str(image.kernel or ""),
        "initrd": str(image.initrd or ""),
        "cmdline": image.cmdline,
        "packages": dict(image.manifest),
    }


def is_disk_of(item: Observed, guest: str) -> bool:
    """Whether the disk is the first one of *guest*, or a data disk, which is named ``<guest>.<disk>``."""
    return item.owned and item.key.name.partition(".")[0] == guest


def _interfaces(found: Observed) -> list[dict[str, Any]]:
    """In their order, the one with the default route first."""
    attached = sorted(found.spec["interfaces"].items(), key=lambda item: int(item[1]["position"]))
    return [{"network": network, **interface} for network, interface in attached]


def disk_view(item: Observed) -> dict[str, Any]:
    """A disk, first or data, with its file."""
    return {"name": item.key.name, **item.spec, "path": str(item.handle.path)}


def _drift(found: Observed) -> list[dict[str, Any]]:
    """What is not as it was applied last."""
    applied = Declared(found.key, found.applied or found.spec)
    drifted = differences(applied, found, lambda difference: Effect.IN_PLACE)
    return [_told(difference) for difference in drifted if difference.path != ("vcpus_emulated",)]


def _told(difference: Difference) -> dict[str, Any]:
    return {"path": ".".join(difference.path), "applied": difference.after, "found": difference.before}


def _leaves(found: Observed) -> dict[str, Any]:
    return {"running": found.running, **{leaf: found.spec[leaf] for leaf in found.spec if leaf not in _BOOKKEEPING}}
