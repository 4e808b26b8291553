# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sets of pieces that move between stores; nothing of a damaged or forged one is placed."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.strata.kvm_docker.cli.main import main
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.environment import ImageBuild
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import ImageError
from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest import image_build, image_store
from ansible_collections.strata.kvm_docker.plugins.module_utils.store.items import items
from ansible_collections.strata.kvm_docker.plugins.module_utils.store.layers import find_layer, verify
from ansible_collections.strata.kvm_docker.plugins.module_utils.store.move import export_set, import_set, select
from forked import forked
from locked_environment import make_lab
from made_store import Members, flip, forge, piece_of, put_archive, put_image, put_layer, qcow2, qemu_img, sha, tree


@pytest.fixture
def packed(here: Folders, tmp_path: Path) -> Path:
    """A set with a layer, its image and an archive."""
    put_layer(here, put_image(here, "a"), "layer")
    put_archive(here, "redis")
    target = tmp_path / "set.tar.zst"
    export_set(here, items(here), target)
    return target


def pieces(folders: Folders) -> dict[str, str]:
    """Every file of the store but notes of users."""
    return {name: digest for name, digest in tree(folders.images).items() if not name.startswith(".")}


def test_a_set_makes_the_same_pieces_in_another_store(packed: Path, here: Folders, there: Folders) -> None:
    assert [new for _piece, new in import_set(there, packed)] == [True, True, True]

    assert pieces(there) == pieces(here)
    image = image_store.resolve(there, sha("a"))
    assert image
    (layer,) = [item.name for item in items(there) if item.kind == "engine layer"]
    found = find_layer(there, layer)
    assert found
    info = subprocess.run(("qemu-img", "info", "--backing-chain", found.disk), check=True, capture_output=True)
    assert str(image.disk) in info.stdout.decode().replace("layers/" + layer + "/../../", "")
    assert [new for _piece, new in import_set(there, packed)] == [False, False, False]


def test_names_choose_pieces_with_what_they_stand_on(here: Folders) -> None:
    image = put_image(here, "a")
    layer = put_layer(here, image, "layer")
    put_archive(here, "redis")
    found = items(here)

    assert [item.name for item in select(found, [layer.digest[:12]])] == [image.digest, layer.digest]
    assert [item.name for item in select(found, [sha("a")[:8]])] == [image.digest]
    for name, told in (("ffffffff", "nothing in the store"), ("", "3 pieces"), (image.digest[:3], "at least 4")):
        with pytest.raises(ImageError, match=told):
            select(found, [name])


def test_a_recipe_that_leads_to_something_goes_on_leading_there(packed: Path, there: Folders) -> None:
    mine = put_image(there, "a", kernel=b"newer")

    import_set(there, packed)

    assert image_store.resolve(there, sha("a")) == mine


def test_a_piece_that_was_damaged_here_is_put_right(packed: Path, here: Folders) -> None:
    image = image_store.resolve(here, sha("a"))
    assert image
    flip(image.disk)
    with pytest.raises(ImageError, match="is damaged: its SHA-256 is"):
        verify(image.disk.parent)

    assert sum(new for _piece, new in import_set(here, packed)) == 1

    verify(image.disk.parent)


def test_a_damaged_piece_is_not_exported(here: Folders, tmp_path: Path) -> None:
    flip(put_image(here, "a").disk)

    with pytest.raises(ImageError, match="is damaged"):
        export_set(here, items(here), tmp_path / "set")

    assert not [path for path in tmp_path.iterdir() if "set" in path.name]


@pytest.mark.parametrize("part", [0.0, 0.001, 0.3, 0.9, 0.999])
def test_a_set_that_was_cut_short_places_nothing(packed: Path, there: Folders, part: float) -> None:
    packed.write_bytes(packed.read_bytes()[: int(packed.stat().st_size * part)])

    with pytest.raises(ImageError, match=r"cut short, or no set|premature end|unsupported|unknown"):
        import_set(there, packed)

    assert tree(there.images) == {}


