# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Guests on an engine layer: it is made once, their containers start without a load, no two share an identity, and they
start warm like any others."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.checkpoint.store import Store
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.read import read_document
from ansible_collections.strata.kvm_docker.plugins.module_utils.digests import sha256_file
from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest import container_archive, guest_image
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest.image_store import DISK, MANIFEST
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.disk_files import chain
from ansible_collections.strata.kvm_docker.plugins.module_utils.store.gc import collect
from ansible_collections.strata.kvm_docker.plugins.module_utils.store.items import items
from ansible_collections.strata.kvm_docker.plugins.module_utils.store.move import export_set, import_set, select
from environments import EnvironmentCopy, Lab, Process
from lab import lab_folders
from made_store import flip, qemu_img

pytestmark = [pytest.mark.lab, pytest.mark.guests]

DECLARATION = """\
plugin: strata.kvm_docker.environment
name: clones
images: {debian13: {build: {suite: trixie}, preload: true}}
container_images: {"debian-haproxy:13": {build: {suite: trixie, packages: [haproxy, busybox]}}}
networks: {lan: {cidr: 10.84.0.0/24}}
guests:
  one: &guest
    image: debian13
    memory: 512 MiB
    disk: 4 GiB
    networks: {lan: {address: 10.84.0.11}}
    compose: compose.yaml
  two:
    <<: *guest
    networks: {lan: {address: 10.84.0.12}}
"""
COMPOSE = """\
services:
  idle:
    image: debian-haproxy:13
    command: [busybox, sleep, "1000000"]
    healthcheck: {test: [CMD, "true"], start_period: 60s, start_interval: 1s}
"""
#: What tells one machine from another, a line each.
IDENTITY = """\
hostname
cat /etc/machine-id
cat /etc/ssh/ssh_host_ed25519_key.pub
cat /sys/class/net/e*/address
echo "$(cat /var/lib/docker/engine-id)"
docker network ls --no-trunc --format '{{.ID}}'
docker container ls --no-trunc --format '{{.ID}}'
cat /var/lib/strata/seed.sha256
"""
MIB = 1024**2


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EnvironmentCopy]:
    """An environment over a store of its own: its image and archive were brought there as a set."""
    tmp_path = tmp_path_factory.mktemp("layers")
    with lab_folders() as shared:
        lab = Lab(Folders(shared.root))
        lab.environment["STRATA_IMAGES"] = str(lab.folders.images)
        copy = EnvironmentCopy.written(lab, tmp_path / "clones", DECLARATION)
        (copy.folder / "compose.yaml").write_text(COMPOSE)
        move_pieces(copy, shared, tmp_path / "pieces.tar.zst")
        lab.start_hypervisor()
        try:
            yield copy
        finally:
            copy.start("absent").popen.communicate(timeout=300)


def move_pieces(copy: EnvironmentCopy, shared: Folders, file: Path) -> None:
    """From the store that all tests share, where they are made if they are not there."""
    environment = read_document(copy.declaration).environment
    ((reference, archive),) = environment.container_images.items()
    assert archive.build
    image = guest_image.obtain(environment.images["debian13"], str(copy.folder), shared, lambda message, fraction: None)
    container_archive.build_archive(archive.build, reference, shared, lambda message, fraction: None)
    names = [image.digest, container_archive.recipe_digest(reference, archive.build)]
    export_set(shared, select(items(shared), names), file)
    assert [new for _piece, new in import_set(copy.lab.folders, file)] == [True, True]


@contextmanager
def contents(disk: Path, work: Path) -> Iterator[set[tuple[str, int, int]]]:
    """Path, mode and size of all that is on the file system of *disk*."""
    raw, target = work / "disk.raw", work / "mounted"
    qemu_img("convert", "-O", "raw", disk, raw)
    target.mkdir()
    subprocess.run(["mount", "-o", "loop,ro,noload", raw, target], check=True)
    try:
        yield {(f"/{path.relative_to(target)}", path.lstat().st_mode, _size(path)) for path in target.rglob("*")}
    finally:
        subprocess.run(["umount", target], check=True)
        target.rmdir()
        raw.unlink()


def _size(path: Path) -> int:
    return path.lstat().st_size if path.is_file() else 0


@pytest.fixture(scope="module")
def first(copy: EnvironmentCopy) -> tuple[str, dict[str, Any]]:
    """Events and report of the run that made the layer, and its guests on that."""
    run = copy.start()
    told = run.result()
    return run.events.read_text(), told


def layer_of(copy: EnvironmentCopy) -> Path:
    """The disk of the only layer in the store."""
    (layer,) = (copy.lab.folders.images / "layers").glob("[0-9a-f]*")
    return layer / DISK


def below(copy: EnvironmentCopy, guest: str) -> list[Path]:
    """What the first disk of *guest* stands on."""
    return list(chain(copy.lab.folders.pool("clones") / f"{guest}.qcow2"))[1:]


