# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Archives of container images: what is read from one, and what of it is sent to an engine."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.archive import read_archive
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import ImageError
from image_archives import add, docker_archive, oci_archive


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "image.tar"


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:xz"])
def test_the_id_is_the_digest_of_the_configuration_also_when_compressed(path: Path, mode: str) -> None:
    ids = docker_archive(path, [(["db:1"], b"one")], mode=mode)
    assert read_archive(path, "whatever").image_id == ids[0]


def test_an_oci_layout_is_read_too(path: Path) -> None:
    assert oci_archive(path, b"one") == read_archive(path, "db").image_id


def test_of_several_images_the_one_of_that_name_is_meant(path: Path) -> None:
    ids = docker_archive(path, [(["a:1"], b"a"), (["docker.io/library/b"], b"b")])
    assert read_archive(path, "b:latest").image_id == ids[1]
    with pytest.raises(ImageError, match=r"2 images in it, and none is c: a:1, docker.io/library/b"):
        read_archive(path, "c")


def test_what_is_sent_is_one_image_without_name(path: Path) -> None:
    docker_archive(path, [(["a:1"], b"a"), (["b:1"], b"b")])
    image = read_archive(path, "b:1")
    fractions: list[float] = []
    sent = b"".join(image.untagged(fractions.append))
    with tarfile.open(fileobj=io.BytesIO(sent)) as archive:
        manifest = archive.extractfile("manifest.json")
        assert manifest
        assert json.load(manifest) == [{"Config": image.config, "RepoTags": None, "Layers": list(image.layers)}]
        assert {image.config, *image.layers} <= set(archive.getnames())
        assert archive.getnames().count("manifest.json") == 1
    assert fractions == sorted(fractions)
    assert 0 < fractions[-1] <= 1


def test_an_archive_that_is_another_now_is_not_sent_to_its_end(path: Path) -> None:
    docker_archive(path, [(["a:1"], b"a")])
    image = read_archive(path, "a:1")
    whole = b"".join(image.untagged())
    docker_archive(path, [(["a:1"], b"b")])
    with pytest.raises(ImageError, match=f"{path} changed while it was read. Run again"):
        list(image.untagged())
    config = json.dumps({"rootfs": {}}).encode()
    with tarfile.open(path, "w") as archive:
        add(archive, image.config, config)
    with pytest.raises(ImageError, match="changed while"):
        list(image.untagged())
    docker_archive(path, [(["a:1"], b"a")])
    assert b"".join(image.untagged()) == whole


def test_an_archive_whose_members_are_below_a_dot_is_sent(path: Path) -> None:
    config = json.dumps({"rootfs": {"diff_ids": []}}).encode()
    with tarfile.open(path, "w") as archive:
        add(archive, "./config.json", config)
        add(archive, "./manifest.json", json.dumps([{"Config": "./config.json", "Layers": []}]).encode())
    assert config in b"".join(read_archive(path, "a:1").untagged())


def test_the_declared_digest_is_verified(path: Path) -> None:
    docker_archive(path, [(["db:1"], b"one")])
    right = hashlib.sha256(path.read_bytes()).hexdigest()
    assert read_archive(path, "db:1", right) == read_archive(path, "db:1", f"sha256:{right}")
    with pytest.raises(ImageError, match=f"its SHA-256 is {right}, not 0000"):
        read_archive(path, "db:1", "0" * 64)


def test_a_file_that_is_not_there_is_told(path: Path) -> None:
    with pytest.raises(ImageError, match=r"image\.tar: no such file, archive of image db:1"):
        read_archive(path, "db:1")


@pytest.mark.parametrize("content", [b"", b"text, not an archive", bytes(10240), b"\x1f\x8b broken"])
def test_a_file_that_is_no_archive_is_refused(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(ImageError, match=r"image\.tar: .*docker save"):
        read_archive(path, "db:1")


@pytest.mark.parametrize(
    "members",
    [
        {"manifest.json": b"{"},
        {"manifest.json": b"[{}]"},
        {"manifest.json": b'{"Config": 1}'},
        {"manifest.json": b'[{"Config": "gone.json", "Layers": []}]'},
        {"index.json": b'{"manifests": [{}]}'},
        {"index.json": b'{"manifests": [{"digest": "sha256:00"}]}'},
        {"other": b""},
    ],
)
def test_a_damaged_archive_is_refused(path: Path, members: dict[str, bytes]) -> None:
    with tarfile.open(path, "w") as archive:
        for name, content in members.items():
            add(archive, name, content)
    with pytest.raises(ImageError, match=r"^\S*image\.tar: "):
        read_archive(path, "db:1")


def test_a_truncated_archive_is_refused_at_the_latest_when_it_is_sent(path: Path) -> None:
    docker_archive(path, [(["db:1"], bytes(1 << 20))], mode="w:gz")
    image = read_archive(path, "db:1")
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(ImageError, match="not an archive"):
        list(image.untagged())
