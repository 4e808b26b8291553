# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images of an engine: what they are called by, whose their layers are, and which of these a build made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.look.engine import (
    _by_reference,
    chance_names,
    places,
)
from made_engine import LOOK, ROOT, drawn, image, leaves


def by_reference(*images: Mapping[str, Any]) -> dict[str, str]:
    """Reference -> letter of the image."""
    return {name: found["Id"][7] for name, found in _by_reference(images)}


def test_an_image_is_known_by_every_tag() -> None:
    assert by_reference(image("1", "a", tags=("app:1", "app:2"))) == {"app:1": "1", "app:2": "1"}


def test_dangling_images_of_one_source_are_told_apart_by_their_age() -> None:
    old = image("1", "a", source="context:x", Created="2026-01-01")
    new = image("2", "b", source="context:x", Created="2026-01-02")
    named = {"<none> context:x": "1", "<none> context:x (2)": "2"}
    assert by_reference(old, new) == by_reference(new, old) == named


def test_dangling_images_of_others_go_by_their_layers() -> None:
    assert by_reference(image("1", "a", "b")) == {f"<none> sha256:{drawn('b')}": "1"}
    assert by_reference({"Id": f"sha256:{drawn('3')}", "RepoTags": None}) == {f"<none> sha256:{drawn('3')}": "3"}


def test_layers_that_a_build_made_are_a_branch_of_their_own() -> None:
    base, built = image("1", "a", tags=("base:1",)), image("2", "a", "b", "c", tags=("app:1",), source="context:x")
    found = leaves(replace(LOOK, images={"base:1": base, "app:1": built}))
    below = {path.removeprefix("images/web/app:1/"): leaf for path, leaf in found.items() if "/app:1/" in path}
    told = {path: leaf.counts for path, leaf in below.items() if "Layers" in path}
    assert told == {"RootFS/Layers/0": True, "BuiltLayers/0": False, "BuiltLayers/1": False}


def test_layers_of_images_that_were_loaded_all_count() -> None:
    told = replace(LOOK, images={"app:1": image("2", "a", "b", tags=("app:1",))})
    assert sum(leaf.counts for path, leaf in leaves(told).items() if "/RootFS/Layers/" in path) == 2


@pytest.mark.parametrize("environment", ["lab", "other"])
def test_a_mark_of_ours_never_names_what_an_image_is_called_by(environment: str) -> None:
    """Marks hold the environment's name, and a rule takes out what is below them."""
    zoo, mark = LOOK.images["zoo:1"], f"strata.invalid/mark:{environment}-1a2b"
    marked = replace(LOOK, images={mark: zoo, "zoo:1": zoo})
    assert chance_names(marked) == chance_names(LOOK)
    assert places(marked) == places(LOOK)


def test_an_image_that_only_a_mark_names_has_places_too() -> None:
    (place, *_others) = places(replace(LOOK, images={"strata.invalid/mark:x": LOOK.images["zoo:1"]})).values()
    assert place[2] == "strata.invalid/mark:x"


def test_a_layer_that_images_share_belongs_to_the_first_of_them() -> None:
    shared = replace(LOOK, images={**LOOK.images, "ape:1": image("4", "0", "3", tags=("ape:1",))})
    assert places(shared)[f"{ROOT}/overlay2/{drawn('0')}/diff"] == ("images", "web", "ape:1", "files", "0")
    assert places(shared)[f"{ROOT}/overlay2/{drawn('1')}/diff"] == ("images", "web", "zoo:1", "files", "1")
