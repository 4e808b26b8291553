# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When an engine layer is asked for, how it is made, and what a failure or a kill of that leaves."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.checks import check
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.compose import Project, Service
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.environment import (
    EngineSettings,
    Environment,
    Guest,
    GuestImage,
    ImageBuild,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.reference import familiar
from ansible_collections.strata.kvm_docker.plugins.module_utils.digests import sha256_file
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import HypervisorError, ImageError
from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders
from ansible_collections.strata.kvm_docker.plugins.module_utils.inputs import ImageInput, Inputs
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.disk import Disk
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.disk_files import chain
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.overlay import OverlayMark, mark_overlay
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.qcow2 import read_qcow2
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.model import Key
from ansible_collections.strata.kvm_docker.plugins.module_utils.store import layer_build
from ansible_collections.strata.kvm_docker.plugins.module_utils.store.engine_layer import (
    EngineLayer,
    LayerRequest,
    layer_for,
    requests,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.store.layers import StoredLayer, layer_digest
from image_archives import docker_archive
from made_store import put_disk, put_image, sha, tree


def ignore(message: str, fraction: float) -> None:
    return


def environment_of(preload: bool = True, **settings: Any) -> Environment:
    engine = EngineSettings(settings=settings)
    return Environment(
        name="lab",
        folder="/declaration",
        images={"debian": GuestImage(build=ImageBuild(suite="trixie"), preload=preload)},
        guests={name: Guest(name=name, image="debian", engine=engine) for name in ("one", "two")},
    )


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders(tmp_path / "state")


@pytest.fixture
def inputs(folders: Folders, tmp_path: Path) -> Inputs:
    """An image in the store, and for each of two guests one image of an archive and one that is pulled by its tag."""
    put_image(folders, "debian")
    images = {}
    for guest in ("one", "two"):
        path = tmp_path / f"{guest}.tar"
        found = docker_archive(path, [((f"{guest}:1",), guest.encode() * 1000)])[0]
        images[guest, f"{guest}:1"] = ImageInput(reference=f"{guest}:1", source=f"archive:{found}", archive=path)
        images[guest, "redis:7"] = ImageInput(reference="redis:7", source="registry:redis:7")
    return Inputs(guest_images={"debian": sha("debian")}, images=images)


@pytest.fixture
def request_(inputs: Inputs) -> LayerRequest:
    return requests(environment_of(), inputs)["debian"]


class SomethingWritten:
    """In place of the machine and its engine."""

    def __init__(self, disk: Path, **_given: Any) -> None:
        self.disk = disk

    @contextmanager
    def running(self, *_given: Any) -> Iterator[Path]:
        yield self.disk
        subprocess.run(("qemu-io", "-c", "write -P 7 512k 64k", self.disk), check=True, capture_output=True)


@pytest.fixture
def no_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layer_build, "LayerMachine", SomethingWritten)
    monkeypatch.setattr(layer_build, "fill", lambda *_given: None)


def build(request: LayerRequest, folders: Folders, report: Any = ignore) -> StoredLayer:
    hypervisor: Any = SimpleNamespace(folders=folders)
    return layer_build.build_layer(request, hypervisor, report)


def service(image: str, **options: Any) -> Service:
    return Service(name=image.partition(":")[0], image=image, **options)


def pinned_redis() -> ImageInput:
    return ImageInput(reference="redis:7", source=f"registry:docker.io/library/redis:7@sha256:{sha('redis')}")


def held(inputs: Inputs, services: Mapping[str, Service], **settings: Any) -> list[str]:
    """What the layer of guests one and two with these *services* holds, where two has other *settings*."""
    environment = environment_of()
    project = Project(name="p", file="/compose.yaml", services=services)
    one, two = (replace(guest, compose=project) for guest in environment.guests.values())
    other = replace(two, engine=EngineSettings(settings=settings))
    return sorted(requests(replace(environment, guests={"one": one, "two": other}), inputs)["debian"].images)


def test_a_layer_holds_what_is_known_before_it_is_made(inputs: Inputs) -> None:
    """What a tag stands for is not, nor is what is built on that."""
    archived, pinned = next(image for image in inputs.images.values() if image.archive), pinned_redis()
    moving = ImageInput(reference="nginx:1", source="registry:docker.io/library/nginx:1")
    on_pinned, on_moving, on_both = (
        ImageInput(
            reference=f"{name}:1", source=f"context:{name}", bases={each.reference: each.source for each in bases}
        )
        for name, bases in (("app", [pinned, archived]), ("web", [moving]), ("all", [moving, pinned]))
    )
    every = (archived, pinned, moving, on_pinned, on_moving, on_both)
    inputs = replace(inputs, images={("one", image.reference): image for image in every})
    services = {image.reference: service(image.reference) for image in every}
    built = f"context:app lab/{familiar('app:1')}"

    assert held(inputs, services) == sorted([archived.source, pinned.source, built])
    assert held(inputs, {**services, "redis:7": service("redis:7", pull_policy="never")}) == [archived.source]
    assert held(inputs, services, **{"registry-mirrors": ["https://mirror"]}) == [archived.source]
    assert held(inputs, services, debug=True) == sorted([archived.source, pinned.source, built])


def test_what_decides_how_images_are_pulled_goes_to_the_engine_of_the_layer(inputs: Inputs) -> None:
    request = requests(environment_of(**{"insecure-registries": ["lab:5000"], "debug": True}), inputs)["debian"]
    assert request.settings == {"insecure-registries": ["lab:5000"]}
    assert not request.from_outside


def test_an_engine_without_a_network_gets_no_settings_of_one(
    folders: Folders, inputs: Inputs, no_machine: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """dockerd refuses ``bip`` beside ``--bridge=none``."""
    given: dict[str, Any] = {}

    def machine(**options: Any) -> SomethingWritten:
        given.update(options)
        return SomethingWritten(**options)

    monkeypatch.setattr(layer_build, "LayerMachine", machine)
    build(requests(environment_of(bip="10.200.0.1/24"), inputs)["debian"], folders)
    assert (given["network"], given["settings"]) == (False, {})


def test_a_guest_that_never_pulls_an_image_leaves_it_to_another(inputs: Inputs) -> None:
    environment, pinned = environment_of(), pinned_redis()
    inputs = replace(inputs, images={(guest, "redis:7"): pinned for guest in ("one", "two")})
    projects = (
        Project(name="p", file="/compose.yaml", services={"redis": service("redis:7", pull_policy=policy)})
        for policy in ("never", "missing")
    )
    guests = zip(environment.guests.values(), projects, strict=True)
    changed = {guest.name: replace(guest, compose=project) for guest, project in guests}
    request = requests(replace(environment, guests=changed), inputs)["debian"]
    assert request.guests == {"one": (), "two": (pinned,)}


def test_a_disk_that_is_smaller_than_its_image_is_told_before_anything_is_made(
    folders: Folders, inputs: Inputs
) -> None:
    environment = environment_of()
    small = replace(environment.guests["two"], disk=1 << 16)
    request = requests(replace(environment, guests={**environment.guests, "two": small}), inputs)["debian"]
    with pytest.raises(HypervisorError, match=r"guest two: a disk of .* is smaller than its image"):
        build(request, folders)


def test_the_disk_of_a_layer_is_as_large_as_the_smallest_that_would_stand_on_it(
    folders: Folders, inputs: Inputs, no_machine: None
) -> None:
    environment = environment_of()
    small = replace(environment.guests["two"], disk=3 << 20)
    request = requests(replace(environment, guests={**environment.guests, "two": small}), inputs)["debian"]
    made = read_qcow2(build(request, folders).disk)
    assert made
    assert made.size == 3 << 20
    assert request.digest != requests(environment, inputs)["debian"].digest


def test_a_layer_holds_the_archives_of_all_guests_of_its_image(inputs: Inputs, request_: LayerRequest) -> None:
    assert sorted(request_.images) == sorted(image.source for image in inputs.images.values() if image.archive)
    assert requests(environment_of(preload=False), inputs) == {}
    assert requests(environment_of(), Inputs(guest_images={"debian": "d"})) == {}


def asked_for(folders: Folders, inputs: Inputs) -> bool:
    wanted = list(EngineLayer().declare(environment_of(), inputs))
    connection: Any = SimpleNamespace(folders=folders)
    return [item.key for item in EngineLayer().stored(connection, wanted)] != [Key("engine_layer", "debian")]


def test_a_layer_is_asked_for_only_where_a_guest_is_to_be_made_that_would_stand_on_it(
    folders: Folders, inputs: Inputs
) -> None:
    image = folders.images / "none"
    assert asked_for(folders, inputs)
    disks = [put_disk(folders, "lab", guest, _disk_of(folders)) for guest in ("one", "two")]
    for disk in disks:
        mark_overlay(disk, OverlayMark(environment="lab", guest=disk.stem, image=sha("debian")))
    assert not asked_for(folders, inputs)
    mark_overlay(disks[0], OverlayMark(environment="lab", guest="one", image=sha("another")))
    assert asked_for(folders, inputs)
    disks[0].unlink()
    assert asked_for(folders, inputs)
    assert not image.exists()


def _disk_of(folders: Folders) -> Path:
    return next(path for path in folders.images.glob("*/disk.qcow2"))


def test_a_first_disk_waits_for_its_layer(inputs: Inputs) -> None:
    declared = {item.key: item for item in Disk().declare(environment_of(), inputs)}
    assert Key("engine_layer", "debian") in {need.key for need in declared[Key("disk", "one")].needs}
    plain = {item.key: item for item in Disk().declare(environment_of(preload=False), inputs)}
    assert Key("engine_layer", "debian") not in {need.key for need in plain[Key("disk", "one")].needs}
    assert declared[Key("disk", "one")].spec == plain[Key("disk", "one")].spec


def test_a_layer_is_a_thin_disk_over_its_image_that_the_next_one_finds(
    folders: Folders, request_: LayerRequest, no_machine: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert layer_for(folders, request_) is None

    made = build(request_, folders)

    assert layer_for(folders, request_) == made
    assert list(chain(made.disk)) == [made.disk, _disk_of(folders)]
    assert read_qcow2(made.disk) == read_qcow2(made.disk)
    monkeypatch.setattr(layer_build, "LayerMachine", None)
    assert build(request_, folders) == made
    assert list((folders.images / ".staging").iterdir()) == []


def test_another_archive_or_image_asks_for_another_layer(
    folders: Folders, inputs: Inputs, request_: LayerRequest, tmp_path: Path, no_machine: None
) -> None:
    build(request_, folders)
    found = docker_archive(tmp_path / "new.tar", [(("one:1",), b"new")])[0]
    new = ImageInput(reference="one:1", source=f"archive:{found}", archive=tmp_path / "new.tar")
    changed = Inputs(guest_images=inputs.guest_images, images={**inputs.images, ("one", "one:1"): new})
    assert layer_for(folders, requests(environment_of(), changed)["debian"]) is None
    put_image(folders, "debian", kernel=b"of newer packages")
    assert layer_for(folders, request_) is None


def test_of_two_runs_that_need_one_layer_one_makes_it(
    folders: Folders, request_: LayerRequest, no_machine: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[int] = []
    told: list[str] = []

    def slowly(*_given: Any) -> None:
        begun.append(1)
        time.sleep(0.5)

    monkeypatch.setattr(layer_build, "fill", slowly)

    def work() -> None:
        build(request_, folders, lambda words, _fraction: told.append(words))

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(begun) == 1
    assert "waiting for another run that makes it" in told
    assert layer_for(folders, request_)


def test_a_killed_maker_leaves_nothing_that_the_next_one_stumbles_over(
    folders: Folders, request_: LayerRequest, no_machine: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = tree(folders.images)
    for step in ("_qemu_img", "fill", "store_layer"):
        child = os.fork()
        if child == 0:
            monkeypatch.setattr(layer_build, step, lambda *_: os.kill(os.getpid(), signal.SIGKILL))
            build(request_, folders)
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL, step
        assert layer_for(folders, request_) is None
    assert {name: digest for name, digest in tree(folders.images).items() if ".staging" not in name} == before
    build(request_, folders)

    assert layer_for(folders, request_)
    assert list((folders.images / ".staging").iterdir()) == []


def test_where_there_is_no_room_it_is_said_before_anything_is_written(
    folders: Folders, request_: LayerRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=1))
    with pytest.raises(ImageError, match=r"Making an engine layer needs .* MiB below"):
        build(request_, folders)
    assert list((folders.images / ".staging").iterdir()) == []


def test_a_damaged_image_is_found_before_a_layer_is_made_on_it(folders: Folders, request_: LayerRequest) -> None:
    disk = _disk_of(folders)
    content = bytearray(disk.read_bytes())
    content[-1] ^= 1
    disk.write_bytes(content)
    with pytest.raises(ImageError, match="is damaged"):
        build(request_, folders)


def test_an_archive_that_changed_meanwhile_is_refused(folders: Folders, request_: LayerRequest, tmp_path: Path) -> None:
    docker_archive(tmp_path / "one.tar", [(("one:1",), b"other")])
    with pytest.raises(ImageError, match="changed while the run was under way"):
        build(request_, folders)


@pytest.mark.parametrize("key", ["data-root", "features", "storage-driver", "userns-remap"])
def test_settings_that_would_hide_the_images_are_refused(key: str) -> None:
    settings = {key: "/srv/docker"}
    told = [str(problem) for problem in check(environment_of(**settings))]
    assert any(f"guests.one.engine.settings.{key}" in line and "preload of image debian" in line for line in told)
    assert not any("preload" in str(problem) for problem in check(environment_of(preload=False, **settings)))


def test_a_stock_image_cannot_be_preloaded() -> None:
    stock = Environment(name="lab", folder="/", images={"cloud": GuestImage(source="cloud.qcow2", preload=True)})
    assert [str(problem) for problem in check(stock)] == [
        "declaration: images.cloud: preload is of an image with build; what a stock image starts is not known"
    ]


def test_layers_differ_by_nothing_but_what_they_are_made_of(
    folders: Folders, request_: LayerRequest, no_machine: None
) -> None:
    made = build(request_, folders)
    assert made.digest == layer_digest(made.parent, request_.ids(), request_.size)
    assert made.content == sha256_file(made.disk)
