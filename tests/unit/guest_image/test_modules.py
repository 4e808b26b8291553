# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import lzma
from pathlib import Path

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import ImageError
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest import image_recipe
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest.modules import (
    LOADED,
    OTHERS,
    needed,
    unpack_modules,
)

INDEX = """\
kernel/net/802/stp.ko.xz: kernel/net/llc/llc.ko.xz
kernel/net/bridge/br_netfilter.ko.xz: kernel/net/bridge/bridge.ko.xz kernel/net/802/stp.ko.xz kernel/net/llc/llc.ko.xz
kernel/net/netfilter/xt_MASQUERADE.ko.xz:
kernel/crypto/crc32c-intel.ko.xz:
"""


def test_a_module_comes_with_all_that_it_needs() -> None:
    names = {path.rpartition("/")[2] for path in needed(INDEX, ["br_netfilter"])}
    assert names == {"br_netfilter.ko.xz", "bridge.ko.xz", "stp.ko.xz", "llc.ko.xz"}


def test_a_module_is_found_however_its_name_is_written() -> None:
    assert needed(INDEX, ["crc32c_intel"]) == needed(INDEX, ["crc32c-intel"]) == {"kernel/crypto/crc32c-intel.ko.xz"}


def test_a_module_that_the_kernel_has_built_in_is_left_out() -> None:
    assert needed(INDEX, ["ext4"]) == frozenset()


def test_a_tree_whose_modules_cannot_be_indexed_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "usr/lib/modules/6.12"
    (folder / "kernel").mkdir(parents=True)
    (folder / "modules.dep").write_text("kernel/a.ko.xz:\nkernel/b.ko.xz:\n")
    for name in ("a", "b"):
        (folder / f"kernel/{name}.ko.xz").write_bytes(lzma.compress(name.encode()))
    with pytest.raises(ImageError, match=r"modules of kernel 6\.12 cannot be indexed"):
        unpack_modules(tmp_path, "6.12", ["a"])
    assert (folder / "kernel/a.ko").read_bytes() == b"a"
    assert sorted(path.name for path in (folder / "kernel").iterdir()) == ["a.ko", "b.ko.xz"]


def test_nothing_is_both_loaded_and_kept_from_loading() -> None:
    kept_from = image_recipe.FILES["/etc/modprobe.d/strata.conf"][1]
    assert not [name for name in (*LOADED, *OTHERS) if f" {name}\n" in kept_from]
