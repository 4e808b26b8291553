# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The container images that a guest needs, each with what it is made from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.compose import Build, Project, Service
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.environment import (
    ContainerImage,
    ContainerImageBuild,
    Environment,
    Guest,
    GuestImage,
    ImageBuild,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.archive import read_input
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.context import open_context
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.image import Image
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import ImageError
from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders
from ansible_collections.strata.kvm_docker.plugins.module_utils.inputs import ImageInput, Inputs
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.model import Key
from ansible_collections.strata.kvm_docker.plugins.module_utils.resolve import resolve, resolve_images
from image_archives import docker_archive


def environment(folder: Path, *services: Service, archives: dict[str, str] | None = None) -> Environment:
    project = Project(name="p", file=str(folder / "compose.yaml"), services={one.name: one for one in services})
    return Environment(
        name="env",
        folder=str(folder),
        guests={"web": Guest(name="web", image="debian", compose=project)},
        container_images={name: ContainerImage(archive=path) for name, path in (archives or {}).items()},
    )


def resolved(folder: Path, *services: Service, archives: dict[str, str] | None = None) -> dict[str, ImageInput]:
    found = resolve_images(environment(folder, *services, archives=archives), Folders(folder))
    return {reference: image for (_guest, reference), image in found.items()}


def built(folder: Path, name: str, dockerfile: str, image: str | None = None) -> Service:
    context = folder / name
    context.mkdir(exist_ok=True)
    (context / "Dockerfile").write_text(dockerfile)
    return Service(name=name, image=image or f"{name}:1", build=Build(context=str(context)))


def test_an_image_that_nothing_else_gives_comes_from_a_registry(tmp_path: Path) -> None:
    assert resolved(tmp_path, Service(name="a", image="redis"))["redis"].source == "registry:redis:latest"


def test_an_archive_is_found_by_any_spelling_and_known_by_the_id_of_its_image(tmp_path: Path) -> None:
    image_id = docker_archive(tmp_path / "redis.tar", [(["redis:7"], b"")])[0]
    found = resolved(tmp_path, Service(name="a", image="docker.io/library/redis:7"), archives={"redis:7": "redis.tar"})
    assert found == {
        "docker.io/library/redis:7": ImageInput(
            reference="docker.io/library/redis:7", source=f"archive:{image_id}", archive=tmp_path / "redis.tar"
        )
    }


def test_the_images_that_a_build_starts_from_are_needed_too_and_come_first(tmp_path: Path) -> None:
    docker_archive(tmp_path / "base.tar", [(["base:1"], b"")])
    app = built(tmp_path, "app", "FROM base:1\nCOPY --from=tools:1 a b\n")
    given = environment(tmp_path, app, archives={"base:1": "base.tar"})
    inputs = Inputs(images=resolve_images(given, Folders(tmp_path)))
    declared = {item.key.name: item for item in Image().declare(given, inputs)}
    assert set(declared) == {"app:1", "base:1", "tools:1"}
    needs = {need.key for need in declared["app:1"].needs}
    assert {Key("image", "base:1", "web"), Key("image", "tools:1", "web"), Key("guest", "web")} <= needs


def test_a_changed_base_changes_everything_that_stands_on_it(tmp_path: Path) -> None:
    def sources(content: bytes) -> dict[str, str]:
        docker_archive(tmp_path / "base.tar", [(["base:1"], content)])
        middle = built(tmp_path, "middle", "FROM base:1\n")
        app = built(tmp_path, "app", "FROM middle:1\n")
        found = resolved(tmp_path, middle, app, archives={"base:1": "base.tar"})
        return {name: image.source for name, image in found.items()}

    one, two = sources(b"one"), sources(b"two")
    assert one == sources(b"one")
    assert all(one[name] != two[name] for name in ("base:1", "middle:1", "app:1"))


def test_a_tag_that_is_followed_does_not_change_what_was_digested_of_a_build_on_it(tmp_path: Path) -> None:
    app = built(tmp_path, "app", "FROM base:1\n")
    inputs = Inputs(images=resolve_images(environment(tmp_path, app), Folders(tmp_path)))
    image = inputs.following("web", {"base:1": f"sha256:{'1' * 64}"}).images["web", "app:1"]
    assert image.bases == {"base:1": "registry:base:1"}
    assert app.build
    assert list(open_context(app.build).archive_of(image.made_from, app.build, image.bases, "FROM base:1\n"))


def test_an_archive_that_is_another_now_is_refused(tmp_path: Path) -> None:
    def archived(content: bytes) -> tuple[str, ImageInput]:
        image_id = docker_archive(tmp_path / "redis.tar", [(["redis:7"], content)])[0]
        service = Service(name="a", image="redis:7")
        return image_id, resolved(tmp_path, service, archives={"redis:7": "redis.tar"})["redis:7"]

    old, image = archived(b"one")
    assert read_input(image).image_id == old
    new, _image = archived(b"two")
    with pytest.raises(ImageError, match=rf"redis\.tar changed while the run was under way: .*{new}, not {old}"):
        read_input(image)


def test_a_build_from_itself_is_refused(tmp_path: Path) -> None:
    one, two = built(tmp_path, "one", "FROM two:1\n"), built(tmp_path, "two", "FROM one:1\n")
    with pytest.raises(ImageError, match=r"one:1 is built from itself: one:1 -> two:1 -> one:1"):
        resolved(tmp_path, one, two)


def test_two_different_builds_of_one_name_are_refused(tmp_path: Path) -> None:
    one, two = built(tmp_path, "one", "FROM scratch\n", "app"), built(tmp_path, "two", "FROM scratch\n", "app:latest")
    with pytest.raises(ImageError, match="image app is built by service two too"):
        resolved(tmp_path, one, two)


def test_everything_that_cannot_be_read_is_told_at_once_with_guest_service_and_path(tmp_path: Path) -> None:
    missing = Service(name="a", image="a", build=Build(context=str(tmp_path / "nowhere")))
    damaged = Service(name="b", image="b")
    (tmp_path / "b.tar").write_bytes(b"no archive")
    with pytest.raises(ImageError) as caught:
        resolved(tmp_path, missing, damaged, archives={"b": "b.tar"})
    first, second = str(caught.value).splitlines()
    assert first == f"guest web, service a: build context {tmp_path}/nowhere: no such folder."
    assert second.startswith(f"guest web, service b: {tmp_path}/b.tar: not an archive of an image")


def test_an_image_from_packages_is_known_by_its_recipe_and_needs_its_archive_made(tmp_path: Path) -> None:
    def given(package: str) -> Environment:
        made = ContainerImage(build=ContainerImageBuild(suite="trixie", packages=(package,)))
        return replace(
            environment(tmp_path, built(tmp_path, "app", "FROM base:1\n")), container_images={"docker.io/base:1": made}
        )

    declared = given("redis-server")
    inputs = resolve(declared, Folders(tmp_path))
    base = inputs.images["web", "base:1"]
    assert base.source.startswith("recipe:")
    assert base.archive
    assert not base.archive.exists()
    found = {item.key.name: item for item in Image().declare(declared, inputs)}
    assert Key("container_archive", "docker.io/base:1") in {need.key for need in found["base:1"].needs}
    other = resolve(given("haproxy"), Folders(tmp_path))
    assert other.images["web", "base:1"].source != base.source
    assert other.images["web", "app:1"].source != inputs.images["web", "app:1"].source


def test_guest_images_are_known_by_their_recipe(tmp_path: Path) -> None:
    images = {suite: GuestImage(build=ImageBuild(suite=suite)) for suite in ("trixie", "bookworm")}
    given = replace(environment(tmp_path), images=images)
    digests = resolve(given, Folders(tmp_path)).guest_images
    assert set(digests) == {"trixie", "bookworm"}
    assert len(set(digests.values())) == 2
