# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a checkpoint is made from: its digest follows from all of it, and a difference is told in words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from xml.etree import ElementTree

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.checkpoint.abi import processor_of
from ansible_collections.strata.kvm_docker.plugins.module_utils.checkpoint.origin import (
    OnLayer,
    Origin,
    in_words,
    origin_of,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.model import Declared, Key
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.secrets import Seal

GIVEN: dict[str, Any] = {
    "declared": [
        Declared(Key("guest", "web"), {"memory": 1}),
        Declared(Key("container", "app-1", "web"), {"Env": ["a"]}),
    ],
    "images": {"debian13": "c" * 64},
    "lock": b"images: {}\n",
    "abi": {"QEMU": "7.2.9", "libvirt": "9.0.0"},
    "seal": Seal(b"k" * 32),
}
MADE = origin_of(**GIVEN)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"declared": [replace(GIVEN["declared"][0], spec={"memory": 2}), GIVEN["declared"][1]]},
            "guest web is declared otherwise",
        ),
        (
            {"declared": [replace(GIVEN["declared"][0], running=False), GIVEN["declared"][1]]},
            "guest web is declared otherwise",
        ),
        ({"declared": GIVEN["declared"][:1]}, "container web/app-1 is declared no more"),
        ({"declared": [*GIVEN["declared"], Declared(Key("network", "lan"), {})]}, "network lan is new"),
        ({"images": {"debian13": "d" * 64}}, "content of guest image debian13 is declared otherwise"),
        ({"lock": b""}, "the lock is declared otherwise"),
        ({"abi": {"QEMU": "8.0.0", "libvirt": "9.0.0"}}, "QEMU was 7.2.9 and is 8.0.0"),
        ({"abi": {"QEMU": "7.2.9", "libvirt": "9.0.0", "processor": "EPYC"}}, "processor was unknown and is EPYC"),
    ],
)
def test_whatever_differs_gives_another_digest_and_is_named(change: dict[str, Any], said: str) -> None:
    now = origin_of(**{**GIVEN, **change})
    assert now.digest != MADE.digest
    assert now.differences(MADE) == [said]


def test_the_same_inputs_give_the_same_digest_in_any_order() -> None:
    again = origin_of(**{**GIVEN, "declared": reversed(GIVEN["declared"])})
    assert again.digest == MADE.digest
    assert again.differences(MADE) == []


def test_what_inputs_are_digested_with_is_secret_so_that_none_can_be_guessed() -> None:
    other = origin_of(**{**GIVEN, "seal": Seal(b"o" * 32)})
    assert other.inputs.keys() == MADE.inputs.keys()
    assert not set(other.inputs.values()) & set(MADE.inputs.values())


def test_of_many_differences_the_first_are_named() -> None:
    assert in_words(list("abcde")) == "a; b; c; and 2 more"
    assert in_words(["a"]) == "a"


def test_a_processor_is_known_by_model_features_and_microcode() -> None:
    def told(features: str, microcode: str = "1") -> str:
        cpu = f"<cpu><model>EPYC</model><microcode version='{microcode}'/>{features}</cpu>"
        return processor_of(ElementTree.fromstring(f"<capabilities><host>{cpu}</host></capabilities>"))

    one = told("<feature name='avx'/><feature name='aes'/>")
    assert one.startswith("EPYC ")
    assert told("<feature name='aes'/><feature name='avx'/>") == one
    assert told("<feature name='aes'/>") != one
    assert told("<feature name='avx'/><feature name='aes'/>", "2") != one
    assert processor_of(ElementTree.fromstring("<capabilities/>")) == "unknown"


LAYERED = replace(MADE, layers={"web": OnLayer("debian13", "a" * 64), "apps": OnLayer("debian13", "a" * 64)})


def test_what_stands_on_an_engine_layer_is_another_origin_and_the_layer_is_named() -> None:
    other = replace(MADE, layers={guest: OnLayer("debian13", "b" * 64) for guest in LAYERED.layers})
    assert len({MADE.digest, LAYERED.digest, other.digest}) == 3
    aa, bb = "a" * 16, "b" * 16
    assert other.differences(LAYERED) == [f"engine layer of image debian13 was {aa} and is {bb}"]
    assert MADE.differences(LAYERED) == [f"engine layer of image debian13 was {aa} and is not there"]
    assert MADE.differences(LAYERED, {"a" * 64}) == LAYERED.differences(MADE) == []


def test_guests_of_other_times_serve_where_all_that_they_stand_on_is_there() -> None:
    """One guest was made before there was a layer, the other since; made now, both would stand on it."""
    mixed = replace(MADE, layers={"apps": LAYERED.layers["apps"]})
    assert LAYERED.fits(mixed, {"a" * 64})
    assert LAYERED.fits(MADE, ())
    assert MADE.fits(LAYERED, {"a" * 64})
    assert not MADE.fits(LAYERED, {"b" * 64})
    assert not replace(LAYERED, abi={}).fits(LAYERED, {"a" * 64})
    assert not replace(LAYERED, inputs={}).fits(LAYERED, {"a" * 64})


def test_an_origin_without_inputs_has_a_digest() -> None:
    assert len(Origin({}, {}).digest) == 64
