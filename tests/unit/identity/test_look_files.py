# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files as leaves: what is told, what is sealed, and where each belongs."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.leaf import Leaf, segments_of
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.look.files import (
    File,
    Places,
    file_branches,
    named_digest,
    read_files,
    segments,
    written_since,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.look.guest_look import digests_of
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.tokens import Tokens
from made_fingerprint import made

ROOT = "/var/lib/docker"
PLACES = Places(
    guest="web",
    folders={
        f"{ROOT}/overlay2/l1/diff": ("images", "web", "app:1", "files", "0"),
        f"{ROOT}/overlay2/l2/diff": ("containers", "web", "app", "files"),
        f"{ROOT}/volumes/db/_data": ("docker_volumes", "web", "db", "files"),
    },
)
TOKENS = Tokens({"10.80.0.11": "address web lan"})
ODD = ("/srv/two\nlines", "/srv/:mode", "/srv/caf\udce9", "/srv/a ~b", "/srv/-n", "/srv/ü")


def sha(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=32).hexdigest()


def file(path: str, content: bytes = b"x", mode: int = 0o644, **told: str) -> File:
    told = {"type": "f", "owner": "0:0", "size": str(len(content)), "changed": "200.5", **told}
    return File(path=path, mode=mode, digest=sha(content), **told)


def leaves(*files: File, secrets: frozenset[str] = frozenset(), named: dict[str, str] | None = None) -> dict[str, Leaf]:
    found = made(*file_branches(files, PLACES, secrets, named or {}), level=4)
    return {leaf.path: leaf for leaf in found.leaves}


def test_a_listing_is_read_with_its_digests_whatever_the_names_are() -> None:
    records = [f"f 644 0 33 5 17.25 \0{path}\0" for path in ODD]
    listing = "d 1777 0 0 4096 1.5 \0/tmp\0l 777 0 0 9 2.5 a target\nof two\0/srv/link\0" + "".join(records)
    folder, link, *files = read_files(
        listing, "".join(f"{sha(path.encode(errors='surrogateescape'))}  {path}\0" for path in ODD)
    )
    assert (folder.type, folder.mode, folder.digest) == ("d", 0o1777, "")
    assert (link.path, link.target) == ("/srv/link", "a target\nof two")
    assert [each.path for each in files] == list(ODD)
    assert len({each.digest for each in files}) == len(ODD)
    assert (files[0].owner, files[0].size, files[0].changed) == ("0:33", "5", "17.25")


def test_an_empty_listing_has_no_files() -> None:
    assert list(read_files("", "")) == []


@pytest.mark.parametrize("path", ODD)
def test_names_keep_their_paths_apart(path: str) -> None:
    found = leaves(file("/srv", type="d"), file(path))
    assert len(found) == 3 + 4
    above = {segments_of(leaf)[:-1] for leaf in found}
    assert above == {("guests", "web", "files", "srv"), ("guests", "web", "files", *segments(path))}


def test_a_name_with_a_leading_colon_is_no_leaf_of_the_folder_above() -> None:
    assert segments("/a/:mode/::x") == ("a", "::mode", ":::x")


def test_what_a_file_is_tells_its_type_owner_mode_and_content() -> None:
    found = leaves(file("/etc/motd", b"hi"), file("/dev/x", type="c"), file("/ln", type="l", target="../a"))
    assert {path.removeprefix("guests/web/files/"): leaf.value for path, leaf in found.items()} == {
        "etc/motd/:type": "file",
        "etc/motd/:owner": "0:0",
        "etc/motd/:mode": "0644",
        "etc/motd/:content": sha(b"hi"),
        "dev/x/:type": "character device",
        "dev/x/:owner": "0:0",
        "dev/x/:mode": "0644",
        "ln/:type": "link",
        "ln/:owner": "0:0",
        "ln/:target": "../a",
    }
    assert {(leaf.plane, leaf.level, leaf.known) for leaf in found.values()} == {("content", 4, True)}


@pytest.mark.parametrize(
    ("mode", "sealed"), [(0o644, False), (0o604, False), (0o640, True), (0o600, True), (0o4711, True)]
)
def test_what_others_may_not_read_is_sealed(mode: int, sealed: bool) -> None:
    leaf = leaves(file("/etc/x", mode=mode))["guests/web/files/etc/x/:content"]
    assert (leaf.sealed, leaf.value != sha(b"x")) == (sealed, sealed)


@pytest.mark.parametrize("content", [b"hunter2", b"hunter2\n"])
def test_a_file_of_a_declared_secret_is_sealed_though_all_may_read_it(content: bytes) -> None:
    secrets = digests_of({"hunter2"})
    found = leaves(file("/srv/a", content), file("/srv/b", b"open"), secrets=secrets)
    assert {path: leaf.sealed for path, leaf in found.items() if path.endswith(":content")} == {
        "guests/web/files/srv/a/:content": True,
        "guests/web/files/srv/b/:content": False,
    }
    assert not secrets & {str(leaf.value) for leaf in found.values()}


def test_where_secrets_of_projects_are_put_everything_is_sealed() -> None:
    path = "/var/lib/strata/lab/config"
    assert file(path).leaves()[":content"] == sha(b"x")
    assert leaves(file(path))[f"guests/web/files{path}/:content"].sealed


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("/", ("guests", "web", "files")),
        ("/etc/x", ("guests", "web", "files", "etc", "x")),
        (f"{ROOT}/overlay2/l1/diff", ("images", "web", "app:1", "files", "0")),
        (f"{ROOT}/overlay2/l1/diff/bin/:x", ("images", "web", "app:1", "files", "0", "bin", "::x")),
        (f"{ROOT}/overlay2/l2/diff/etc", ("containers", "web", "app", "files", "etc")),
        (f"{ROOT}/overlay2/l2/link", ("guests", "web", "files", *ROOT.strip("/").split("/"), "overlay2", "l2", "link")),
        (
            f"{ROOT}/overlay2/l2/different",
            ("guests", "web", "files", "var", "lib", "docker", "overlay2", "l2", "different"),
        ),
        (f"{ROOT}/volumes/db/_data/a/b", ("docker_volumes", "web", "db", "files", "a", "b")),
    ],
)
def test_files_go_where_they_belong(path: str, place: tuple[str, ...]) -> None:
    assert PLACES.of(path) == place