@pytest.mark.parametrize("tenths", range(10))
def test_a_set_with_a_flipped_bit_places_nothing(packed: Path, there: Folders, tenths: int) -> None:
    flip(packed, packed.stat().st_size * tenths // 10)

    with pytest.raises(ImageError):
        import_set(there, packed)

    assert tree(there.images) == {}


def test_what_is_no_set_is_refused(tmp_path: Path, there: Folders) -> None:
    other = tmp_path / "notes"
    other.write_text("notes")
    for path, told in ((other, "no set of strata export"), (tmp_path / "none", "no such file")):
        with pytest.raises(ImageError, match=told):
            import_set(there, path)


def out_of_the_store(index: dict[str, Any], members: Members) -> None:
    piece_of(index, "container archive")["name"] = "../../../../tmp/x"


def recipe_out_of_the_store(index: dict[str, Any], members: Members) -> None:
    piece_of(index, "guest image")["recipes"] = ["../../x"]


def stray_file(index: dict[str, Any], members: Members) -> None:
    manifest = piece_of(index, "guest image")["manifest"]
    manifest["files"]["../x"] = manifest["files"].pop("vmlinuz")


def other_name(index: dict[str, Any], members: Members) -> None:
    piece_of(index, "guest image")["name"] = sha("forged")


def other_command_line(index: dict[str, Any], members: Members) -> None:
    piece_of(index, "guest image")["manifest"]["cmdline"] = "init=/bin/sh"


def other_content(index: dict[str, Any], members: Members) -> None:
    members[-1] = (members[-1][0], members[-1][1].replace(b"redis", b"radis"))


def member_out_of_the_store(index: dict[str, Any], members: Members) -> None:
    members[0][0].name = "../../x"


def link(index: dict[str, Any], members: Members) -> None:
    member = members[0][0]
    member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"


def one_more(index: dict[str, Any], members: Members) -> None:
    members.append((tarfile.TarInfo("more"), b"more"))


def one_less(index: dict[str, Any], members: Members) -> None:
    members.pop()


def negative_size(index: dict[str, Any], members: Members) -> None:
    piece_of(index, "container archive")["manifest"]["files"]["image.tar"]["size"] = -1


def another_format(index: dict[str, Any], members: Members) -> None:
    index["format"] = 99


def another_kind(index: dict[str, Any], members: Members) -> None:
    piece_of(index, "container archive")["kind"] = "leftover"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (out_of_the_store, "is no digest"),
        (recipe_out_of_the_store, "is no digest"),
        (stray_file, "files of a guest image"),
        (other_name, "by its manifest"),
        (other_command_line, "by its manifest"),
        (other_content, "is damaged"),
        (member_out_of_the_store, "is not where its list says"),
        (link, "is not where its list says"),
        (one_more, "more is in it"),
        (one_less, "is not where its list says"),
        (negative_size, "a size is no number"),
        (another_format, "format 99"),
        (another_kind, "list of pieces is damaged"),
    ],
)
def test_a_forged_set_places_nothing(
    packed: Path, there: Folders, change: Callable[[dict[str, Any], Members], None], told: str
) -> None:
    forge(packed, change)
    before = set(packed.parent.rglob("*"))

    with pytest.raises(ImageError, match=told) as refused:
        import_set(there, packed)

    assert "\n" not in str(refused.value)
    assert tree(there.images) == {}
    assert {path for path in set(packed.parent.rglob("*")) - before if not path.is_relative_to(there.root)} == set()


@pytest.mark.parametrize("leaning", ["backing", "data"])
def test_a_disk_that_leans_on_a_file_of_this_machine_is_refused(
    packed: Path, there: Folders, tmp_path: Path, leaning: str
) -> None:
    secret, disk = tmp_path / "secret", tmp_path / "disk.qcow2"
    qcow2(secret, "secret")
    options = ("-b", secret, "-F", "qcow2") if leaning == "backing" else ("-o", f"data_file={tmp_path / 'd'}")
    qemu_img("create", "-f", "qcow2", *options, disk, "1M")

    def lean(index: dict[str, Any], members: Members) -> None:
        """As somebody would forge it who has every digest right."""
        piece = piece_of(index, "guest image")
        entry = {"size": disk.stat().st_size, "sha256": hashlib.sha256(disk.read_bytes()).hexdigest()}
        piece["manifest"]["files"]["disk.qcow2"] = entry
        piece["name"] = image_store.content_digest(piece["manifest"])
        index["pieces"] = [piece]
        kept = [(info, body) for info, body in members if "images/" in info.name]
        members[:] = [(info, disk.read_bytes() if "disk" in info.name else body) for info, body in kept]
        for info, _body in members:
            info.name = f"images/{piece['name']}/{info.name.rpartition('/')[2]}"

    forge(packed, lean)

    with pytest.raises(ImageError, match="leans on other files"):
        import_set(there, packed)

    assert tree(there.images) == {}


def test_a_layer_without_its_image_is_refused(here: Folders, there: Folders, tmp_path: Path) -> None:
    put_layer(here, put_image(here, "a"), "layer")
    target = tmp_path / "set.tar.zst"
    export_set(here, [item for item in items(here) if item.kind == "engine layer"], target)

    with pytest.raises(ImageError, match="needs the image"):
        import_set(there, target)

    assert tree(there.images) == {}


def strata(folders: Folders, *arguments: str) -> tuple[int, str, str]:
    def work() -> None:
        os.environ.pop("STRATA_IMAGES", None)
        sys.exit(main([*arguments, "--state-folder", str(folders.root)]))

    done = forked(work)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout, done.stderr


def test_the_commands_move_a_layer(here: Folders, there: Folders, tmp_path: Path) -> None:
    layer = put_layer(here, put_image(here, "a"), "layer")
    target = tmp_path / "layers.tar.zst"

    assert strata(here, "export", layer.digest[:12], str(target))[0] == 0
    status, told, errors = strata(there, "import", str(target))

    assert (status, errors, told.count(": placed")) == (0, "", 2)
    assert pieces(there) == pieces(here)
    status, _told, errors = strata(here, "export", "0000", str(target))
    assert (status, len(errors.splitlines())) == (2, 1)
    status, _told, errors = strata(here, "export", layer.digest, str(tmp_path / "no" / "folder"))
    assert (status, "No such file" in errors) == (2, True)


def test_a_declaration_names_all_that_it_needs_and_that_is_there(tmp_path: Path, there: Folders) -> None:
    lab = make_lab(tmp_path)
    recipe = image_build.recipe_digest(ImageBuild(suite="trixie"))
    with image_store.making(lab.folders, recipe) as staging:
        qcow2(staging / image_store.DISK, "debian")
        image_store.store(lab.folders, recipe, staging)
    lab.make_archive()
    put_archive(lab.folders, "of nobody")
    target = tmp_path / "pieces.tar.zst"

    status, told, errors = strata(lab.folders, "export", str(lab.declaration), str(target))

    assert (status, errors) == (0, "")
    assert [line.rpartition(" ")[0] for line in told.splitlines()[:-1]] == ["guest image", "container archive"]
    assert strata(there, "import", str(target))[0] == 0
    assert image_store.resolve(there, recipe)
