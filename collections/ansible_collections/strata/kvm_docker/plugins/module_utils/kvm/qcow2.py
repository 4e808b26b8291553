# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The header of a qcow2 file: how big a disk it is and what it stands on.

https://www.qemu.org/docs/master/interop/qcow2.html, section "Header". It is read without libvirt, so that a disk is
seen whether its pool runs or not, and as it is now: a pool remembers its volumes as they were when it was refreshed.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from pathlib import Path

_MAGIC = b"QFI\xfb"
# magic, version, offset and length of the backing file's name, cluster bits, virtual size
_HEADER = struct.Struct(">4sIQIIQ")
_LONGEST_NAME = 1023


@dataclass(frozen=True, slots=True)
class Qcow2:
    """``size``: bytes of the virtual disk. ``backing``: the file that it overlays, seen from the folder of its own."""

    size: int
    backing: Path | None


def read_qcow2(path: Path) -> Qcow2 | None:
    """What the header of *path* says; ``None`` where there is no whole one."""
    with path.open("rb") as stream:
        start = stream.read(_HEADER.size)
        if len(start) < _HEADER.size:
            return None
        magic, version, offset, length, _bits, size = _HEADER.unpack(start)
        if magic != _MAGIC or version < 2 or length > _LONGEST_NAME:
            return None
        stream.seek(offset)
        name = stream.read(length) if offset else b""
    if offset and (len(name) < length or not name):
        return None
    return Qcow2(size, _seen_from(path.parent, name.decode(errors="surrogateescape")) if name else None)


def backing_of(path: Path) -> Path | None:
    """The file that *path* stands on; ``None`` where there is none, or no whole header."""
    header = read_qcow2(path)
    return header.backing if header else None


def _seen_from(folder: Path, name: str) -> Path:
    """As QEMU resolves the name of a backing file."""
    return Path(name) if os.path.isabs(name) else Path(os.path.normpath(folder / name))
