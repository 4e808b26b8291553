# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sets that were made to harm, and files that an export must not write over."""

from __future__ import annotations

import hashlib
import io
import json
import os
import resource
import signal
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.strata.kvm_docker.cli.main import main
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import ImageError
from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest.image_store import MANIFEST, content_digest
from ansible_collections.strata.kvm_docker.plugins.module_utils.store import move
from ansible_collections.strata.kvm_docker.plugins.module_utils.store.items import items
from ansible_collections.strata.kvm_docker.plugins.module_utils.store.layers import backing_name, verify
from ansible_collections.strata.kvm_docker.plugins.module_utils.store.move import export_set, import_set
from made_store import Members, forge, piece_of, put_archive, put_disk, put_image, put_layer, qemu_img, tree


@pytest.fixture
def packed(here: Folders, tmp_path: Path) -> Path:
    """A set with a layer and its image."""
    put_layer(here, put_image(here, "a"), "layer")
    target = tmp_path / "set.tar.zst"
    export_set(here, items(here), target)
    return target


def test_a_layer_that_was_made_here_stays_under_its_disks(packed: Path, there: Folders) -> None:
    layer = put_layer(there, put_image(there, "a"), "layer")
    below = backing_name(layer.parent)
    qemu_img("create", "-f", "qcow2", "-b", below, "-F", "qcow2", "-o", "cluster_size=4k", layer.disk)
    content = layer.disk.read_bytes()
    manifest = json.loads((layer.disk.parent / MANIFEST).read_text())
    manifest["files"]["disk.qcow2"] = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    (layer.disk.parent / MANIFEST).write_text(json.dumps(manifest))
    put_disk(there, "lab", "web", layer.disk)

    assert [new for _piece, new in import_set(there, packed)] == [False, False]

    assert layer.disk.read_bytes() == content
    verify(layer.disk.parent)


def no_request(index: dict[str, Any], _members: Members) -> None:
    del piece_of(index, "engine layer")["manifest"]["request"]


def request_out_of_the_store(index: dict[str, Any], _members: Members) -> None:
    piece_of(index, "engine layer")["manifest"]["request"] = "../../x"


def a_number_as_version(index: dict[str, Any], _members: Members) -> None:
    piece_of(index, "guest image")["manifest"]["packages"] = {"bash": 5}


def no_text_as_command_line(index: dict[str, Any], _members: Members) -> None:
    piece = piece_of(index, "guest image")
    piece["manifest"]["cmdline"] = ["root=/dev/vda"]
    piece["name"] = content_digest(piece["manifest"])


def twice(index: dict[str, Any], _members: Members) -> None:
    index["pieces"].append(piece_of(index, "guest image"))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (no_request, "list of pieces is damaged"),
        (request_out_of_the_store, "is no digest"),
        (a_number_as_version, "a text is none"),
        (no_text_as_command_line, "a text is none"),
        (twice, "a piece is listed twice"),
    ],
)
def test_a_list_that_a_run_would_stumble_over_is_refused(
    packed: Path, there: Folders, change: Callable[[dict[str, Any], Members], None], told: str
) -> None:
    forge(packed, change)

    with pytest.raises(ImageError, match=told):
        import_set(there, packed)

    assert tree(there.images) == {}


def compressed(target: Path, content: bytes, zeros: int = 0) -> Path:
    """A file of *content* and as many MiB of zeros."""
    with (
        target.open("wb") as output,
        subprocess.Popen(("zstd", "-q", "-1"), stdin=subprocess.PIPE, stdout=output) as to,
    ):
        assert to.stdin
        to.stdin.write(content)
        for _each in range(zeros):
            to.stdin.write(bytes(1 << 20))
    return target


def header(name: str, size: int, kind: bytes) -> bytes:
    member = tarfile.TarInfo(name)
    member.size, member.type = size, kind
    return member.tobuf(tarfile.GNU_FORMAT)


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.REGTYPE])
def test_a_bomb_takes_no_memory(there: Folders, tmp_path: Path, kind: bytes) -> None:
    bomb = compressed(tmp_path / "bomb", header("strata-store.json", 1 << 30, kind), zeros=1024)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    with pytest.raises(ImageError, match="no set of"):
        import_set(there, bomb)

    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000


def test_a_set_with_a_long_tail_is_refused(packed: Path, there: Folders) -> None:
    plain = subprocess.run(("zstd", "-dcq", packed), check=True, capture_output=True).stdout
    compressed(packed, plain, zeros=16)

    with pytest.raises(ImageError, match="more follows it"):
        import_set(there, packed)

    assert tree(there.images) == {}


def test_a_list_that_is_nested_without_end_is_refused(there: Folders, tmp_path: Path) -> None:
    text = b"[" * 100_000
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w") as archive:
        member = tarfile.TarInfo("strata-store.json")
        member.size = len(text)
        archive.addfile(member, io.BytesIO(text))

    with pytest.raises(ImageError, match="list of pieces is damaged"):
        import_set(there, compressed(tmp_path / "deep", output.getvalue()))


def test_an_export_writes_over_no_device_and_no_declaration(
    here: Folders, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put_archive(here, "redis")
    pipe, declaration = tmp_path / "pipe", tmp_path / "lab.environment.yml"
    os.mkfifo(pipe)
    declaration.write_text("name: lab\n")

    for target, told in ((pipe, "this is no file"), (tmp_path, "this is no file"), (declaration, "of a declaration")):
        assert main(["export", "all", str(target), "--state-folder", str(here.root)]) == 2
        assert told in capsys.readouterr().err

    assert pipe.is_fifo()
    assert declaration.read_text() == "name: lab\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_export_that_is_stopped_leaves_nothing_and_says_so(
    here: Folders,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    number: signal.Signals,
) -> None:
    put_archive(here, "redis")
    monkeypatch.setattr(move, "_add_file", lambda *_given: os.kill(os.getpid(), number))

    assert main(["export", "all", str(tmp_path / "set"), "--state-folder", str(here.root)]) == 130

    assert capsys.readouterr().err == "strata: stopped\n"
    assert not [path for path in tmp_path.iterdir() if "set" in path.name]


def test_an_export_of_nothing_writes_nothing(here: Folders, tmp_path: Path) -> None:
    target = tmp_path / "set.tar.zst"

    with pytest.raises(ImageError, match="was not written: nothing of what it is to hold"):
        export_set(here, [], target)

    assert not target.exists()
