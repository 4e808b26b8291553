# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Artifacts bit by bit, and trees that our own marks hold in a text."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import kvm_lab
import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.leaf import Leaf
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.look.applied import opened, within
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.look.artifacts import artifact_branches
from ansible_collections.strata.kvm_docker.plugins.module_utils.inputs import ImageInput, Inputs
from ansible_collections.strata.kvm_docker.plugins.module_utils.naming import LABEL_APPLIED
from made_fingerprint import made


def leaves(inputs: Inputs, folders: Folders, level: int = 5) -> dict[str, Leaf]:
    return {leaf.path: leaf for leaf in made(*artifact_branches(inputs, folders), level=level).leaves}


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    """A state folder with two guest images."""
    found = Folders(tmp_path, tmp_path / "images")
    kvm_lab.fill_store(found)
    return found


@pytest.fixture
def inputs(tmp_path: Path) -> Inputs:
    """A guest image, and an image of containers that two guests load from one archive; another was never made."""
    archive = tmp_path / "app.tar"
    archive.write_bytes(b"an archive")
    image = ImageInput(reference="app:1", source="archive:x", archive=archive)
    images = {("web", "app:1"): image, ("apps", "app:1"): image}
    images |= {("web", "redis:7"): replace(image, reference="redis:7", archive=tmp_path / "no.tar")}
    return replace(kvm_lab.INPUTS, images=images)


def test_each_artifact_has_the_digest_of_its_bits(inputs: Inputs, folders: Folders) -> None:
    found = leaves(inputs, folders)
    assert {path.split("/")[1] for path in found} == {"guest_images", "container_images"}
    assert found["artifacts/guest_images/debian/kernel"].value == hashlib.sha256(b"kernel").hexdigest()
    assert found["artifacts/container_images/web/app:1/archive"].value == hashlib.sha256(b"an archive").hexdigest()
    assert {leaf.plane for leaf in found.values()} == {"content"}
    assert leaves(inputs, folders, level=4) == {}


def test_an_image_that_two_guests_load_is_known_on_each(inputs: Inputs, folders: Folders) -> None:
    found = leaves(inputs, folders)
    assert {path.split("/")[2] for path in found if "/container_images/" in path} == {"web", "apps"}
    assert all(leaf.known for leaf in found.values())


def test_one_bit_is_another_leaf(inputs: Inputs, folders: Folders, tmp_path: Path) -> None:
    before = leaves(inputs, folders)
    (tmp_path / "app.tar").write_bytes(b"an archivf")
    after = leaves(inputs, folders)
    assert {path.rpartition("/")[2] for path in before if before[path] != after[path]} == {"archive"}


@pytest.mark.parametrize("name", [LABEL_APPLIED, "strata:applied", "strata:written"])
def test_a_mark_of_ours_is_opened_wherever_it_is(name: str) -> None:
    tree = {"Labels": {name: '{"a": [1]}'}, "list": [{name: '{"b": 2}'}]}
    assert opened(tree) == {"Labels": {name: {"a": [1]}}, "list": [{name: {"b": 2}}]}


def test_texts_of_others_and_marks_that_are_damaged_stay() -> None:
    tree = {"com.example/data": '{"a": 1}', LABEL_APPLIED: '{"a": ', "strata:applied": None}
    assert opened(tree) == tree


@pytest.mark.parametrize(
    ("path", "known"),
    [
        (("Labels", LABEL_APPLIED, "any", "thing"), True),
        (("Labels", LABEL_APPLIED), True),
        (("Labels", "other", "below"), False),
        (("Warp", LABEL_APPLIED, "any"), False),
    ],
)
def test_what_is_in_a_mark_is_known_as_the_mark_is(path: tuple[str, ...], known: bool) -> None:
    def knows(place: tuple[str, ...]) -> Any:
        return len(place) == 2 and place[0] == "Labels"

    assert within(knows)(path) is known
