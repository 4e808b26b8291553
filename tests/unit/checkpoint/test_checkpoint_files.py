# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of checkpoints: sparse copies with a digest, a manifest that tells damage, a store without halves."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.checkpoint import files, manifest, under_way
from ansible_collections.strata.kvm_docker.plugins.module_utils.checkpoint.domains import at_places
from ansible_collections.strata.kvm_docker.plugins.module_utils.checkpoint.origin import Origin
from ansible_collections.strata.kvm_docker.plugins.module_utils.checkpoint.store import (
    Store,
    clone_roots,
    note_clones,
    require_space,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import CheckpointError
from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders
from ansible_collections.strata.kvm_docker.plugins.module_utils.progress import Progress
from made_checkpoint import MADE

MIB = 1024**2


def publish(store: Store) -> Path:
    (store.stage() / "memory" / "web").write_bytes(b"abc")
    return store.publish(MADE).folder


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"x",
        bytes(5 * MIB),
        b"a" * 100 + bytes(9 * MIB) + b"z",
        bytes(64 * 1024) + b"b" * 64 * 1024 + bytes(70_000),
        os.urandom(4 * MIB + 5),
    ],
)
def test_a_copy_is_the_same_with_holes_for_zeros(content: bytes, tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(content)
    target.write_bytes(b"of a killed run")
    copied = files.copy(source, target)
    assert target.read_bytes() == content
    assert copied == files.measure(source) == files.measure(target)
    assert copied.size == len(content)
    assert target.stat().st_mode & 0o777 == 0o600
    assert target.stat().st_blocks * 512 <= len(content.strip(b"\0")) + 2 * 64 * 1024


def test_one_flipped_bit_is_found(tmp_path: Path) -> None:
    path = tmp_path / "memory"
    path.write_bytes(os.urandom(MIB))
    stored = files.measure(path)
    content = bytearray(path.read_bytes())
    content[MIB // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"memory: not what was stored there .* make it anew"):
        files.verify(files.measure(path), stored, path)


def test_a_manifest_is_read_as_it_was_written() -> None:
    assert manifest.read_text(manifest.text_of(MADE), "x") == MADE


@pytest.mark.parametrize("place", range(0, len(manifest.text_of(MADE)), 7))
def test_a_manifest_with_a_flipped_bit_is_refused(place: int) -> None:
    text = manifest.text_of(MADE)
    flipped = text[:place] + chr(ord(text[place]) ^ 1) + text[place + 1 :]
    if json.loads(text) == _loaded(flipped):
        return
    with pytest.raises(CheckpointError, match="checkpoint x: its manifest is damaged"):
        manifest.read_text(flipped, "x")


def _loaded(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return None


def test_a_checkpoint_is_found_by_what_it_was_made_from(store: Store) -> None:
    folder = publish(store)
    found = store.find(MADE.origin)
    assert found
    assert (found.folder, found.manifest) == (folder, MADE)
    assert store.find(Origin({}, {})) is None
    assert [one.manifest for one in store.whole()] == [MADE]
    assert store.folder.stat().st_mode & 0o777 == folder.stat().st_mode & 0o777 == 0o700


def test_one_that_was_not_finished_is_none_and_goes_with_the_next(store: Store) -> None:
    (store.stage() / "memory" / "web").write_bytes(b"half")
    assert store.digests() == []
    publish(store)
    assert not store.staging.exists()
    assert store.digests() == [MADE.digest]


def test_one_that_lies_under_another_digest_is_refused(store: Store) -> None:
    publish(store).rename(store.folder / ("0" * 64))
    with pytest.raises(CheckpointError, match="another one by its manifest"):
        store.read("0" * 64)
    assert list(store.whole()) == []


def test_removed_it_is_gone_and_the_last_one_takes_the_folder_along(store: Store) -> None:
    publish(store)
    store.remove(MADE.digest)
    assert not store.folder.exists()
    assert store.digests() == []


def test_what_a_killed_removal_left_is_swept(store: Store) -> None:
    publish(store).rename(store.folder / ".removed.x")
    assert store.digests() == []
    store.sweep()
    assert list(store.folder.iterdir()) == []


def test_the_key_of_inputs_is_made_once(store: Store) -> None:
    key = store.seal()
    assert len(key.key) == 32
    assert store.seal() == key
    with store.alone(Progress()):
        assert (store.folders.checkpoints / "key").stat().st_mode & 0o777 == 0o600


def test_where_it_was_started_is_noted(store: Store) -> None:
    publish(store)
    checkpoint = next(store.whole())
    assert clone_roots(checkpoint) == {}
    note_clones(checkpoint, {"/a": "qemu:///system"})
    assert clone_roots(checkpoint) == {"/a": "qemu:///system"}
    (checkpoint.folder / "clones").write_text("[")
    assert clone_roots(checkpoint) == {}


def test_a_full_disk_is_told_before_anything_is_written(tmp_path: Path) -> None:
    require_space(tmp_path / "not" / "there", 1, "the checkpoint")
    with pytest.raises(CheckpointError, match=r"the checkpoint takes up to .* MiB .* STRATA_CHECKPOINTS"):
        require_space(tmp_path, 2**60, "the checkpoint")


def test_what_a_killed_run_was_about_to_do_is_read_back(tmp_path: Path) -> None:
    folders = Folders(tmp_path)
    assert under_way.read("lab", folders) is None
    left = under_way.UnderWay(doing="lay", guests=("web",), disks={"web": "/pools/web.qcow2"})
    under_way.note("lab", folders, left)
    assert under_way.read("lab", folders) == left
    under_way.clear("lab", folders)
    assert under_way.read("lab", folders) is None


def test_paths_in_a_definition_are_moved_with_their_folders() -> None:
    text = (
        "<domain><name>/a/pool</name><os><kernel>/a/images/1/vmlinuz</kernel></os><devices>"
        "<disk><source file='/a/pool/web.qcow2'/></disk><serial><log file='/a/pool-of-others/x'/></serial></devices>"
        "<description>on /a/pool</description></domain>"
    )
    moved = at_places(text, {"/a/pool": "/b/pool", "/a": "/c", "/a/images": "/store"})
    assert "/b/pool/web.qcow2" in moved
    assert "<kernel>/store/1/vmlinuz</kernel>" in moved
    assert "/c/pool-of-others/x" in moved
    assert "on /a/pool" in moved
