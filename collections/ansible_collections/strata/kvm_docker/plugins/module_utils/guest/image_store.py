# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The store of guest images: content-addressed, shared by all environments, written once and then only read.

Layout below ``folders.images`` (all of it world-readable, because QEMU runs unprivileged)::

    recipes/<recipe digest>.json     which content a recipe or source led to
    <content digest>/disk.qcow2      with vmlinuz, vmlinux and initrd.img where the guest is booted by its kernel
    <content digest>/manifest.json   sizes and digests of the files, kernel command line, packages
    container-archives/<recipe digest>.tar
    layers/<layer digest>/           disk.qcow2 over an image's disk, and manifest.json, see ``store/layers.py``
    .locks/, .staging/               one lock a recipe; what is being made, renamed into place when complete
    .users/                          state folders that use this store, one file each
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..digests import canonical_digest, sha256_file
from ..errors import ImageError
from ..folders import Folders, make_searchable
from .files import free_space

#: Tells a person what is done now, and how much of the whole (0 to 1).
Report = Callable[[str, float], None]

DISK, KERNEL, UNPACKED, INITRD = "disk.qcow2", "vmlinuz", "vmlinux", "initrd.img"
MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredImage:
    """A guest image in the store.

    ``disk``: qcow2 without a backing file. ``digest``: SHA-256 over the digests of its files and the command
    line. ``kernel`` and ``initrd``: where the guest is to be booted directly. ``unpacked``: the kernel as an ELF file,
    where QEMU can start that. ``manifest``: package name -> version.
    """

    disk: Path
    digest: str
    kernel: Path | None = None
    unpacked: Path | None = None
    initrd: Path | None = None
    cmdline: str = ""
    manifest: Mapping[str, str] = field(default_factory=dict)


def resolve(folders: Folders, recipe: str) -> StoredImage | None:
    """The complete image that *recipe* (a digest) led to; ``None`` where there is none yet or a file of it was cut."""
    content = _content(recipes_folder(folders) / f"{recipe}.json")
    return _whole(folders.images / content) if content else None


def stored(folders: Folders) -> Iterator[tuple[str, StoredImage]]:
    """(recipe, image) of all that :func:`resolve` finds, in the order of the recipes."""
    for pointer, content in pointers(folders):
        image = _whole(folders.images / content)
        if image:
            yield pointer.stem, image


def recipe_of(folders: Folders, disk: Path) -> str:
    """What led to the image whose file *disk* is: of several recipes or sources the last one; empty where none did."""
    if disk.name != DISK or disk.parent.parent != folders.images:
        return ""
    leading = [pointer for pointer, content in pointers(folders) if content == disk.parent.name]
    return max(leading, key=lambda path: path.stat().st_mtime).stem if leading else ""


def recipes_folder(folders: Folders) -> Path:
    """Where what each recipe led to is written down."""
    return folders.images / "recipes"


def pointers(folders: Folders) -> Iterator[tuple[Path, str]]:
    """The file of each recipe that led to something, and the content's digest, in the order of the recipes."""
    for pointer in sorted(recipes_folder(folders).glob("*.json")):
        content = _content(pointer)
        if content:
            yield pointer, content


def _content(pointer: Path) -> str:
    """The digest that *pointer* names; empty where there is none."""
    return str((read_json(pointer) or {}).get("content", ""))


def file_digests(image: StoredImage) -> dict[str, str]:
    """SHA-256 of each file of *image*, by its name, as they were when it was stored."""
    manifest = read_json(image.disk.parent / MANIFEST) or {}
    return {name: str(entry["sha256"]) for name, entry in manifest.get("files", {}).items()}


def store(
    folders: Folders, recipe: str, staging: Path, *, cmdline: str = "", packages: Mapping[str, str] | None = None
) -> StoredImage:
    """Move the finished files in *staging* (on the store's file system) into the store, as what *recipe* leads to."""
    names = [name for name in (DISK, KERNEL, UNPACKED, INITRD) if (staging / name).exists()]
    files = {name: {"size": (staging / name).stat().st_size, "sha256": sha256_file(staging / name)} for name in names}
    manifest = {"files": files, "cmdline": cmdline, "packages": dict(sorted((packages or {}).items()))}
    digest = content_digest(manifest)
    write_json(staging / MANIFEST, manifest)
    with using(folders):
        publish(staging, folders.images / digest)
        write_json(recipes_folder(folders) / f"{recipe}.json", {"content": digest})
    return _stored(folders.images / digest, manifest)