def test_guests_on_a_layer_start_containers_without_a_load_and_share_no_identity(
    copy: EnvironmentCopy, first: tuple[str, dict[str, Any]]
) -> None:
    events, told = first
    assert "create engine_layer debian13: not there" in told["changes"]
    assert '"loading"' not in events
    assert [each["containers"][0]["health"] for each in told["guests"]] == ["healthy", "healthy"]
    assert copy.converge()["changes"] == []
    one, two = (copy.inside(guest, IDENTITY) for guest in ("one", "two"))
    assert len(one) == len(two) == 11
    assert not set(one) & set(two)
    for guest in ("one", "two"):
        above, image = below(copy, guest)
        assert (above, image.parent.parent) == (layer_of(copy), copy.lab.folders.images)
        overlay = copy.lab.folders.pool("clones") / f"{guest}.qcow2"
        assert overlay.stat().st_blocks * 512 < 40 * MIB
    assert [verdict.item.kind for verdict in collect(copy.lab.folders, dry_run=True) if not verdict.kept] == []


def make_anew_on_the_image(copy: EnvironmentCopy, guest: str) -> None:
    """As it would stand if it had been made before there was a layer."""
    domain = next(name for name in copy.lab.virsh("list", "--name").split() if name.endswith(guest))
    copy.lab.virsh("destroy", domain)
    copy.lab.virsh("undefine", domain)
    (copy.lab.folders.pool("clones") / f"{guest}.qcow2").unlink()
    copy.edit(copy.declaration, ", preload: true", "")
    copy.converge()
    copy.edit(copy.declaration, "{suite: trixie}", "{suite: trixie}, preload: true")


def warm(copy: EnvironmentCopy) -> Process:
    copy.lab.environment["STRATA_TEST_START"] = "warm"
    try:
        return copy.start()
    finally:
        del copy.lab.environment["STRATA_TEST_START"]


@contextmanager
def hidden(path: Path) -> Iterator[None]:
    aside = path.with_name("aside")
    path.rename(aside)
    try:
        yield
    finally:
        aside.rename(path)


def laid_out_otherwise(layer: Path) -> str:
    """In place of *layer*, which lies aside, one as if it had been made again: the same files at other places. Its
    SHA-256."""
    was = layer.parent.with_name("aside")
    manifest = json.loads((was / MANIFEST).read_text())
    layer.parent.mkdir()
    below = ("-B", f"../../{manifest['parent']}/{DISK}", "-F", "qcow2")
    qemu_img("convert", "-O", "qcow2", "-o", "cluster_size=128k", *below, was / DISK, layer)
    digest = sha256_file(layer)
    manifest["files"][DISK] = {"size": layer.stat().st_size, "sha256": digest}
    (layer.parent / MANIFEST).write_text(json.dumps(manifest))
    return digest


def test_guests_of_which_one_stands_on_the_layer_and_one_on_the_image_start_warm(
    copy: EnvironmentCopy, first: tuple[str, dict[str, Any]]
) -> None:
    make_anew_on_the_image(copy, "one")
    assert copy.converge()["changes"] == []
    layer, stood = layer_of(copy), {guest: below(copy, guest) for guest in ("one", "two")}
    assert [len(each) for each in stood.values()] == [1, 2]
    kept = copy.converge("checkpoint")["digest"]
    assert copy.converge("checkpoint") == {"digest": kept, "changed": False}
    copy.converge("absent")
    stay = [verdict.item.kind for verdict in collect(copy.lab.folders, dry_run=True) if verdict.kept]
    assert stay == ["guest image", "engine layer"]

    was = f"engine layer of image debian13 was {sha256_file(layer)[:16]} and is"
    with hidden(layer.parent):
        assert f"{was} not there" in warm(copy).failure()
        made = laid_out_otherwise(layer)
        assert f"{was} {made[:16]}" in warm(copy).failure()
        shutil.rmtree(layer.parent)
    (archive,) = (copy.lab.folders.images / "container-archives").glob("*.tar")
    flip(layer)
    with hidden(archive):
        assert f"{layer} is damaged" in warm(copy).failure()
    flip(layer)
    assert copy.lab.virsh("list", "--all", "--name").split() == []
    assert list(copy.lab.folders.pool("clones").iterdir()) == []

    told = warm(copy).result()
    assert told["start"]["how"] == "warm"
    assert {guest: below(copy, guest) for guest in ("one", "two")} == stood
    assert copy.converge()["changes"] == []


def test_a_layer_holds_images_only_and_one_flipped_bit_of_it_is_found(
    copy: EnvironmentCopy, first: tuple[str, dict[str, Any]], tmp_path: Path
) -> None:
    layer, image = layer_of(copy), below(copy, "two")[1]
    copy.converge("absent")
    with contents(layer, tmp_path) as found:
        made_there = set(found)
    with contents(image, tmp_path) as found:
        assert not found - made_there
        assert all(path.startswith("/var/lib/docker") for path, _mode, _size in made_there - found)
        engines = {path.split("/")[4] for path, _mode, _size in made_there - found if path.count("/") > 3}
        assert engines == {"image", "overlay2"}
    flip(layer)
    copy.lab.environment["STRATA_TEST_START"] = "cold"
    assert f"{layer} is damaged" in copy.refused()
    assert not (copy.lab.folders.pool("clones") / "one.qcow2").exists()
    copy.converge("absent")
    for digest in (store := Store(copy.lab.folders, "clones")).digests():
        store.remove(digest)
    gone = collect(copy.lab.folders)
    assert not [verdict.kept for verdict in gone if verdict.kept]
