# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import hashlib
import os
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.environment import GuestImage
from ansible_collections.strata.kvm_docker.plugins.module_utils.digests import sha256_file
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import ImageError
from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest import guest_image, image_store
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest.image_store import StoredImage

pytestmark = pytest.mark.lab

_MIB = 1 << 20


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """A disk with a boot sector and some content."""
    path = tmp_path / "disk.raw"
    path.write_bytes(b"\0" * 510 + b"\x55\xaa" + b"content" * 1000 + b"\0" * (_MIB - 512 - 7000))
    return path


@pytest.fixture
def qcow2(raw: Path) -> Path:
    path = raw.with_suffix(".qcow2")
    subprocess.run(["qemu-img", "convert", "-O", "qcow2", raw, path], check=True)
    return path


def obtain(image: GuestImage, tmp_path: Path) -> StoredImage:
    return guest_image.obtain(image, str(tmp_path), Folders(tmp_path / "state"), lambda message, fraction: None)


def content(image: StoredImage, tmp_path: Path) -> bytes:
    subprocess.run(["qemu-img", "convert", "-O", "raw", image.disk, tmp_path / "back.raw"], check=True)
    return (tmp_path / "back.raw").read_bytes()


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("name", ["disk.raw", "disk.qcow2"])
def test_a_file_relative_to_the_declaration_is_stored_with_its_content(
    raw: Path, qcow2: Path, tmp_path: Path, name: str
) -> None:
    stored = obtain(GuestImage(source=name), tmp_path)

    assert content(stored, tmp_path) == raw.read_bytes()
    assert (stored.kernel, stored.initrd) == (None, None)
    assert image_store.file_digests(stored)["disk.qcow2"] == sha256_file(stored.disk)


def test_an_image_that_is_there_is_not_fetched_again(qcow2: Path, tmp_path: Path) -> None:
    image = GuestImage(source=qcow2.as_uri(), sha256=sha256(qcow2))
    stored = obtain(image, tmp_path)
    qcow2.unlink()

    assert obtain(image, tmp_path) == stored


def test_a_source_with_another_digest_is_refused_and_nothing_is_kept(qcow2: Path, tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=f"its SHA-256 is {sha256(qcow2)}, declared is 0000"):
        obtain(GuestImage(source=qcow2.name, sha256="0" * 64), tmp_path)

    assert not list((tmp_path / "state/images").glob("*/disk.qcow2"))


def test_an_image_that_is_no_image_is_refused(tmp_path: Path) -> None:
    (tmp_path / "page.qcow2").write_text("<html>404 not found</html>")

    with pytest.raises(ImageError, match=r"page\.qcow2: this is no disk image"):
        obtain(GuestImage(source="page.qcow2"), tmp_path)


def test_a_damaged_qcow2_is_refused(qcow2: Path, tmp_path: Path) -> None:
    whole = qcow2.read_bytes()
    qcow2.write_bytes(whole[:8] + b"\xff" * 64 + whole[72:])

    with pytest.raises(ImageError, match=r"disk\.qcow2: this is no disk image that can be read"):
        obtain(GuestImage(source=qcow2.name), tmp_path)


def test_a_qcow2_that_was_cut_short_is_refused_though_its_header_is_whole(qcow2: Path, tmp_path: Path) -> None:
    qcow2.write_bytes(qcow2.read_bytes()[: 5 * 65536])

    with pytest.raises(ImageError, match=r"disk\.qcow2: this disk image is damaged, or was cut short"):
        obtain(GuestImage(source=qcow2.name), tmp_path)


@pytest.mark.parametrize("source", ["pipe", "/dev/zero", "file:///dev/zero"])
def test_what_is_no_file_is_not_read_whatever_digest_it_should_have(source: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(ImageError, match=r"it is not a file\. Correct source"):
        obtain(GuestImage(source=source, sha256="0" * 64), tmp_path)


def test_a_url_that_is_none_is_told_in_words(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="cannot be fetched"):
        obtain(GuestImage(source="http://[::1", sha256="0" * 64), tmp_path)


@pytest.mark.parametrize("length", ["much", "-5", ""])
def test_a_server_that_tells_a_wrong_length_does_no_harm(length: str, qcow2: Path, tmp_path: Path) -> None:
    content = qcow2.read_bytes()

    class Server(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", length)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_told: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Server) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}/disk.qcow2"
        assert obtain(GuestImage(source=url, sha256=sha256(qcow2)), tmp_path).disk.exists()
        thread.join(10)


def test_an_overlay_is_refused_because_it_needs_another_file(qcow2: Path, tmp_path: Path) -> None:
    overlay = tmp_path / "overlay.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-b", qcow2, "-F", "qcow2", overlay], check=True)

    with pytest.raises(ImageError, match="only a part of an image"):
        obtain(GuestImage(source=overlay.name), tmp_path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"absent\.qcow2: No such file"):
        obtain(GuestImage(source="absent.qcow2"), tmp_path)


def test_a_url_without_a_digest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="Add sha256"):
        obtain(GuestImage(source="https://images.invalid/disk.qcow2"), tmp_path)


def test_a_url_that_does_not_answer_is_told_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="cannot be fetched"):
        obtain(GuestImage(source="http://127.0.0.1:9/disk.qcow2", sha256="0" * 64), tmp_path)


def test_a_source_that_changed_is_another_image(raw: Path, tmp_path: Path) -> None:
    first = obtain(GuestImage(source=raw.name), tmp_path)
    raw.write_bytes(raw.read_bytes().replace(b"content", b"CONTENT"))

    assert obtain(GuestImage(source=raw.name), tmp_path).digest != first.digest
