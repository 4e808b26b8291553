# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lock as data and as a file: what it holds, what moved, and files that cannot be used."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import LockError, MovedError
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.lock import (
    Lock,
    LockedBuild,
    LockedContainerImage,
    LockedGuestImage,
    compare,
    lock_path,
    read_lock,
    refuse_moved,
    text_of,
    unknown,
)

A, B, C = ("a" * 64, "b" * 64, "c" * 64)
#: A digest that YAML would take for a number.
NUMBER = "1234567890e" + "1" * 53
GUEST = LockedGuestImage(
    recipe=A,
    suite="trixie",
    mirror="http://mirror.example/debian",
    content=B,
    files={"vmlinuz": A, "disk.qcow2": NUMBER},
    engine={"docker.io": "26.1.5", "containerd": "1.7"},
    packages={"zlib1g": "1:1.3", "acl": "2.10"},
)
PULLED = LockedContainerImage(
    source="registry", manifest=f"sha256:{A}", config=f"sha256:{B}", layers=(f"sha256:{C}",), platform="linux/amd64"
)
LOCK = Lock(
    guest_images={"debian13": GUEST},
    container_images={"redis:7": PULLED, "app:1": LockedContainerImage(source="packages", recipe=A)},
    builds={"web": {"web/app:latest": LockedBuild(context=A, bases=("redis:7",))}},
    files={"compose/web.yaml": A},
    env_files={"compose/.env": ("B", "A")},
)


def paths(locked: Lock, now: Lock) -> list[str]:
    return [".".join(move.path) for move in compare(locked, now)]


def with_guest(**leaves: Any) -> Lock:
    return replace(LOCK, guest_images={"debian13": replace(GUEST, **leaves)})


def with_pulled(**leaves: Any) -> Lock:
    return replace(LOCK, container_images={**LOCK.container_images, "redis:7": replace(PULLED, **leaves)})


@pytest.mark.parametrize(
    ("declaration", "lock"),
    [
        ("two_hosts.environment.yml", "two_hosts.environment.lock"),
        ("two_hosts.environment.yaml", "two_hosts.environment.lock"),
        ("declared", "declared.lock"),
        ("v1.2", "v1.2.lock"),
    ],
)
def test_the_lock_lies_beside_the_declaration(declaration: str, lock: str) -> None:
    assert lock_path(Path("/srv") / declaration) == Path("/srv") / lock


def test_a_lock_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "x.lock"
    path.write_text(text_of(LOCK))
    assert read_lock(path) == LOCK
    assert read_lock(tmp_path / "none.lock") is None


def test_the_file_is_sorted_whatever_the_order_in_memory() -> None:
    turned = replace(LOCK, container_images=dict(reversed(LOCK.container_images.items())))
    assert text_of(turned) == text_of(LOCK)
    lines = text_of(LOCK).splitlines()
    top = [line.partition(":")[0] for line in lines if line[0] not in " #-"]
    assert top == sorted(top) == ["builds", "container_images", "env_files", "files", "guest_images", "version"]
    assert lines.index("      acl: '2.10'") < lines.index("      zlib1g: 1:1.3")


def test_nothing_moved_is_nothing_to_tell() -> None:
    assert compare(LOCK, LOCK) == []
    refuse_moved(Path("x.lock"), LOCK, LOCK)


@pytest.mark.parametrize(
    ("now", "path"),
    [
        (with_guest(recipe=C), "guest_images.debian13.recipe"),
        (with_guest(suite="forky"), "guest_images.debian13.suite"),
        (with_guest(content=C), "guest_images.debian13.content"),
        (with_guest(files={"vmlinuz": B, "disk.qcow2": NUMBER}), "guest_images.debian13.files.vmlinuz"),
        (with_guest(engine={"docker.io": "27", "containerd": "1.7"}), "guest_images.debian13.engine.docker.io"),
        (with_guest(packages={"zlib1g": "1:1.3"}), "guest_images.debian13.packages.acl"),
        (with_guest(packages={**(GUEST.packages or {}), "new": "1"}), "guest_images.debian13.packages.new"),
        (with_pulled(manifest=f"sha256:{C}"), "container_images.redis:7.manifest"),
        (with_pulled(config=f"sha256:{C}"), "container_images.redis:7.config"),
        (with_pulled(layers=()), "container_images.redis:7.layers"),
        (with_pulled(platform="linux/arm64/v8"), "container_images.redis:7.platform"),
        (with_pulled(source="archive"), "container_images.redis:7.source"),
        (replace(LOCK, guest_images={}), "guest_images.debian13"),
        (replace(LOCK, builds={"web": {"web/app:latest": LockedBuild(context=A)}}), "builds.web.web/app:latest.bases"),
        (replace(LOCK, builds={}), "builds.web"),
        (replace(LOCK, files={"compose/web.yaml": B}), "files.compose/web.yaml"),
        (replace(LOCK, env_files={"compose/.env": ("A",)}), "env_files.compose/.env"),
    ],
)
def test_every_kind_of_move_is_named_by_its_path(now: Lock, path: str) -> None:
    assert paths(LOCK, now) == [path]
    assert paths(now, LOCK) == [path]


