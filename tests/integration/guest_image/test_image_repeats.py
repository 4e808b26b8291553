# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import lab
import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.environment import (
    ContainerImageBuild,
    ImageBuild,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.digests import sha256_file
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import ImageError
from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest import (
    container_archive,
    image_build,
    image_disk,
    image_recipe,
    image_store,
)

pytestmark = pytest.mark.lab


@pytest.fixture
def root() -> Iterator[Path]:
    with lab.root_folder() as folder:
        yield folder


def ignore(message: str, fraction: float) -> None:
    """No progress is watched here."""


def test_two_builds_of_one_recipe_are_equal_bit_by_bit(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The smallest image that has all parts: a kernel, an initrd and a disk.
    monkeypatch.setattr(image_recipe, "PACKAGES", ("linux-image-cloud-amd64", "tiny-initramfs", "zstd"))
    seen: list[float] = []

    one = image_build.build_image(ImageBuild(suite="trixie"), Folders(root / "one"), lambda _text, at: seen.append(at))
    two = image_build.build_image(ImageBuild(suite="trixie"), Folders(root / "two"), ignore)

    assert one.digest == two.digest
    assert one.disk.read_bytes() == two.disk.read_bytes()
    assert seen == sorted(seen)
    assert "linux-image-cloud-amd64" in one.manifest
    digests = image_store.file_digests(two)
    assert set(digests) == {"disk.qcow2", "vmlinuz", "vmlinux", "initrd.img"}
    assert digests == {name: sha256_file(two.disk.parent / name) for name in digests}


def test_the_disk_of_a_tree_does_not_depend_on_when_it_is_made(root: Path) -> None:
    digests = set()
    for attempt in ("one", "two"):
        tree = root / attempt / "tree"
        (tree / "etc").mkdir(parents=True)
        (tree / "etc/a file").write_text("x" * 5000)
        (tree / "etc/link").symlink_to("a file")
        for path in (tree / "etc/a file", tree / "etc", tree):
            os.utime(path, (1_700_000_000, 1_700_000_000))
        os.utime(tree / "etc/link", (1_700_000_000, 1_700_000_000), follow_symlinks=False)
        image_disk.make_disk(tree, root / attempt / "disk.qcow2")
        digests.add(sha256_file(root / attempt / "disk.qcow2"))
        time.sleep(1.1)

    assert len(digests) == 1


def build_busybox(root: Path) -> Path:
    build = ContainerImageBuild(suite="trixie", packages=("busybox",))
    return container_archive.build_archive(build, "busybox:13", Folders(root), ignore)


def processes_in(root: Path) -> list[str]:
    """Command lines, and roots, of processes that have to do with *root*."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            line = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode() + os.readlink(process / "root")
            found += [line] if str(root) in line else []
    return found


def test_a_killed_build_leaves_no_process_and_no_mount_and_the_next_one_makes_it_once_for_all(root: Path) -> None:
    builder = multiprocessing.get_context("spawn").Process(target=build_busybox, args=(root,))
    builder.start()
    while not list(root.glob("images/.staging/*/tree/usr/bin/dash")) and builder.is_alive():
        time.sleep(0.1)
    assert processes_in(root)

    builder.kill()
    builder.join()

    deadline = time.monotonic() + 5
    while processes_in(root) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert processes_in(root) == []
    assert str(root) not in Path("/proc/mounts").read_text()
    made = build_busybox(root).stat()
    assert 0 < made.st_size < 40 << 20
    assert build_busybox(root).stat().st_ino == made.st_ino
    assert list((root / "images/.staging").iterdir()) == []


def test_a_package_that_does_not_exist_is_named_and_nothing_is_left_behind(root: Path) -> None:
    folders = Folders(root)
    build = ContainerImageBuild(suite="trixie", packages=("no-such-package",))

    with pytest.raises(ImageError, match=r"container image x:1: suite trixie has no package no-such-package\."):
        container_archive.build_archive(build, "x:1", folders, ignore)

    assert list((folders.images / ".staging").iterdir()) == []
