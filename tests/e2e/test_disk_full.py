# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A disk fills up, under a running guest or while a layer is made: told as such, and gone on from once there
is space."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.environment import (
    Environment,
    Guest,
    GuestImage,
    ImageBuild,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import ImageError
from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest import guest_image, image_store
from ansible_collections.strata.kvm_docker.plugins.module_utils.inputs import ImageInput, Inputs
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm import embedded
from ansible_collections.strata.kvm_docker.plugins.module_utils.store.engine_layer import LayerRequest, layer_for
from ansible_collections.strata.kvm_docker.plugins.module_utils.store.layer_build import build_layer
from environments import EnvironmentCopy, running_lab
from image_archives import docker_archive
from lab import lab_folders
from made_store import tree

pytestmark = [pytest.mark.lab, pytest.mark.guests]

DECLARATION = """\
plugin: strata.kvm_docker.environment
name: full
images: {debian13: {build: {suite: trixie}}}
container_images: {"debian-haproxy:13": {build: {suite: trixie, packages: [haproxy, busybox]}}}
networks: {lan: {cidr: 10.83.0.0/24}}
guests:
  only:
    image: debian13
    memory: 512 MiB
    disk: 4 GiB
    networks: {lan: {address: 10.83.0.11}}
"""
COMPOSE = """\
services:
  idle:
    image: debian-haproxy:13
    command: [busybox, sleep, "1000000"]
    healthcheck: {test: [CMD, "true"], start_period: 60s, start_interval: 1s}
"""
MIB = 1024**2


@contextmanager
def mounted(disk: Path, target: Path) -> Iterator[None]:
    """A file system of its own at *target*, in *disk*."""
    with disk.open("wb") as file:
        file.truncate(2048 * MIB)
    subprocess.run(["mkfs.ext4", "-q", "-m", "0", disk], check=True)
    target.mkdir(mode=0o711, parents=True)
    subprocess.run(["mount", "-o", "loop", disk, target], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", target], check=True)


@pytest.fixture
def full(tmp_path: Path) -> Iterator[EnvironmentCopy]:
    """A guest that runs, its disk on a file system of its own (mounted first: libvirt sees no later mounts)."""
    with running_lab() as lab, mounted(tmp_path / "disk.ext4", lab.folders.root / "pools"):
        lab.start_hypervisor()
        copy = EnvironmentCopy.written(lab, tmp_path / "full", DECLARATION)
        (copy.folder / "compose.yaml").write_text(COMPOSE)
        try:
            copy.converge()
            yield copy
        finally:
            copy.start("absent").popen.communicate(timeout=300)
            embedded.stop(lab.folders)


def fill(folder: Path) -> Path:
    """A file that leaves 16 MiB."""
    ballast = folder / "ballast"
    free = os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, free - 16 * MIB)
    return ballast


def test_a_disk_that_fills_up_is_told_and_a_run_with_space_again_goes_on(full: EnvironmentCopy) -> None:
    full.edit(full.declaration, "    disk: 4 GiB\n", "    disk: 4 GiB\n    compose: compose.yaml\n")
    process = full.start()
    process.await_event("image only/debian-haproxy:13")
    ballast = fill(full.lab.folders.pool("full"))
    assert "is the disk of the hypervisor full?" in process.failure()
    assert "512 are needed; free some" in full.refused()
    ballast.unlink()
    (row,) = full.converge()["guests"]
    (container,) = row["containers"]
    assert (container["name"], container["health"]) == ("only-idle-1", "healthy")
    assert full.converge()["changes"] == []


@pytest.fixture
def small_store(tmp_path: Path) -> Iterator[tuple[Folders, str]]:
    """A store on a file system of its own, with one image in it, and the recipe that leads to that."""
    with lab_folders() as shared, mounted(tmp_path / "store.ext4", shared.root / "own"):
        folders = Folders(shared.root, image_store=shared.root / "own")
        image = GuestImage(build=ImageBuild(suite="trixie"))
        whole = guest_image.obtain(image, str(tmp_path), shared, lambda message, fraction: None)
        recipe = image_store.recipe_of(shared, whole.disk)
        shutil.copytree(whole.disk.parent, folders.images / whole.digest)
        image_store.recipes_folder(folders).mkdir()
        shutil.copy(image_store.recipes_folder(shared) / f"{recipe}.json", image_store.recipes_folder(folders))
        yield folders, recipe


def test_a_store_that_fills_up_while_a_layer_is_made_holds_no_half_one_and_the_next_run_makes_it(
    small_store: tuple[Folders, str], tmp_path: Path
) -> None:
    folders, recipe = small_store
    archive = tmp_path / "some.tar"
    (identity,) = docker_archive(archive, [(("some:1",), os.urandom(24 * MIB))])
    image = ImageInput(reference="some:1", source=f"archive:{identity}", archive=archive)
    environment = Environment(name="lab", folder="/", guests={"one": Guest(name="one", image="debian")})
    request = LayerRequest(
        recipe=recipe,
        size=2 * 1024 * MIB,
        environment=environment,
        guests={"one": (image,)},
        inputs=Inputs(images={("one", "some:1"): image}),
    )
    hypervisor: Any = SimpleNamespace(folders=folders, netns=None, inside=list)
    before, ballast = tree(folders.images), []

    def fill_up(message: str, fraction: float) -> None:
        if message == "starting the engine":
            ballast.append(fill(folders.images))

    with pytest.raises(ImageError, match=f"no space is left below {folders.images}"):
        build_layer(request, hypervisor, fill_up)
    ballast[0].unlink()
    assert tree(folders.images) == before
    build_layer(request, hypervisor, lambda message, fraction: None)
    assert layer_for(folders, request)
