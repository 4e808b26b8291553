# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Guests on an engine layer: it is made once, their containers start without a load, and no two share an identity."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.read import read_document
from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest import container_archive, guest_image
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest.image_store import DISK
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.disk_files import chain
from ansible_collections.strata.kvm_docker.plugins.module_utils.store.gc import collect
from ansible_collections.strata.kvm_docker.plugins.module_utils.store.items import items
from ansible_collections.strata.kvm_docker.plugins.module_utils.store.move import export_set, import_set, select
from environments import EnvironmentCopy, Lab
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


@pytest.fixture
def copy(tmp_path: Path) -> Iterator[EnvironmentCopy]:
    """An environment that is not up yet, over a store of its own: its image and archive were brought there as a set."""
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


def inside(copy: EnvironmentCopy, guest: str, script: str) -> list[str]:
    config = copy.lab.folders.environment("clones") / "ssh_config"
    argv = ["ssh", "-F", str(config), guest, script]
    return subprocess.run(argv, check=True, capture_output=True, text=True, timeout=120).stdout.splitlines()


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


def test_guests_on_a_layer_start_containers_without_a_load_and_share_no_identity(
    copy: EnvironmentCopy, tmp_path: Path
) -> None:
    run = copy.start()
    made = run.result()

    assert "create engine_layer debian13: not there" in made["changes"]
    assert '"loading"' not in run.events.read_text()
    assert [each["containers"][0]["health"] for each in made["guests"]] == ["healthy", "healthy"]
    assert copy.converge()["changes"] == []
    one, two = (inside(copy, guest, IDENTITY) for guest in ("one", "two"))
    assert len(one) == len(two) == 11
    assert not set(one) & set(two)
    store, pool = copy.lab.folders.images, copy.lab.folders.pool("clones")
    (layer,) = (store / "layers").glob("[0-9a-f]*")
    for guest in ("one", "two"):
        overlay, above, below = chain(pool / f"{guest}.qcow2")
        assert (above, below.parent.parent) == (layer / DISK, store)
        assert overlay.stat().st_blocks * 512 < 40 * MIB
    assert [verdict.item.kind for verdict in collect(copy.lab.folders, dry_run=True) if not verdict.kept] == []

    copy.converge("absent")
    with contents(layer / DISK, tmp_path) as found:
        made_there = set(found)
    with contents(below, tmp_path) as found:
        assert not found - made_there
        assert all(path.startswith("/var/lib/docker") for path, _mode, _size in made_there - found)
        engines = {path.split("/")[4] for path, _mode, _size in made_there - found if path.count("/") > 3}
        assert engines == {"image", "overlay2"}
    flip(layer / DISK)
    assert f"{layer / DISK} is damaged" in copy.refused()
    assert not (pool / "one.qcow2").exists()
    copy.converge("absent")
    gone = collect(copy.lab.folders)
    assert not [verdict.kept for verdict in gone if verdict.kept]
