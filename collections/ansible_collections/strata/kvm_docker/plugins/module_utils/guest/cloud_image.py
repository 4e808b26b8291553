# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stock cloud images: taken from a file or URL, checked, and put into the store as qcow2."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from ..declare.environment import GuestImage
from ..digests import sha256_file
from ..errors import ImageError
from ..folders import Folders
from . import image_store
from .image_store import StoredImage

if TYPE_CHECKING:
    from .image_store import Report

_CHUNK = 1 << 20
_TIMEOUT = 60
_LENGTH = re.compile(r"[0-9]{1,18}")
#: Exit status of ``qemu-img check``.
_LEAKS = 3
_BOOT_SIGNATURE = b"\x55\xaa"


def source_digest(image: GuestImage, folder: str) -> str:
    """SHA-256 that the source has, or must have. Raises :class:`ImageError` when there is no such file."""
    if image.sha256:
        return image.sha256.removeprefix("sha256:")
    source = image.source or ""
    if _is_url(source):
        raise ImageError(f"{source}: its sha256 is not declared, so nobody could tell what was fetched. Add sha256.")
    path = _local(source, folder)
    if path.exists() and not path.is_file() and not path.is_dir():
        raise ImageError(f"{path}: it is not a file. Correct source.")
    try:
        status = path.stat()
        return _file_digest(path, status.st_size, status.st_mtime_ns)
    except OSError as error:
        raise ImageError(f"{path}: {error.strerror}. Correct source.") from error


def import_image(image: GuestImage, folder: str, folders: Folders, report: Report) -> StoredImage:
    """The image of *image* from the store, fetched, checked and converted first where it is not there."""
    digest = source_digest(image, folder)
    source = image.source or ""
    with image_store.making(folders, digest, report) as staging:
        present = image_store.resolve(folders, digest)
        if present:
            return present
        fetched = staging / "source"
        _fetch(source if _is_url(source) else str(_local(source, folder)), fetched, digest, folders, report)
        report("checking the image", 0.7)
        format_ = check_disk(fetched, source)
        _convert(fetched, format_, staging / image_store.DISK, folders, source)
        fetched.unlink()
        report("storing the image", 0.9)
        return image_store.store(folders, digest, staging)


def check_disk(path: Path, source: str) -> str:
    """The format of the disk image *path*; raises :class:`ImageError` where it is none, or leans on other files."""
    found = inspect(path, source)
    if found.get("backing-filename") or found.get("format-specific", {}).get("data", {}).get("data-file"):
        raise ImageError(
            f"{source}: it is only a part of an image: it needs another file. Flatten it (qemu-img convert)."
        )
    format_ = str(found["format"])
    if format_ not in ("qcow2", "raw"):
        raise ImageError(f"{source}: an image of format {format_}. Convert it to qcow2 (qemu-img convert -O qcow2).")
    # To qemu-img whatever it does not know is a raw disk: a web page, a text file.
    if format_ == "raw" and not _has_boot_sector(path):
        raise ImageError(f"{source}: this is no disk image: neither qcow2, nor raw with a boot sector. Correct source.")
    if format_ == "qcow2":
        _refuse_damaged(path, source)
    return format_


def _refuse_damaged(path: Path, source: str) -> None:
    """Raise :class:`ImageError` where metadata of a qcow2 file is wrong: what was cut off its end would read as zeros.
    Space that is lost is no damage (https://www.qemu.org/docs/master/tools/qemu-img.html, check)."""
    argv = ("nice", "qemu-img", "check", "-f", "qcow2", str(path))
    done = subprocess.run(argv, check=False, capture_output=True, text=True)
    if done.returncode not in (0, _LEAKS):
        words = (done.stderr or done.stdout).strip().partition("\n")[0]
        raise ImageError(
            f"{source}: this disk image is damaged, or was cut short: {words}\nFetch it again, or correct source."
        )


def inspect(path: Path, source: str) -> dict[str, Any]:
    """What ``qemu-img info`` tells of the disk image *path*, which is *source* to people."""
    done = subprocess.run(("qemu-img", "info", "--output=json", str(path)), check=False, capture_output=True, text=True)
    if done.returncode:
        raise ImageError(f"{source}: this is no disk image that can be read:\n{done.stderr.strip()}\nCorrect source.")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _has_boot_sector(path: Path) -> bool:
    with path.open("rb") as stream:
        sector = stream.read(512)
    return path.stat().st_size % 512 == 0 and sector[510:] == _BOOT_SIGNATURE


@contextmanager
def _opened(source: str) -> Iterator[tuple[int, Iterator[bytes]]]:
    """Size (0: unknown) and content of a URL, or of the file at a path."""
    import requests

    if _scheme(source) in ("http", "https"):
        plain = {"Accept-Encoding": "identity"}
        with requests.get(source, stream=True, timeout=_TIMEOUT, headers=plain) as response:
            response.raise_for_status()
            told = response.headers.get("Content-Length", "")
            yield int(told) if _LENGTH.fullmatch(told) else 0, response.iter_content(_CHUNK)
    else:
        path = Path(unquote(urlsplit(source).path) if _is_url(source) else source)
        if path.exists() and not path.is_file():
            raise ImageError(f"{source}: it is not a file. Correct source.")
        with path.open("rb") as stream:
            yield os.fstat(stream.fileno()).st_size, iter(lambda: stream.read(_CHUNK), b"")


def _fetch(url: str, target: Path, digest: str, folders: Folders, report: Report) -> None:
    """Copy *url* to *target* and check its digest on the way."""
    summed = hashlib.sha256()
    try:
        with _opened(url) as (total, chunks), target.open("wb") as stream:
            image_store.require_space(folders, 2 * total, f"{url} (twice {total >> 20} MiB, for it and its copy)")
            for chunk in chunks:
                stream.write(chunk)
                summed.update(chunk)
                report(f"fetching {stream.tell() >> 20} MiB", 0.7 * stream.tell() / total if total else 0.0)
    except OSError as error:  # what requests raises is one too
        raise ImageError(f"{url}: it cannot be fetched: {error}. Correct source.") from error
    if summed.hexdigest() != digest:
        raise ImageError(f"{url}: its SHA-256 is {summed.hexdigest()}, declared is {digest}. Correct sha256 or source.")


def _convert(path: Path, format_: str, target: Path, folders: Folders, source: str) -> None:
    argv = ("nice", "qemu-img", "convert", "-f", format_, "-O", "qcow2", str(path), str(target))
    done = subprocess.run(argv, check=False, capture_output=True, text=True)
    if done.returncode:
        raise ImageError(f"{source}: this disk image is damaged:\n{done.stderr.strip()}\nCorrect source.")


def _is_url(source: str) -> bool:
    return _scheme(source) in ("http", "https", "file")


def _scheme(source: str) -> str:
    """Of a URL that may not be one; else anything."""
    return source.partition(":")[0].lower()


def _local(source: str, folder: str) -> Path:
    return (Path(folder) / source).resolve()


@functools.lru_cache
def _file_digest(path: Path, _size: int, _changed: int) -> str:
    """Read once in a run: an image has hundreds of megabytes."""
    return sha256_file(path)
