# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import hashlib
import json
import os
import tarfile
from pathlib import Path

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.archive import read_archive
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest.container_archive import (
    write_archive,
    write_layer,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest.mmdebstrap import EPOCH


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "tree"
    (root / "usr/bin").mkdir(parents=True)
    (root / "usr/bin/tool").write_bytes(b"tool")
    (root / "usr/bin/tool").chmod(0o755)
    os.link(root / "usr/bin/tool", root / "usr/bin/same")
    (root / "bin").symlink_to("usr/bin")
    old = root / "usr/bin/old"
    old.write_bytes(b"old")
    os.utime(old, (1_600_000_000, 1_600_000_000))
    return root


def members(layer: Path) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(layer) as tar:
        return {member.name: member for member in tar}


def test_a_layer_keeps_types_modes_and_links(tree: Path, tmp_path: Path) -> None:
    write_layer(tree, tmp_path / "layer.tar")

    found = members(tmp_path / "layer.tar")
    assert list(found) == sorted(found)
    assert found["bin"].linkname == "usr/bin"
    assert found["usr/bin/same"].size == 4
    assert found["usr/bin/tool"].islnk()
    assert found["usr/bin/same"].mode == 0o755


def test_no_member_is_younger_than_the_epoch(tree: Path, tmp_path: Path) -> None:
    write_layer(tree, tmp_path / "layer.tar")

    assert {member.mtime for member in members(tmp_path / "layer.tar").values()} == {EPOCH, 1_600_000_000}


def test_the_archive_of_a_tree_repeats_bit_by_bit(tree: Path, tmp_path: Path) -> None:
    digests = set()
    for attempt in ("one", "two"):
        (tree / "usr/bin/tool").touch()
        write_layer(tree, tmp_path / "layer.tar")
        write_archive(tmp_path / "layer.tar", "tool:13", {"strata.source": "recipe:1"}, tmp_path / attempt)
        digests.add(hashlib.sha256((tmp_path / attempt).read_bytes()).hexdigest())

    assert len(digests) == 1


def test_the_archive_is_one_that_our_reader_of_docker_archives_takes(tree: Path, tmp_path: Path) -> None:
    write_layer(tree, tmp_path / "layer.tar")
    write_archive(tmp_path / "layer.tar", "tool:13", {"strata.source": "recipe:1"}, tmp_path / "image.tar")

    image = read_archive(tmp_path / "image.tar", "tool:13")

    assert image.tags == ("tool:13",)
    with tarfile.open(tmp_path / "image.tar") as archive:
        stream = archive.extractfile(image.config)
        assert stream
        config = json.loads(stream.read())
    assert config["config"]["Labels"] == {"strata.source": "recipe:1"}
    layer = hashlib.sha256((tmp_path / "layer.tar").read_bytes()).hexdigest()
    assert config["rootfs"]["diff_ids"] == [f"sha256:{layer}"]
