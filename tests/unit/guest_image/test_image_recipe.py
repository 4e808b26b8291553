# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.environment import (
    ContainerImageBuild,
    GuestImage,
    ImageBuild,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest import (
    container_archive,
    guest_image,
    image_build,
    image_recipe,
)

BUILD = ImageBuild(suite="trixie", packages=("nfs-common", "htop"))
CONTAINER = ContainerImageBuild(suite="trixie", packages=("redis-server", "busybox"))


def test_a_recipe_has_one_digest() -> None:
    assert image_build.recipe_digest(BUILD) == image_build.recipe_digest(replace(BUILD))


def test_the_order_of_packages_does_not_matter() -> None:
    assert image_build.recipe_digest(BUILD) == image_build.recipe_digest(
        replace(BUILD, packages=("htop", "nfs-common"))
    )


@pytest.mark.parametrize(
    "changed",
    [
        replace(BUILD, suite="bookworm"),
        replace(BUILD, packages=("htop",)),
        replace(BUILD, mirror="http://mirror/debian"),
    ],
)
def test_whatever_decides_what_an_image_holds_changes_its_digest(changed: ImageBuild) -> None:
    assert image_build.recipe_digest(changed) != image_build.recipe_digest(BUILD)


def test_a_changed_unit_of_ours_changes_the_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    before = image_build.recipe_digest(BUILD)
    monkeypatch.setitem(image_recipe.FILES, "/etc/motd", (0o644, "hello\n"))

    assert image_build.recipe_digest(BUILD) != before


def test_the_kind_and_the_builder_agree_on_the_digest() -> None:
    assert guest_image.recipe_digest(GuestImage(build=BUILD), "/") == image_build.recipe_digest(BUILD)


def test_every_image_has_what_a_docker_host_needs_beside_what_is_asked_for() -> None:
    packages = image_recipe.packages(BUILD)

    assert {"docker.io", "openssh-server", "systemd-sysv", "nfs-common", "htop"} <= set(packages)
    assert len(packages) == len(set(packages))


def test_no_unit_is_both_enabled_and_masked() -> None:
    assert not image_recipe.ENABLED.keys() & set(image_recipe.MASKED_UNITS)


def test_nothing_in_the_image_starts_by_password_or_without_pinned_host_key() -> None:
    options = image_recipe.FILES["/etc/ssh/sshd_config.d/strata.conf"][1].splitlines()

    assert "PasswordAuthentication no" in options
    assert "PermitRootLogin prohibit-password" in options
    assert "HostKey /etc/ssh/ssh_host_ed25519_key" in options
    assert "etc/ssh/ssh_host_*" in image_recipe.REMOVED


def test_two_spellings_of_a_reference_are_one_container_image() -> None:
    assert container_archive.recipe_digest("docker.io/library/redis", CONTAINER) == container_archive.recipe_digest(
        "redis:latest", CONTAINER
    )


@pytest.mark.parametrize(
    ("reference", "build"),
    [
        ("other:13", CONTAINER),
        ("redis:13", replace(CONTAINER, suite="bookworm")),
        ("redis:13", replace(CONTAINER, packages=("redis-server",))),
        ("redis:13", replace(CONTAINER, mirror="http://mirror/debian")),
    ],
)
def test_whatever_decides_what_a_container_image_holds_changes_its_digest(
    reference: str, build: ContainerImageBuild
) -> None:
    assert container_archive.recipe_digest(reference, build) != container_archive.recipe_digest("redis:13", CONTAINER)
