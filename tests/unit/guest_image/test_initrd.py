# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import lzma
import stat
from pathlib import Path

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import ImageError
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest.initrd import Entry, make_initrd, newc

RELEASE = "6.12-cloud"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    init = tmp_path / "usr/libexec/tiny-initramfs/init-static"
    driver = tmp_path / "usr/lib/modules" / RELEASE / "kernel/drivers/block/virtio_blk.ko.xz"
    for path in (init, driver):
        path.parent.mkdir(parents=True)
    init.write_bytes(b"program")
    driver.write_bytes(lzma.compress(b"driver"))
    return tmp_path


def names(archive: bytes) -> list[str]:
    """Walk the headers as the format has them."""
    found, offset = [], 0
    while True:
        fields = [int(archive[offset + 6 + 8 * i : offset + 14 + 8 * i], 16) for i in range(13)]
        name = archive[offset + 110 : offset + 110 + fields[11] - 1].decode()
        if name == "TRAILER!!!":
            return found
        found.append(name)
        offset = (offset + 110 + fields[11] + 3) // 4 * 4
        offset = (offset + fields[6] + 3) // 4 * 4


def test_the_archive_holds_init_its_folders_and_the_driver_of_the_disk(tree: Path) -> None:
    assert names(make_initrd(tree, RELEASE)) == ["dev", "proc", "target", "init", "modules", "virtio_blk.ko"]


def test_the_driver_is_unpacked_because_init_cannot(tree: Path) -> None:
    assert b"driver" in make_initrd(tree, RELEASE)


def test_equal_trees_give_equal_bytes(tree: Path) -> None:
    first = make_initrd(tree, RELEASE)
    (tree / "usr/libexec/tiny-initramfs/init-static").touch()

    assert make_initrd(tree, RELEASE) == first


def test_a_kernel_without_the_driver_is_refused(tree: Path) -> None:
    with pytest.raises(ImageError, match=r"virtio_blk\.ko"):
        make_initrd(tree, "5.10-other")


def test_members_are_padded_to_four_bytes() -> None:
    for length in range(9):
        archive = newc([Entry("a" * (length + 1), stat.S_IFREG | 0o644, b"x" * length), Entry("b", stat.S_IFDIR)])
        assert names(archive) == ["a" * (length + 1), "b"]
        assert len(archive) % 4 == 0
