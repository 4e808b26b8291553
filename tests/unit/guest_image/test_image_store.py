# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import threading
from pathlib import Path

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.digests import sha256_file
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import ImageError
from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest import image_store
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest.image_store import StoredImage


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders(tmp_path)


def put(folders: Folders, recipe: str, disk: bytes = b"disk", kernel: bytes | None = b"kernel") -> StoredImage:
    with image_store.making(folders, recipe) as staging:
        (staging / image_store.DISK).write_bytes(disk)
        if kernel is not None:
            (staging / image_store.KERNEL).write_bytes(kernel)
        return image_store.store(folders, recipe, staging, cmdline="root=/dev/vda", packages={"bash": "5.2"})


def test_a_stored_image_is_found_by_its_recipe(folders: Folders) -> None:
    stored = put(folders, "r1")

    found = image_store.resolve(folders, "r1")

    assert found == stored
    assert stored.disk.read_bytes() == b"disk"
    assert stored.kernel
    assert stored.kernel.read_bytes() == b"kernel"
    assert stored.initrd is None
    assert (stored.cmdline, stored.manifest) == ("root=/dev/vda", {"bash": "5.2"})


def test_a_recipe_that_was_never_made_leads_nowhere(folders: Folders) -> None:
    assert image_store.resolve(folders, "r1") is None


def test_equal_content_has_equal_digests_whatever_its_recipe(folders: Folders) -> None:
    assert put(folders, "r1").digest == put(folders, "r2").digest
    assert put(folders, "r3", disk=b"other").digest != put(folders, "r1").digest


def test_a_whole_image_is_not_replaced_by_an_equal_one_because_guests_may_run_on_it(folders: Folders) -> None:
    inode = put(folders, "r1").disk.stat().st_ino

    assert put(folders, "r2").disk.stat().st_ino == inode


def test_an_image_whose_disk_was_cut_short_does_not_resolve_and_is_replaced_when_made_again(folders: Folders) -> None:
    disk = put(folders, "r1").disk
    disk.write_bytes(b"di")
    assert image_store.resolve(folders, "r1") is None

    put(folders, "r1")

    assert disk.read_bytes() == b"disk"
    assert image_store.resolve(folders, "r1") is not None


def test_the_store_lists_what_resolves_by_recipe(folders: Folders) -> None:
    assert list(image_store.stored(folders)) == []
    second, first, cut = put(folders, "r2"), put(folders, "r1"), put(folders, "r3", disk=b"other")
    cut.disk.write_bytes(b"ot")

    assert list(image_store.stored(folders)) == [("r1", first), ("r2", second)]


@pytest.mark.parametrize("name", ["disk.qcow2", "manifest.json"])
def test_an_image_with_a_missing_file_does_not_resolve(folders: Folders, name: str) -> None:
    (put(folders, "r1").disk.parent / name).unlink()

    assert image_store.resolve(folders, "r1") is None


def test_a_torn_pointer_does_not_resolve(folders: Folders) -> None:
    put(folders, "r1")
    (folders.images / "recipes" / "r1.json").write_text('{"content": "ab')

    assert image_store.resolve(folders, "r1") is None


def test_the_digests_of_the_files_are_those_from_when_they_were_stored(folders: Folders) -> None:
    stored = put(folders, "r1")
    told = image_store.file_digests(stored)
    assert told == {name: sha256_file(stored.disk.parent / name) for name in ("disk.qcow2", "vmlinuz")}
    stored.disk.write_bytes(b"DISK")
    assert image_store.file_digests(stored) == told


def test_an_image_can_be_read_by_every_user_because_qemu_is_unprivileged(folders: Folders) -> None:
    stored = put(folders, "r1")

    assert stored.disk.stat().st_mode & 0o777 == 0o644
    for folder in (stored.disk.parent, folders.images):
        assert folder.stat().st_mode & 0o777 == 0o755


def test_what_a_killed_maker_left_is_gone_for_the_next_one(folders: Folders) -> None:
    with image_store.making(folders, "r1"):
        pass
    (folders.images / ".staging" / "r1.killed" / "tree").mkdir(parents=True)

    with image_store.making(folders, "r1") as staging:
        assert list((folders.images / ".staging").iterdir()) == [staging]
        assert list(staging.iterdir()) == []


def test_a_failed_making_leaves_nothing_behind(folders: Folders) -> None:
    def fail() -> None:
        with image_store.making(folders, "r1") as staging:
            (staging / "half").touch()
            raise ImageError("failed")

    with pytest.raises(ImageError):
        fail()

    assert list((folders.images / ".staging").iterdir()) == []
    assert image_store.resolve(folders, "r1") is None


def test_a_second_maker_of_one_recipe_waits_for_the_first_one_and_finds_its_image(folders: Folders) -> None:
    found: list[StoredImage | None] = []
    said: list[str] = []

    def second() -> None:
        with image_store.making(folders, "r1", lambda message, _fraction: said.append(message)):
            found.append(image_store.resolve(folders, "r1"))

    with image_store.making(folders, "r1") as staging:
        waiting = threading.Thread(target=second)
        waiting.start()
        waiting.join(timeout=0.2)
        assert (found, said) == ([], ["waiting for another run that makes it"])
        (staging / image_store.DISK).write_bytes(b"disk")
        stored = image_store.store(folders, "r1", staging)
    waiting.join(timeout=10)

    assert found == [stored]


def test_makers_of_two_recipes_do_not_wait_for_each_other(folders: Folders) -> None:
    with image_store.making(folders, "r1") as one, image_store.making(folders, "r2") as two:
        assert one != two


def test_too_little_space_is_refused_with_both_figures(folders: Folders) -> None:
    with pytest.raises(ImageError, match=r"(?s)Building needs \d+ MiB .* \d+ MiB are free.*STRATA_IMAGES"):
        image_store.require_space(folders, 1 << 60, "Building")
