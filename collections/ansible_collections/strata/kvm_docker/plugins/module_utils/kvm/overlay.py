# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes, grows and removes overlay volumes: a guest's own qcow2 file over an image that it only reads.

A volume is made aside, marked, and renamed, so a file with the final name is always whole. The mark is an extended
attribute: a volume has no ``<metadata>``.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import Element, SubElement

from ..errors import HypervisorError
from .errors import unless_gone
from .mark import to_text

if TYPE_CHECKING:
    import libvirt

_ATTRIBUTE = "user.strata.disk"
#: libvirt refuses to refresh a pool in which a volume is being made.
_ONE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True, slots=True, kw_only=True)
class OverlayMark:
    """Whose disk a file is. ``image``: digest of the recipe or source of the image that it stands on; a data disk has
    its name, ``disk``, in place of one. ``keep``: the file outlives its guest."""

    environment: str
    guest: str
    image: str = ""
    disk: str = ""
    keep: bool = False


def read_overlay_mark(path: Path) -> OverlayMark | None:
    """The mark of the file *path*; ``None`` where it has none."""
    try:
        found: Mapping[str, Any] = json.loads(os.getxattr(path, _ATTRIBUTE))
        return OverlayMark(**found)
    except (OSError, ValueError, TypeError):
        return None


def make_overlay(
    pool: libvirt.virStoragePool, target: Path, size: int, backing: Path | None, mark: OverlayMark
) -> None:
    """Make the volume *target* of *size* bytes over the qcow2 file *backing*, or a blank one, in place of what is
    there."""
    aside = target.with_name(f".{target.name}.new")
    with _ONE_AT_A_TIME:
        aside.unlink(missing_ok=True)
        pool.refresh()
        try:
            pool.createXML(volume_xml(aside.name, size, backing))
            mark_overlay(aside, mark)
            aside.replace(target)
        except BaseException:
            aside.unlink(missing_ok=True)
            raise
        finally:
            pool.refresh()


def remove_overlay(pool: libvirt.virStoragePool | None, target: Path) -> None:
    """Delete the file *target*, and what a killed run left of its making."""
    with _ONE_AT_A_TIME:
        for path in (target, target.with_name(f".{target.name}.new")):
            path.unlink(missing_ok=True)
        _look_again(pool)


def refresh_pool(pool: libvirt.virStoragePool | None) -> None:
    """Have *pool*, where it is there and active, know of files that others than libvirt have put into its folder."""
    with _ONE_AT_A_TIME:
        _look_again(pool)


def _look_again(pool: libvirt.virStoragePool | None) -> None:
    if pool and pool.isActive():
        pool.refresh()


def grow_overlay(pool: libvirt.virStoragePool, target: Path, size: int) -> None:
    """Grow the volume of a guest that is off to *size* bytes."""
    with _ONE_AT_A_TIME:
        pool.refresh()
        volume = unless_gone(pool.storageVolLookupByName, target.name)
        if volume is None:
            raise HypervisorError(f"{target}: the volume is gone. Run again.")
        volume.resize(size)


def mark_overlay(path: Path, mark: OverlayMark) -> None:
    """Write down whose the file *path* is."""
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        os.setxattr(descriptor, _ATTRIBUTE, json.dumps(asdict(mark)).encode())
        os.fsync(descriptor)
    except OSError as error:
        raise HypervisorError(
            f"{path.parent}: files cannot be marked as ours ({error.strerror}). "
            "Keep the state folder on a file system with extended attributes: ext4, XFS or Btrfs."
        ) from error
    finally:
        os.close(descriptor)


def volume_xml(name: str, size: int, backing: Path | None) -> str:
    """The XML that makes the volume *name* of *size* bytes over the qcow2 file *backing*, or a blank one. Pure.

    https://libvirt.org/formatstorage.html#storage-volume-xml; it has no place for the mark (:func:`mark_overlay`).
    """
    root = Element("volume", type="file")
    SubElement(root, "name").text = name
    SubElement(root, "capacity", unit="bytes").text = str(size)
    target = SubElement(root, "target")
    SubElement(target, "format", type="qcow2")
    SubElement(target, "compat").text = "1.1"  # the older one does not grow once it has a snapshot
    SubElement(SubElement(target, "permissions"), "mode").text = "0600"
    if backing:
        store = SubElement(root, "backingStore")
        SubElement(store, "path").text = str(backing)
        SubElement(store, "format", type="qcow2")
    return to_text(root)
