# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A store with damaged notes and manifests, and with things in it that are not of Strata."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.strata.kvm_docker.cli.gc import table
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import ImageError
from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest import image_store
from ansible_collections.strata.kvm_docker.plugins.module_utils.store.gc import Verdict, collect
from ansible_collections.strata.kvm_docker.plugins.module_utils.store.items import Item
from ansible_collections.strata.kvm_docker.plugins.module_utils.store.layers import find_layer
from ansible_collections.strata.kvm_docker.plugins.module_utils.store.use import register
from made_store import put_archive, put_disk, put_image, put_layer, sha, tree


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders(tmp_path / "state")


@pytest.mark.parametrize("content", ["", "{", '{"recipes": null}', '{"recipes": 5}', "[" * 100_000])
def test_nothing_goes_while_the_note_of_an_environment_is_damaged(folders: Folders, content: str) -> None:
    image = put_image(folders, "a")
    folders.environment("lab").mkdir(parents=True)
    (folders.environment("lab") / "store.json").write_text(content)

    with pytest.raises(ImageError, match=r"store\.json: it is damaged.*Converge"):
        collect(folders)
    assert image.disk.exists()


@pytest.mark.parametrize("content", ["", "{}", '{"root": 5}', '{"root": "state"}'])
def test_nothing_goes_while_the_note_of_a_state_folder_is_damaged(folders: Folders, content: str) -> None:
    image = put_image(folders, "a")
    other = Folders(folders.root.parent / "other", folders.images)
    put_disk(other, "lab", "web", image.disk)
    register(other)
    (note_of_other,) = (folders.images / ".users").iterdir()
    note_of_other.write_text(content)

    with pytest.raises(ImageError, match=r"json: it is damaged.*collect again"):
        collect(folders)
    assert image.disk.exists()


@pytest.mark.parametrize(
    "manifest",
    ['{"parent": ["x"], "request": ["y"]}', '{"request": ".."}', '{"files": {"disk.qcow2": {}}}', "[" * 100_000],
)
def test_what_has_a_damaged_manifest_goes_like_any_other(folders: Folders, manifest: str) -> None:
    image = put_image(folders, "a")
    layer = put_layer(folders, image, "layer")
    for piece in (image, layer):
        (piece.disk.parent / image_store.MANIFEST).write_text(manifest)

    assert image_store.resolve(folders, sha("a")) is None
    assert find_layer(folders, layer.digest) is None
    collect(folders)
    assert tree(folders.images) == {}


def test_what_is_not_ours_in_the_folder_stays(folders: Folders, tmp_path: Path) -> None:
    put_archive(folders, "redis")
    strange = {folders.images / ".staging" / "mine", folders.images / "recipes" / "cake.json"}
    for path in strange:
        path.write_text("{}")
    linked = {folders.images / sha("elsewhere"), folders.images / "container-archives" / f"{sha('nowhere')}.tar"}
    for path in linked:
        path.symlink_to(tmp_path / path.name)

    assert [verdict.item.kind for verdict in collect(folders)] == ["container archive"]
    assert all(os.path.lexists(path) for path in strange | linked)


def test_a_shared_folder_stays_open_to_those_who_share_it(folders: Folders) -> None:
    folders.images.mkdir(parents=True)
    folders.images.chmod(0o1777)
    put_archive(folders, "redis")

    assert folders.images.stat().st_mode & 0o7777 == 0o1777


@pytest.mark.parametrize("when", [10**14, -(10**14)])
def test_a_piece_of_a_time_without_a_date_is_listed(when: int) -> None:
    item = Item(kind="leftover", name="x", path=Path("x"), size=0, used=when)

    assert table([Verdict(item, "")], "removed")[1].split() == ["leftover", "x", "0", "MiB", "unknown", "removed"]
