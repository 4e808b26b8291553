# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A store with small but real pieces: images and layers that ``qemu-img`` has made, archives, and disks on them."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest import image_store
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest.image_store import StoredImage
from ansible_collections.strata.kvm_docker.plugins.module_utils.store.layers import (
    StoredLayer,
    backing_name,
    store_layer,
)


def sha(text: str) -> str:
    """A digest."""
    return hashlib.sha256(text.encode()).hexdigest()


def qemu_img(*arguments: str | Path) -> None:
    subprocess.run(("qemu-img", *map(str, arguments)), check=True, capture_output=True)


def qcow2(target: Path, content: str, size: str = "1M") -> None:
    """A qcow2 file that holds *content* at its start."""
    raw = target.with_suffix(".raw")
    raw.write_bytes(content.encode().ljust(1 << 20, b"\0"))
    qemu_img("convert", "-f", "raw", "-O", "qcow2", raw, target)
    raw.unlink()


def put_image(folders: Folders, name: str, kernel: bytes = b"kernel") -> StoredImage:
    """An image that the recipe ``sha(name)`` led to."""
    recipe = sha(name)
    with image_store.making(folders, recipe) as staging:
        qcow2(staging / image_store.DISK, name)
        (staging / image_store.KERNEL).write_bytes(kernel)
        (staging / image_store.INITRD).write_bytes(b"initrd")
        return image_store.store(folders, recipe, staging, cmdline="root=/dev/vda", packages={"bash": "5.2"})


def put_layer(folders: Folders, image: StoredImage, name: str, request: str = "") -> StoredLayer:
    """A layer over *image*; digest of its *request*: ``sha(name)`` where not given."""
    with image_store.making(folders, sha(name)) as staging:
        disk = staging / image_store.DISK
        qemu_img("create", "-f", "qcow2", "-b", backing_name(image.digest), "-F", "qcow2", disk)
        images = {f"archive:{name}": f"sha256:{sha(name)}"}
        return store_layer(folders, staging, image.digest, images, 1 << 20, request or sha(name))


def put_archive(folders: Folders, name: str) -> Path:
    """An archive of the recipe ``sha(name)``."""
    with image_store.making(folders, sha(name)):
        path = folders.images / "container-archives" / f"{sha(name)}.tar"
        path.write_bytes(name.encode() * 1000)
    return path


def put_disk(folders: Folders, environment: str, guest: str, below: Path) -> Path:
    """The first disk of a guest on the disk *below*."""
    path = folders.pool(environment) / f"{guest}.qcow2"
    path.parent.mkdir(parents=True, exist_ok=True)
    qemu_img("create", "-f", "qcow2", "-b", below, "-F", "qcow2", path)
    return path


def used(path: Path, when: float) -> None:
    """Have *path* last used at *when*, seconds since the epoch."""
    os.utime(path, (when, when))


def flip(path: Path, offset: int = -1) -> None:
    """Flip one bit of the file, by default in its middle."""
    content = bytearray(path.read_bytes())
    content[offset if offset >= 0 else len(content) // 2] ^= 1
    path.write_bytes(content)


def tree(folder: Path) -> dict[str, str]:
    """Every file below *folder* but locks, by its digest."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".locks" not in path.parts
    }


Members = list[tuple[tarfile.TarInfo, bytes]]


def forge(packed: Path, change: Callable[[dict[str, Any], Members], None]) -> None:
    """Have *change* edit the list and the members of a set."""
    plain = subprocess.run(("zstd", "-dcq", packed), check=True, capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(plain)) as archive:
        members = [(each, stream.read() if (stream := archive.extractfile(each)) else b"") for each in archive]
    index, rest = json.loads(members[0][1]), members[1:]
    change(index, rest)
    members[0] = (members[0][0], json.dumps(index).encode())
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w") as archive:
        for member, content in (members[0], *rest):
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    packed.write_bytes(subprocess.run(("zstd", "-q"), input=output.getvalue(), check=True, capture_output=True).stdout)


def piece_of(index: dict[str, Any], kind: str) -> dict[str, Any]:
    return next(piece for piece in index["pieces"] if piece["kind"] == kind)
