# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import lzma
import struct
from pathlib import Path

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import ImageError
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest.kernel import unpacked_kernel

ELF = b"\x7fELF" + bytes(60) + struct.pack("<III", 4, 8, 18) + b"Xen\0" + bytes(8)


def vmlinuz(packed: bytes, sectors: int = 2) -> bytes:
    """A boot sector and *sectors* of setup code, then code that unpacks, then what it unpacks and its length."""
    setup = bytearray((sectors + 1) * 512)
    setup[0x1F1] = sectors
    setup[0x202:0x206] = b"HdrS"
    code = b"\x90" * 100
    struct.pack_into("<II", setup, 0x248, len(code), len(packed) + 4)
    return bytes(setup) + code + packed + struct.pack("<I", 1 << 20) + b"more code"


def test_the_kernel_inside_of_a_packed_one_is_found(tmp_path: Path) -> None:
    assert unpacked_kernel(vmlinuz(lzma.compress(ELF)), tmp_path) == ELF


def test_a_kernel_that_qemu_could_not_enter_is_not_unpacked(tmp_path: Path) -> None:
    without_note = ELF.replace(b"Xen\0", b"GNU\0")
    assert unpacked_kernel(vmlinuz(lzma.compress(without_note)), tmp_path) is None


@pytest.mark.parametrize("content", [b"", b"MZ" + bytes(4096), vmlinuz(b"\x1f\x8b" + bytes(64))])
def test_what_is_packed_another_way_stays_as_it_is(content: bytes, tmp_path: Path) -> None:
    assert unpacked_kernel(content, tmp_path) is None


def test_a_tree_that_cannot_unpack_it_is_told(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="the kernel cannot be unpacked"):
        unpacked_kernel(vmlinuz(b"\x28\xb5\x2f\xfd" + bytes(64)), tmp_path)
