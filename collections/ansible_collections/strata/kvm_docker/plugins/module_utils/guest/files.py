# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that are either whole or not there: written aside, synced, renamed; folders that one holds alone."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..folders import make_searchable


def make_private(folder: Path) -> None:
    """Have *folder*, readable by its owner only, whatever it was before."""
    make_searchable(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)
    folder.chmod(0o700)


@contextmanager
def locked(folder: Path, wait: bool = True) -> Iterator[None]:
    """Hold *folder* alone, in this process and beside others; freed by the kernel when its holder dies.

    Raises :class:`BlockingIOError` where somebody else does, and nobody is to *wait*.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def nearest(folder: Path) -> Path:
    """*folder*, or the first one above it that is there."""
    return next(path for path in (folder, *folder.parents) if path.exists())


def free_space(folder: Path) -> int:
    """Bytes that are free where *folder* is, or will be."""
    return shutil.disk_usage(nearest(folder)).free


def write_whole(path: Path, content: bytes, mode: int = 0o600) -> bool:
    """Make *path* hold *content*; ``False`` when it did already and was left alone.

    The file aside has one fixed name, so that what a killed run left is written over by the next one; writers of one
    path must exclude each other.
    """
    if _holds(path, content, mode):
        return False
    aside = path.with_name(f".{path.name}.new")
    aside.unlink(missing_ok=True)
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with os.fdopen(descriptor, "wb") as stream:
        os.fchmod(stream.fileno(), mode)
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    aside.replace(path)
    sync_folder(path.parent)
    return True


def sync_folder(folder: Path) -> None:
    """Make renames in *folder* outlive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _holds(path: Path, content: bytes, mode: int) -> bool:
    try:
        return path.stat().st_mode & 0o7777 == mode and path.read_bytes() == content
    except FileNotFoundError:
        return False
