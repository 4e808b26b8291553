# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs of Debian packages that are not installed: their services would start, or they are for containers."""

from __future__ import annotations

import fcntl
import subprocess
import tempfile
from pathlib import Path

from environments import REPOSITORY

_UNPACKED = REPOSITORY / "build" / "unpacked"


def unpacked(package: str) -> Path:
    """The folder of the package's files, only to be read: it is made once for all tests of this clone."""
    _UNPACKED.mkdir(parents=True, exist_ok=True)
    with (_UNPACKED / f".{package}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (_UNPACKED / package).exists():
            _unpack(package)
    return _UNPACKED / package


def _unpack(package: str) -> None:
    with tempfile.TemporaryDirectory(dir=_UNPACKED) as made:
        folder = Path(made)
        subprocess.run(["apt-get", "download", "-qq", package], cwd=folder, check=True, capture_output=True)
        (archive,) = folder.glob("*.deb")
        subprocess.run(["dpkg", "-x", archive, folder / "files"], check=True)
        (folder / "files").rename(_UNPACKED / package)


def busybox_program() -> Path:
    """Debian's static busybox."""
    return unpacked("busybox-static") / "bin/busybox"
