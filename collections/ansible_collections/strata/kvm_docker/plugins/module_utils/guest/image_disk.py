# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A folder tree as a disk: ext4 without a partition table in a qcow2 file; no mount, equal bytes for equal trees."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from ..errors import ImageError
from .image_recipe import FILESYSTEM_HASH_SEED, FILESYSTEM_UUID
from .mmdebstrap import EPOCH

#: Of the file system; the guest grows it to its disk at first boot.
_SIZE = 2 * 1024**3


def make_disk(tree: Path, target: Path) -> None:
    """Write *tree* to the file *target*; what is made on the way lies beside it. Raises :class:`ImageError`."""
    raw, script = target.with_suffix(".raw"), target.with_suffix(".debugfs")
    with raw.open("wb") as stream:
        stream.truncate(_SIZE)
    options = f"hash_seed={FILESYSTEM_HASH_SEED},lazy_itable_init=1,root_owner=0:0"
    ext4 = ("mke2fs", "-q", "-F", "-t", "ext4", "-L", "strata", "-m", "1", "-U", FILESYSTEM_UUID)
    _run(*ext4, "-E", options, "-d", str(tree), str(raw))
    script.write_text("".join(_set_times(tree)), encoding="utf-8", errors="surrogateescape")
    _run("debugfs", "-w", "-f", str(script), str(raw))
    # Not compressed: the guest would pay for it at every first read of a block.
    _run("qemu-img", "convert", "-f", "raw", "-O", "qcow2", str(raw), str(target))
    raw.unlink()
    script.unlink()


def _set_times(tree: Path) -> Iterator[str]:
    """Commands that set change and access times: mke2fs 1.47.0 copies them; in the tree they cannot be set, or move."""
    for folder, folders, files in os.walk(tree):
        inside = os.path.join("/", os.path.relpath(folder, tree)).removesuffix("/.")
        for name in (*folders, *files):
            yield from _set(f"{inside}/{name}")
    yield from _set("/")


def _set(path: str) -> Iterator[str]:
    for field in ("ctime", "atime"):
        yield f'set_inode_field "{path}" {field} @{EPOCH}\n'


def _run(*argv: str) -> None:
    """Run a tool in the images' own time; that it says anything but its version is a failure."""
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(EPOCH), "E2FSPROGS_FAKE_TIME": str(EPOCH)}
    done = subprocess.run(("nice", *argv), check=False, capture_output=True, text=True, env=environment)
    said = [line for line in done.stderr.splitlines() if not line.startswith(f"{argv[0]} 1.")]
    if done.returncode or said:
        raise ImageError(f"{argv[0]} failed:\n" + "\n".join(said[-12:]))
