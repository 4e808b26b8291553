# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A kernel as an ELF file, which QEMU can start by PVH without the guest unpacking anything.

A ``vmlinuz`` unpacks itself at each boot, and then moves itself to a random address: seconds on an emulated CPU. Its
layout: Documentation/arch/x86/boot.rst.
"""

from __future__ import annotations

import lzma
import struct
import subprocess
from pathlib import Path

from ..errors import ImageError

_SECTOR = 512
_ELF, _XZ, _ZSTD = b"\x7fELF", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd"
#: Type of the ELF note that tells where PVH enters (XEN_ELFNOTE_PHYS32_ENTRY), and its owner.
_PVH_NOTE = struct.pack("<I", 18) + b"Xen\0"


def unpacked_kernel(vmlinuz: bytes, tree: Path) -> bytes | None:
    """The ELF file inside of *vmlinuz*; ``None`` where QEMU could not start it. *tree*: a system that has zstd(1).

    Raises :class:`ImageError` where it cannot be unpacked.
    """
    payload = _payload(vmlinuz)
    if payload.startswith(_ZSTD):
        kernel = _unzstd(payload, tree)
    elif payload.startswith(_XZ):
        kernel = lzma.LZMADecompressor().decompress(payload)
    else:
        return None
    return kernel if kernel.startswith(_ELF) and _PVH_NOTE in kernel else None


def _payload(vmlinuz: bytes) -> bytes:
    """What it unpacks, less the length that the build of a kernel appends."""
    if vmlinuz[0x202:0x206] != b"HdrS":
        return b""
    sectors = vmlinuz[0x1F1] or 4
    offset, length = struct.unpack_from("<II", vmlinuz, 0x248)
    begin = (sectors + 1) * _SECTOR + offset
    return vmlinuz[begin : begin + length - 4]


def _unzstd(packed: bytes, tree: Path) -> bytes:
    done = subprocess.run(["chroot", str(tree), "zstd", "-dc"], input=packed, capture_output=True, check=False)
    if done.returncode:
        raise ImageError(f"the kernel cannot be unpacked: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout
