# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose an image is and what it was made from, as read from the engine's list."""

from __future__ import annotations

from typing import Any

from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.image_marks import (
    ListedImage,
    build_label,
    build_labels,
    layer_mark,
    mark,
    stage_mark,
    superseded,
)


def listed(*tags: str, **entry: Any) -> ListedImage:
    return ListedImage.of({"Id": "sha256:1", "RepoTags": list(tags), **entry})


def labels(reference: str, source: str, environment: str = "env") -> dict[str, str]:
    return {**build_labels(environment, reference, source), **dict([build_label(environment, reference)])}


def test_a_nameless_image_is_read_in_both_spellings_of_the_api() -> None:
    old = listed("<none>:<none>", RepoDigests=["<none>@<none>"])
    new = ListedImage.of({"Id": "sha256:1", "RepoTags": None, "RepoDigests": None, "Labels": None})
    assert old == new
    assert new.names == ()


def test_an_image_that_carries_no_mark_is_nobodys() -> None:
    assert listed("redis:7").origin("env", "redis:7", "recipe:1") is None


def test_a_mark_tells_environment_reference_and_source() -> None:
    image = listed("redis:7", mark("env", "redis:7", "recipe:1"))
    assert image.names == ("redis:7",)
    assert image.origin("env", "docker.io/library/redis:7", "recipe:1") == "recipe:1"
    assert image.origin("env", "redis:7", "recipe:2") == "image:sha256:1"
    assert image.origin("env", "redis:8", "recipe:1") is None
    assert image.origin("other", "redis:7", "recipe:1") is None


def test_a_label_tells_them_too_but_not_on_an_image_of_another_name() -> None:
    image = listed("app:1", Labels=build_labels("env", "app:1", "context:1"))
    assert image.put_for("env", "app:1") == "context:1"
    assert image.put_for("env", "derived:1") is None
    assert image.put_for("other", "app:1") is None


def test_what_is_wanted_anyway_need_not_carry_a_mark() -> None:
    assert listed("redis:7").origin("env", "redis:7", "registry:redis:7") == "registry:redis:7"
    assert listed("redis:7").origin("env", "redis:7", "archive:sha256:1") == "archive:sha256:1"
    assert listed().origin("env", "redis:7", "registry:redis:7") is None
    assert listed("redis:7").put_for("env", "redis:7", "registry:redis:7") is None


def test_superseded_is_what_is_ours_nameless_and_not_of_a_declared_source() -> None:
    sources = {"redis:7": "recipe:2", "app:1": "context:2"}
    assert superseded(listed(mark("env", "redis:7", "recipe:1")), "env", sources)
    assert superseded(listed(Labels=labels("app:1", "context:1")), "env", sources)
    assert superseded(listed(Labels=labels("gone:1", "context:1")), "env", sources)


def test_superseded_is_nothing_else() -> None:
    sources = {"redis:7": "recipe:2", "app:1": "context:2"}
    old = mark("env", "redis:7", "recipe:1")
    for image in (
        listed(),
        listed("redis:7", old),
        listed(old, stage_mark("env", "app:1", 0)),
        listed(mark("env", "redis:7", "recipe:2")),
        listed(mark("other", "redis:7", "recipe:1")),
        listed(Labels=labels("app:1", "context:2")),
        listed(Labels=labels("app:1", "context:1", "other")),
    ):
        assert not superseded(image, "env", sources)


def test_a_pulled_image_that_lost_its_tag_keeps_its_digest_and_may_go_unless_that_is_declared() -> None:
    digest = f"redis@sha256:{'0' * 64}"
    image = listed(mark("env", "redis:7", "registry:redis:7"), RepoDigests=[digest])
    assert superseded(image, "env", {})
    assert not superseded(image, "env", {digest: f"registry:{digest}"})


def test_an_image_that_was_put_under_a_digest_is_not_superseded_by_who_does_not_declare_it() -> None:
    digest = f"redis@sha256:{'0' * 64}"
    image = listed(mark("env", digest, f"registry:{digest}"), RepoDigests=[digest])
    assert not superseded(image, "env", {})
    assert not superseded(image, "env", {"app:1": "context:1"})


def test_what_a_build_left_is_known_by_its_label_alone() -> None:
    on_its_way = dict([build_label("env", "app:1")])
    assert listed(Labels=on_its_way).left_by_build("env", "app:1")
    assert superseded(listed(Labels=on_its_way), "env", {"app:1": "context:2"})
    assert listed(Labels={**labels("base:1", "context:1"), **on_its_way}).left_by_build("env", "app:1")
    for kept in (
        listed(Labels=labels("app:1", "context:1")),
        listed(stage_mark("env", "app:1", 0), Labels=on_its_way),
        listed("mine:1", Labels=on_its_way),
        listed(),
    ):
        assert not kept.left_by_build("env", "app:1")


OLD, NEW = (f"sha256:{digit * 64}" for digit in "01")


def pulled(*tags: str, digest: str = OLD) -> ListedImage:
    return listed(*tags, RepoDigests=[f"redis@{digest}"])


def test_an_image_is_of_the_digest_that_its_registry_knows_it_by_with_or_without_its_tag_and_mark() -> None:
    for image in (pulled(), pulled("redis:7"), pulled(mark("env", "redis:7", "registry:redis:7"))):
        assert image.origin("env", "redis:7", f"registry:redis:7@{OLD}") == f"registry:redis:7@{OLD}"
    assert pulled().origin("env", "valkey:7", f"registry:valkey:7@{OLD}") is None


def test_of_a_tag_that_moved_the_older_digest_is_known() -> None:
    marks = [mark("env", "redis:7", source) for source in ("registry:redis:7", f"registry:redis:7@{OLD}")]
    for image in (pulled("redis:7"), *(pulled("redis:7", marked) for marked in marks)):
        assert image.origin("env", "redis:7", f"registry:redis:7@{NEW}") == f"registry:redis:7@{OLD}"
        assert image.origin("env", "redis:7", "registry:redis:7") == "registry:redis:7"


def test_an_image_of_no_registry_stands_for_no_digest() -> None:
    assert listed("redis:7").origin("env", "redis:7", f"registry:redis:7@{NEW}") is None
    assert listed("redis:7", mark("env", "redis:7", "recipe:1")).origin(
        "env", "redis:7", f"registry:redis:7@{NEW}"
    ) == ("image:sha256:1")


def test_what_an_engine_layer_brought_is_the_image_of_whoever_declares_its_source() -> None:
    image = listed(layer_mark("recipe:1"))
    assert (image.names, image.preloaded) == ((), (layer_mark("recipe:1"),))
    assert image.origin("env", "redis:7", "recipe:1") == "recipe:1"
    assert image.origin("env", "redis:7", "recipe:2") is None
    assert not superseded(image, "env", {"redis:7": "recipe:2"})