def test_a_text_with_names_compares_by_what_they_stand_for() -> None:
    one, other = (named_digest(f"server {at};\n".encode(), tokens) for at, tokens in (
        ("10.80.0.11", TOKENS), ("10.99.0.7", Tokens({"10.99.0.7": "address web lan"}))))  # fmt: skip
    assert one == other == sha(b"server {address web lan};\n")
    named = {"/etc/x": str(one)}
    assert leaves(file("/etc/x"), named=named)["guests/web/files/etc/x/:content"].value == one


def test_texts_without_names_and_what_is_no_text_count_as_they_are() -> None:
    assert named_digest(b"plain", TOKENS) is None
    assert named_digest(b"10.80.0.11 \xff", TOKENS) is None


def test_a_named_secret_stays_sealed() -> None:
    secret = file("/etc/x", b"hunter2 10.80.0.11")
    found = leaves(secret, secrets=frozenset({secret.digest}), named={"/etc/x": sha(b"named")})
    assert found["guests/web/files/etc/x/:content"].sealed


def test_small_files_that_are_newer_than_the_image_are_read_for_names() -> None:
    image = file("/usr/lib/os-release", changed="100.0")
    files = [
        file("/etc/new"),
        file("/etc/old", changed="100.0"),
        replace(file("/etc/large"), size=str(256 * 1024 + 1)),
        file("/srv", type="d"),
        file(f"{ROOT}/overlay2/l2/diff/etc/hosts"),
    ]
    every = {each.path: each for each in files}
    assert written_since(every, image) == ["/etc/new"]
    assert written_since(every, None) == ["/etc/new", "/etc/old"]
