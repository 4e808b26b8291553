# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Engine layers in the store: disks over a guest image whose engine holds container images already.

``layers/<digest>/disk.qcow2`` names its image relatively, so that it is the same bytes in every store;
``manifest.json``: ``version``, ``parent`` (digest of the image's content), ``images`` (what each is made from -> its
id, empty where only making it told) and ``size`` (bytes that the disk shows), which the layer's name is the digest of;
``request`` (what it was made for); ``files`` as an image has them.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..digests import canonical_digest, sha256_file
from ..errors import ImageError
from ..folders import Folders
from ..guest.image_store import DISK, MANIFEST, has_sizes, publish, read_json, using, write_json

#: Raised when a change of how layers are made must lead to new ones.
VERSION = 2

_NAMED = {"parent", "request", "images", "size"}
_ONE_READS = threading.Lock()


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredLayer:
    """``disk``: qcow2 over the disk of the image with the content digest ``parent``. ``content``: SHA-256 of the disk;
    two that were made of the same have two. ``request``: digest of what was declared."""

    disk: Path
    digest: str
    content: str
    parent: str
    request: str


def layer_digest(parent: str, images: Mapping[str, str], size: int) -> str:
    """The name of the layer of *size* bytes over the image *parent* (its content digest) with *images* (what each is
    made from -> its id, where that is known before). Pure."""
    return canonical_digest({"version": VERSION, "parent": parent, "images": dict(images), "size": size})


def backing_name(parent: str) -> str:
    """How a layer's disk, or one that is made in a staging folder, names the disk of its image."""
    return f"../../{parent}/{DISK}"


def layer_folder(folders: Folders, digest: str) -> Path:
    """Where the layer is, or will be."""
    return folders.images / "layers" / digest


def find_layer(folders: Folders, digest: str) -> StoredLayer | None:
    """The layer of that name with its image below; ``None`` where either is not there, or was cut short."""
    folder = layer_folder(folders, digest)
    manifest = read_json(folder / MANIFEST)
    if manifest is None or not manifest.keys() >= _NAMED or not has_sizes(folder, manifest):
        return None
    return _stored(folder, manifest) if (folders.images / str(manifest["parent"]) / DISK).exists() else None


def layer_at(folders: Folders, disk: Path) -> StoredLayer | None:
    """The layer whose file *disk* is; ``None`` where that is none of a layer, or the layer is not whole."""
    digest = disk.parent.name
    return find_layer(folders, digest) if disk == layer_folder(folders, digest) / DISK else None


def stored_layers(folders: Folders) -> Iterator[StoredLayer]:
    """All that :func:`find_layer` finds."""
    for folder in sorted(layer_folder(folders, "").glob(f"[0-9a-f]{'?' * 63}")):
        found = find_layer(folders, folder.name)
        if found:
            yield found


def store_layer(
    folders: Folders, staging: Path, parent: str, images: Mapping[str, str], size: int, request: str
) -> StoredLayer:
    """Move the finished disk in *staging* (on the store's file system) into the store."""
    disk = staging / DISK
    manifest = {
        "version": VERSION,
        "parent": parent,
        "images": dict(sorted(images.items())),
        "size": size,
        "request": request,
        "files": {DISK: {"size": disk.stat().st_size, "sha256": sha256_file(disk)}},
    }
    target = layer_folder(folders, layer_digest(parent, images, size))
    write_json(staging / MANIFEST, manifest)
    with using(folders):
        publish(staging, target)
    return _stored(target, manifest)


def verify(folder: Path) -> None:
    """Compare every file of the image or layer in *folder* with the digest that it was stored with, once in a process;
    raises :class:`ImageError` where one bit is another."""
    for name, entry in (read_json(folder / MANIFEST) or {}).get("files", {}).items():
        path = folder / name
        status = path.stat()
        with _ONE_READS:
            found = _digest_once(path, status.st_ino, status.st_size, status.st_mtime_ns)
        if found != entry["sha256"]:
            _digest_once.cache_clear()
            raise ImageError(
                f"{path} is damaged: its SHA-256 is {found}, and {entry['sha256']} was stored. Disks that stand on it "
                f"are damaged too: bring it back by strata import, or remove their guests and {folder} and run again."
            )


@functools.lru_cache
def _digest_once(path: Path, _inode: int, _size: int, _changed: int) -> str:
    return sha256_file(path)


def _stored(folder: Path, manifest: Mapping[str, Any]) -> StoredLayer:
    return StoredLayer(
        disk=folder / DISK,
        digest=folder.name,
        content=manifest["files"][DISK]["sha256"],
        parent=manifest["parent"],
        request=manifest["request"],
    )