def test_what_is_not_known_is_compared_with_nothing_and_told() -> None:
    open_ = Lock(
        guest_images={"debian13": LockedGuestImage(recipe=A)},
        container_images={
            "redis:7": LockedContainerImage(source="registry"),
            "app:1": LockedContainerImage(source="packages", recipe=A),
        },
        builds=LOCK.builds,
        files=LOCK.files,
        env_files=LOCK.env_files,
    )
    assert compare(open_, LOCK) == compare(LOCK, open_) == []
    assert unknown(open_) == [
        "container_images.app:1.config",
        "container_images.redis:7.manifest",
        "guest_images.debian13.content",
    ]
    assert unknown(LOCK) == ["container_images.app:1.config"]


def test_all_that_moved_is_refused_at_once_in_words(tmp_path: Path) -> None:
    now = replace(
        with_guest(content=C, packages={"zlib1g": "1:1.4"}),
        files={"other.yaml": B},
        container_images={"redis:7": replace(PULLED, layers=(f"sha256:{A}", f"sha256:{B}"))},
    )
    with pytest.raises(MovedError) as refused:
        refuse_moved(tmp_path / "x.lock", LOCK, now)
    assert str(refused.value).splitlines() == [
        f"{tmp_path}/x.lock: 7 inputs are not as locked:",
        "  container_images.app:1: is not there any more",
        f"  container_images.redis:7.layers: locked sha256:{C}, now sha256:{A} sha256:{B}",
        f"  files.compose/web.yaml: is not there any more, locked {A}",
        f"  files.other.yaml: is not in the lock, now {B}",
        f"  guest_images.debian13.content: locked {B}, now {C}",
        "  guest_images.debian13.packages.acl: is not there any more, locked 2.10",
        "  guest_images.debian13.packages.zlib1g: locked 1:1.3, now 1:1.4",
        "Put it back as it was, or agree to it with lock: update (strata lock).",
    ]
    assert [move.path for move in refused.value.moves] == [move.path for move in compare(LOCK, now)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "x.lock:1: it must be a mapping"),
        ("[1]", "x.lock:1: it must be a mapping"),
        ("files: {}", "version: it must be 1; it is empty"),
        ("version: 2\nfuture: {}", "x.lock:1: version: it must be 1; it is 2\nUse the release of Strata that wrote it"),
        ("version: true", "version: it must be 1; it is true"),
        ("version: 1\nfile: {}", "x.lock:2: file: unknown key 'file'; did you mean 'files'?"),
        ("version: 1\nfiles: {a: b}", "x.lock:2: files.a: it must be a SHA-256 digest"),
        ("version: 1\nfiles: {a: 12}", "x.lock:2: files.a: it must be text"),
        ("version: 1\nfiles: []", "x.lock:2: files: it must be a mapping"),
        ("version: 1\nfiles:\n  a: b\n  a: b", "x.lock:4: files.a: key 'a' is there already"),
        ("version: 1\nguest_images: {a: {}}", "x.lock:2: guest_images.a: 'recipe' is required"),
        ("version: 1\ncontainer_images: {a: {source: x}}", "container_images.a.source: it must be 'archive'"),
        ("<<<<<<< ours\nversion: 1\n=======\n>>>>>>> theirs\n", "x.lock:2: not valid YAML"),
        ("version: 1\n\0", "not valid YAML"),
    ],
)
def test_a_lock_that_cannot_be_used_is_one_error_that_says_where_and_what_to_do(
    text: str, words: str, tmp_path: Path
) -> None:
    path = tmp_path / "x.lock"
    path.write_text(text)
    with pytest.raises(LockError) as refused:
        read_lock(path)
    assert words in str(refused.value)
    assert str(refused.value).startswith(str(path))
    assert str(refused.value).endswith("make it anew: delete it, then run strata lock.")


def test_one_is_one(tmp_path: Path) -> None:
    with pytest.raises(MovedError, match=r"x\.lock: 1 input is not as locked:"):
        refuse_moved(tmp_path / "x.lock", LOCK, with_guest(content=C))


def test_a_folder_in_place_of_a_lock_and_text_that_is_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(LockError, match="cannot be read: Is a directory"):
        read_lock(tmp_path)
    (tmp_path / "x.lock").write_bytes(b"version: 1\n\xff")
    with pytest.raises(LockError, match=r"x\.lock:2: is not UTF-8 text"):
        read_lock(tmp_path / "x.lock")
