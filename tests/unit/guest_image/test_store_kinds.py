# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.environment import (
    ContainerImage,
    ContainerImageBuild,
    Environment,
    Guest,
    GuestImage,
    ImageBuild,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import ImageError
from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest import container_archive, guest_image, image_store
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest.container_archive import ContainerArchive
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest.guest_image import GuestImageKind
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest.store_kind import StoreKind
from ansible_collections.strata.kvm_docker.plugins.module_utils.inputs import Inputs
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.model import Key, Plan
from ansible_collections.strata.kvm_docker.plugins.module_utils.progress import Event, Progress
from ansible_collections.strata.kvm_docker.plugins.module_utils.resources import RESOURCES, STORE_KINDS, observed, plan

CONTAINER = ContainerImageBuild(suite="trixie", packages=("redis-server",))
INPUTS = Inputs(guest_images={"debian": "d1", "unused": "d2"})


@pytest.fixture
def environment() -> Environment:
    return Environment(
        name="lab",
        folder="/declaration",
        images={
            "debian": GuestImage(build=ImageBuild(suite="trixie")),
            "unused": GuestImage(build=ImageBuild(suite="bookworm")),
        },
        container_images={"redis:13": ContainerImage(build=CONTAINER), "saved:1": ContainerImage(archive="saved.tar")},
        guests={"web": Guest(name="web", image="debian")},
    )


@pytest.fixture
def hypervisor(tmp_path: Path) -> Any:
    return SimpleNamespace(folders=Folders(tmp_path))


def planned(kind: StoreKind, environment: Environment, hypervisor: Any) -> Plan:
    declared = tuple(kind.declare(environment, INPUTS))
    return plan(declared, kind.stored(hypervisor, declared), lambda key, difference: kind.effect(difference))


def put(folders: Folders, recipe: str) -> None:
    with image_store.making(folders, recipe) as staging:
        (staging / image_store.DISK).write_bytes(recipe.encode())
        image_store.store(folders, recipe, staging)


def test_an_image_that_a_guest_uses_is_made_when_the_store_lacks_it(environment: Environment, hypervisor: Any) -> None:
    made = planned(GuestImageKind(), environment, hypervisor)

    assert [(change.action, change.key) for change in made] == [("create", Key("guest_image", "debian"))]


def test_an_image_in_the_store_needs_nothing(environment: Environment, hypervisor: Any) -> None:
    put(hypervisor.folders, "d1")

    assert not planned(GuestImageKind(), environment, hypervisor)


def test_images_of_others_in_the_shared_store_are_no_orphans(environment: Environment, hypervisor: Any) -> None:
    put(hypervisor.folders, "d1")
    put(hypervisor.folders, "somebody elses")

    assert planned(GuestImageKind(), environment, hypervisor).orphans == ()


def test_what_is_there_of_a_store_follows_from_what_is_wanted_and_from_nothing_that_was_declared_before(
    environment: Environment, hypervisor: Any
) -> None:
    put(hypervisor.folders, "d1")
    wanted = list(RESOURCES["guest_image"].declare(environment, INPUTS))

    assert list(observed(STORE_KINDS, hypervisor, "lab")) == []
    assert [item.key for item in observed(STORE_KINDS, hypervisor, "lab", wanted)] == [wanted[0].key]


def test_only_container_images_that_are_built_are_made(environment: Environment, hypervisor: Any) -> None:
    made = planned(ContainerArchive(), environment, hypervisor)

    assert [change.key for change in made] == [Key("container_archive", "redis:13")]


def test_an_archive_in_the_store_needs_nothing(environment: Environment, hypervisor: Any) -> None:
    path = container_archive.archive_path(hypervisor.folders, container_archive.recipe_digest("redis:13", CONTAINER))
    path.parent.mkdir(parents=True)
    path.touch()

    assert not planned(ContainerArchive(), environment, hypervisor)


def test_a_build_reports_its_progress_and_names_the_image_when_it_fails(
    environment: Environment, hypervisor: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(image: GuestImage, folder: str, folders: Folders, report: Any) -> None:
        report("downloading packages", 0.25)
        raise ImageError("suite trixie has no package x.")

    monkeypatch.setattr(guest_image, "obtain", fail)
    kind, events = GuestImageKind(), list[Event]()
    (change,) = planned(kind, environment, hypervisor)

    with pytest.raises(ImageError, match="image debian: suite trixie has no package x"):
        kind.apply(hypervisor, change, Progress(events.append))

    assert [(event.stage, event.status, event.message, event.fraction) for event in events] == [
        ("guest_image debian", "progress", "downloading packages", 0.25)
    ]