@contextmanager
def using(folders: Folders, alone: bool = False) -> Iterator[None]:
    """While something in the store is put there or referred to, nothing is collected: who collects holds it *alone*.

    Waits for others, who hold it for moments.
    """
    make_searchable(folders.images / ".locks", 0o755)
    with (folders.images / ".locks" / "store").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        yield


@contextmanager
def idle(folders: Folders, recipe: str) -> Iterator[bool]:
    """Whether nobody makes what *recipe* leads to; then nobody does until the end of the block."""
    path = folders.images / ".locks" / recipe
    if not path.exists():
        yield True
        return
    with path.open("r") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


@contextmanager
def making(folders: Folders, recipe: str, report: Report = lambda message, fraction: None) -> Iterator[Path]:
    """A fresh staging folder for *recipe*, held alone: a second maker says so and waits here, then should look again.

    What a killed maker left behind is removed.
    """
    for name in ("", "recipes", "container-archives", "layers", ".locks", ".staging"):
        folder = folders.images / name
        make_searchable(folder)
        folder.chmod(folder.stat().st_mode & 0o7777 | 0o755)
    with (folders.images / ".locks" / recipe).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            report("waiting for another run that makes it", 0.0)
            fcntl.flock(lock, fcntl.LOCK_EX)
        for left in (folders.images / ".staging").glob(f"{recipe}.*"):
            shutil.rmtree(left, ignore_errors=True)
        staging = Path(tempfile.mkdtemp(prefix=f"{recipe}.", dir=folders.images / ".staging"))
        staging.chmod(0o755)
        try:
            yield staging
        finally:
            shutil.rmtree(staging, ignore_errors=True)


def require_space(folders: Folders, needed: int, purpose: str) -> None:
    """Raise :class:`ImageError` unless *needed* bytes are free where the store is."""
    free = free_space(folders.images)
    if free < needed:
        raise ImageError(
            f"{purpose} needs {needed >> 20} MiB below {folders.images}, and {free >> 20} MiB are free there.\n"
            "Free some space, or place the store elsewhere with STRATA_IMAGES."
        )


def read_json(path: Path) -> dict[str, Any] | None:
    """The object in *path*; ``None`` where there is no file or no such object in it."""
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return tree if isinstance(tree, dict) else None


def write_json(path: Path, tree: Mapping[str, Any]) -> None:
    """Replace *path* in one step: written aside, synced, renamed."""
    make_searchable(path.parent, 0o755)
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    aside.write_text(json.dumps(tree, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    aside.chmod(0o644)
    replace_synced(aside, path)


def replace_synced(aside: Path, target: Path) -> None:
    """Sync *aside*, rename it to *target*, sync the folder: a crash leaves the old or the new one, never a half."""
    _sync(aside)
    aside.replace(target)
    _sync(target.parent)


def publish(staging: Path, target: Path) -> None:
    """Rename *staging* to *target*. A whole one that is there stays: guests may run on it; a damaged one makes room."""
    present = read_json(target / MANIFEST)
    if present is not None and has_sizes(target, present):
        return
    for path in staging.iterdir():
        path.chmod(0o644)
        _sync(path)
    _sync(staging)
    if target.exists():
        shutil.rmtree(target)
    staging.rename(target)
    _sync(target.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def content_digest(manifest: Mapping[str, Any]) -> str:
    """The name of the image that *manifest* tells of."""
    digests = {name: entry["sha256"] for name, entry in manifest.get("files", {}).items()}
    return canonical_digest({"files": digests, "cmdline": manifest.get("cmdline", "")})


def has_sizes(folder: Path, manifest: Mapping[str, Any]) -> bool:
    """Whether the files in *folder* are as long as *manifest*, which may be damaged, says."""
    try:
        files = manifest["files"]
        told = all(isinstance(entry["sha256"], str) for entry in files.values())
        sizes = ((folder / name).stat().st_size == entry["size"] for name, entry in files.items())
        return DISK in files and told and all(sizes)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return False


def _whole(folder: Path) -> StoredImage | None:
    """The image in *folder*, if none of its files lacks or was cut."""
    manifest = read_json(folder / MANIFEST)
    return _stored(folder, manifest) if manifest is not None and has_sizes(folder, manifest) else None


def _stored(folder: Path, manifest: Mapping[str, Any]) -> StoredImage:
    files = manifest["files"]
    return StoredImage(
        disk=folder / DISK,
        digest=folder.name,
        kernel=folder / KERNEL if KERNEL in files else None,
        unpacked=folder / UNPACKED if UNPACKED in files else None,
        initrd=folder / INITRD if INITRD in files else None,
        cmdline=manifest.get("cmdline", ""),
        manifest=manifest.get("packages", {}),
    )
