# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is locked of a declaration with an outside input of every kind, and what moves when one of them changes."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.read import read_document
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.archive import read_archive
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.lock import (
    Lock,
    LockedContainerImage,
    compare,
    text_of,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.lock_make import (
    carried,
    make,
    text_digest,
    with_found,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.resolve import resolve
from image_archives import oci_archive
from locked_environment import Lab, make_lab


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return make_lab(tmp_path)


@pytest.fixture
def whole(lab: Lab) -> Lab:
    """With everything in the store."""
    lab.fill_store()
    return lab


def locked(lab: Lab) -> Lock:
    document = read_document(lab.declaration)
    inputs = resolve(document.environment, lab.folders)
    return make(document.environment, document.sources.files, inputs, lab.folders)


def test_every_outside_input_is_locked(lab: Lab) -> None:
    content, made = lab.build_guest_image(), lab.make_archive()
    found = locked(lab)
    image = found.guest_images["debian13"]
    assert (image.suite, image.mirror, image.content) == ("trixie", None, content)
    assert set(image.files or ()) == {"disk.qcow2", "vmlinuz", "initrd.img"}
    assert image.engine == {"docker.io": "26.1.5", "containerd": "1.7.24", "runc": "1.1.15"}
    assert image.packages == {"acl": "2.3.2"}
    packed = read_archive(lab.declaration.parent / "packed.tar", "packed:1")
    assert found.container_images["packed:1"] == LockedContainerImage(
        source="archive", config=packed.image_id, layers=packed.diff_ids, platform="linux/amd64"
    )
    assert len(packed.diff_ids) == 1
    assert (found.container_images["made:1"].source, found.container_images["made:1"].config) == ("packages", made)
    assert found.container_images["redis:7"] == LockedContainerImage(source="registry")
    ((reference, build),) = found.builds["web"].items()
    assert (reference, build.bases) == ("web-app:latest", ("packed:1",))
    assert set(found.files) == {"compose/compose.yaml", "compose/app.conf"}
    assert found.env_files == {"compose/.env": ("TAG",), "compose/app.env": ("DB_PASSWORD", "MODE")}


def test_two_looks_are_equal_bytes(whole: Lab) -> None:
    assert text_of(locked(whole)) == text_of(locked(whole))


def test_no_secret_is_in_it_and_a_change_of_one_moves_nothing(whole: Lab) -> None:
    before = locked(whole)
    whole.replace("compose/app.env", "hunter2-in-env", "other-in-env")
    whole.replace("compose/key.txt", "0815", "0816")
    whole.replace("compose/compose.yaml", "tok-4711-inline", "another-inline")
    whole.replace("compose/compose.yaml", "second line of a secret", "another line")
    assert compare(before, locked(whole)) == []
    plain = {hashlib.sha256(path.read_bytes()).hexdigest() for path in whole.root.rglob("*") if path.is_file()}
    secret = {
        hashlib.sha256((whole.declaration.parent / "compose" / name).read_bytes()).hexdigest()
        for name in ("app.env", ".env", "key.txt", "compose.yaml")
    }
    digests = set(re.findall(r"[0-9a-f]{64}", text_of(before)))
    assert not digests & secret
    assert digests & plain


CHANGES: dict[str, tuple[Callable[[Lab], object], set[str]]] = {
    "recipe": (
        lambda lab: lab.replace("lab.environment.yml", "{build: {suite: trixie}}", "{build: {suite: forky}}"),
        {"guest_images.debian13.recipe", "guest_images.debian13.suite"},
    ),
    "guest image": (
        lambda lab: lab.build_guest_image(b"other", acl="2.3.3", runc="1.2"),
        {
            "guest_images.debian13.content",
            "guest_images.debian13.engine.runc",
            *(f"guest_images.debian13.files.{name}" for name in ("disk.qcow2", "initrd.img", "vmlinuz")),
            "guest_images.debian13.packages.acl",
        },
    ),
    "recipe of a container image": (
        lambda lab: lab.replace("lab.environment.yml", "[redis]", "[redis, acl]"),
        {"container_images.made:1.recipe"},
    ),
    "what a recipe led to": (
        lambda lab: lab.make_archive(b"other"),
        {"container_images.made:1.config", "container_images.made:1.layers"},
    ),
    "archive, and what is built on it": (
        lambda lab: lab.pack(b"other"),
        {
            "container_images.packed:1.config",
            "container_images.packed:1.layers",
            "builds.web.web-app:latest.context",
        },
    ),
    "file of a build": (lambda lab: lab.write("app/main", "two\n"), {"builds.web.web-app:latest.context"}),
    "base of a build": (
        lambda lab: lab.write("app/Dockerfile", "FROM made:1\nCOPY main /main\n"),
        {"builds.web.web-app:latest.context", "builds.web.web-app:latest.bases"},
    ),
    "Compose file": (
        lambda lab: lab.replace("compose/compose.yaml", "configs: [conf]", "configs: [conf] # noted"),
        {"files.compose/compose.yaml"},
    ),
    "config": (lambda lab: lab.write("compose/app.conf", "workers 5\n"), {"files.compose/app.conf"}),
    "variable": (lambda lab: lab.replace("compose/app.env", "MODE", "MOOD"), {"env_files.compose/app.env"}),
    "tag": (
        lambda lab: lab.replace("compose/.env", "7", "8"),
        {"container_images.redis:7", "container_images.redis:8"},
    ),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_change_moves_what_it_is_and_nothing_else(what: str, whole: Lab) -> None:
    before = locked(whole)
    change, moved = CHANGES[what]
    change(whole)
    assert {".".join(move.path) for move in compare(before, locked(whole))} == moved


def test_what_nobody_made_yet_is_open_and_moves_nothing_when_it_is_made(lab: Lab) -> None:
    before = locked(lab)
    assert before.guest_images["debian13"].content is None
    assert before.container_images["made:1"].config is None
    lab.build_guest_image()
    lab.make_archive()
    assert compare(before, locked(lab)) == []


def test_what_is_not_known_here_is_carried_over_while_its_recipe_is_the_same(lab: Lab, tmp_path: Path) -> None:
    empty = locked(lab)
    lab.build_guest_image()
    lab.make_archive()
    before = locked(lab)
    assert carried(empty, before) == before
    assert carried(empty, None) == empty
    lab.replace("lab.environment.yml", "[redis]", "[redis, acl]")
    lab.replace("lab.environment.yml", "{build: {suite: trixie}}", "{build: {suite: forky}}")
    after = locked(lab)
    assert carried(after, before) == after


def test_what_engines_tell_of_registries_is_added_and_the_first_that_knows_decides(lab: Lab) -> None:
    digests = [f"sha256:{letter * 64}" for letter in "abc"]
    told = LockedContainerImage(source="registry", manifest=digests[0])
    more = LockedContainerImage(source="registry", manifest=digests[1], config=digests[2], platform="linux/amd64")
    found = with_found(locked(lab), [{"redis:7": told, "packed:1": told, "strange:1": told}, {"redis:7": more}])
    assert found.container_images["redis:7"] == replace(more, manifest=digests[0])
    assert found.container_images["packed:1"] == locked(lab).container_images["packed:1"]
    assert "strange:1" not in found.container_images


def test_a_registry_that_nobody_asked_changes_nothing_and_a_new_manifest_voids_what_is_below(lab: Lab) -> None:
    now = locked(lab)
    digests = [f"sha256:{letter * 64}" for letter in "abc"]
    image = LockedContainerImage(source="registry", manifest=digests[0], config=digests[1], platform="linux/amd64")
    before = with_found(now, [{"redis:7": image}])
    assert carried(now, before).container_images["redis:7"] == image
    moved = LockedContainerImage(source="registry", manifest=digests[2])
    assert carried(with_found(now, [{"redis:7": moved}]), before).container_images["redis:7"] == moved


def test_an_image_of_a_digest_and_an_oci_layout_have_their_manifest_without_asking(lab: Lab) -> None:
    digest = f"sha256:{'d' * 64}"
    lab.replace("compose/compose.yaml", '"redis:${TAG}"', f'"redis@{digest}"')
    path = lab.declaration.parent / "packed.tar"
    oci_archive(path, b"one")
    found = locked(lab)
    assert found.container_images[f"redis@{digest}"].manifest == digest
    assert found.container_images["packed:1"].manifest == read_archive(path, "packed:1").manifest is not None


def test_the_digest_of_a_file_without_a_secret_is_that_of_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "app.conf"
    for content in (b"workers 4\r\n", b"a: {b: [1, 2]}\n", b"- x\n", b"", b"a: b: c\n", "ä\n".encode()):
        path.write_bytes(content)
        assert text_digest(path) == hashlib.sha256(content).hexdigest()
    path.write_text("url http://user:pass-word@host/\n")
    masked = hashlib.sha256(b"url http://user:********@host/\n").hexdigest()
    assert text_digest(path) == masked


def test_files_are_named_from_the_folder_of_the_declaration(lab: Lab) -> None:
    lab.write("../shared/base.yaml", "services: {more: {image: 'packed:1', env_file: base.env}}\n")
    lab.write("../shared/base.env", "A=1\n")
    lab.write("compose/compose.yaml", "include: [../../shared/base.yaml]\nservices: {one: {image: 'packed:1'}}\n")
    found = locked(lab)
    assert set(found.files) == {"compose/compose.yaml", "../shared/base.yaml"}
    assert set(found.env_files) == {"compose/.env", "../shared/base.env"}


def test_what_inactive_services_would_read_is_no_input(lab: Lab) -> None:
    lab.write("compose/base.yaml", "services: {base: {image: 'packed:1'}}\n")
    lab.write("compose/off.env", "A=1\n")
    lab.write(
        "compose/compose.yaml",
        "services:\n  one: {extends: {file: base.yaml, service: base}}\n"
        "  off: {image: 'packed:1', profiles: [debug], env_file: off.env}\n",
    )
    found = locked(lab)
    assert set(found.files) == {"compose/base.yaml", "compose/compose.yaml"}
    assert set(found.env_files) == {"compose/.env"}
