# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sets of pieces of the store as one file, to move them between machines: a tar archive compressed by ``zstd``.

Its first member, ``strata-store.json``, names every file that follows, in their order, with size and SHA-256, and has
the manifests of images and layers. Nothing of a set is placed before all of it was read and is as they say.
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Self

from ..digests import sha256_file
from ..errors import ImageError
from ..folders import Folders
from ..guest.cloud_image import inspect
from ..guest.image_store import (
    DISK,
    MANIFEST,
    has_sizes,
    making,
    publish,
    read_json,
    recipes_folder,
    replace_synced,
    require_space,
    resolve,
    using,
    write_json,
)
from .items import Item
from .layers import backing_name
from .set_index import ARCHIVE, Piece, index_of, read_index
from .zstd import compressing, decompressing

_INDEX = "strata-store.json"
_LARGEST_INDEX = 16 * 1024**2
#: Kinds of headers that stand before a member's own, and how long one may be.
_HEADERS = b"xgXLK"
_LARGEST_HEADER = 64 * 1024
_CHUNK = 1 << 20


def select(found: Iterable[Item], names: Iterable[str]) -> list[Item]:
    """The items of *found* whose digest, or that of their recipe, begins with one of *names*, each with what it stands
    on; raises :class:`ImageError` where a name fits none, or several. Pure."""
    known = [item for item in found if item.kind != "leftover"]
    chosen: dict[Path, Item] = {}
    for name in names:
        fits = [item for item in known if any(each.startswith(name) for each in (item.name, *item.made_for))]
        if len(fits) != 1 or len(name) < 4:
            what = f"{len(fits)} pieces begin with it" if fits else "nothing in the store begins with it"
            raise ImageError(f"{name}: {what}. strata gc --dry-run lists all; give at least 4 digits, enough for one.")
        below = [item for item in known if item.kind == "guest image" and item.name == fits[0].parent]
        chosen |= {item.path: item for item in (*below, *fits)}
    return list(chosen.values())


def export_set(folders: Folders, chosen: Iterable[Item], target: Path) -> list[Piece]:
    """Write the pieces *chosen* to the file *target*, which is whole or not there. Raises :class:`ImageError` where one
    of them is not what was stored."""
    if target.exists() and not target.is_file():
        raise ImageError(f"{target}: this is no file. Name one to write, e.g. layers.tar.zst.")
    pieces = [_piece(item) for item in chosen]
    if not pieces:
        raise ImageError(
            f"{target} was not written: nothing of what it is to hold is in {folders.images}. Make it first."
        )
    aside = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with (
            using(folders),
            compressing(aside) as stream,
            tarfile.open(fileobj=stream, mode="w|", format=tarfile.PAX_FORMAT) as archive,
        ):
            _add(archive, _INDEX, io.BytesIO(index := index_of(pieces)), len(index))
            for piece in pieces:
                for name, entry in piece.files.items():
                    source = (
                        piece.place(folders) / name if piece.kind != "container archive" else _archive(folders, piece)
                    )
                    _add_file(archive, piece.member(name), source, entry)
        replace_synced(aside, target)
    finally:
        aside.unlink(missing_ok=True)
    return pieces


def import_set(folders: Folders, source: Path) -> list[tuple[Piece, bool]]:
    """Place the pieces of the file *source*, each with whether it was new here. Raises :class:`ImageError` where the
    file is not whole, or not what :func:`export_set` writes; the store is then as it was."""
    if not source.is_file():
        raise ImageError(f"{source}: no such file. Give one that strata export has written.")
    with making(folders, "import") as staging:
        with _unpacking(source), decompressing(source) as stream:
            with tarfile.open(fileobj=stream, mode="r|", tarinfo=_Member) as archive:
                pieces = _read_index(archive, source)
                total = sum(entry["size"] for piece in pieces for entry in piece.files.values())
                require_space(folders, total, f"The set {source}")
                for piece in pieces:
                    _unpack(archive, piece, staging / piece.kind / piece.name, source)
                if archive.next() is not None:
                    raise ImageError(f"{source}: more is in it than its list says. Export it again.")
            if any(stream.read(tarfile.RECORDSIZE)) or stream.read(_CHUNK):
                raise ImageError(f"{source}: more follows it than its list says. Export it again.")
        return _place_all(folders, pieces, staging, source)


def _piece(item: Item) -> Piece:
    if item.kind == "container archive":
        entry = {"size": item.path.stat().st_size, "sha256": sha256_file(item.path)}
        return Piece(kind=item.kind, name=item.name, manifest={"files": {ARCHIVE: entry}})
    manifest = read_json(item.path / MANIFEST)
    if manifest is None or not has_sizes(item.path, manifest):
        raise ImageError(f"{item.path} is not whole. Remove it, and run what made it again.")
    return Piece(kind=item.kind, name=item.name, manifest=manifest, recipes=item.made_for if not item.parent else ())


def _archive(folders: Folders, piece: Piece) -> Path:
    return piece.place(folders).with_suffix(".tar")


def _add(archive: tarfile.TarFile, name: str, stream: IO[bytes], size: int) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o644
    archive.addfile(member, stream)


def _add_file(archive: tarfile.TarFile, name: str, source: Path, entry: Mapping[str, Any]) -> None:
    with source.open("rb") as stream:
        hashed = _Hashed(stream)
        _add(archive, name, io.BufferedReader(hashed, _CHUNK), entry["size"])
    if hashed.digest.hexdigest() != entry["sha256"]:
        raise ImageError(f"{source} is damaged: it is not what was stored. Remove it, and run what made it again.")


class _Member(tarfile.TarInfo):
    """Refuses headers beside a member's own that are longer than ours, which are read into memory as a whole."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        found = super().frombuf(buf, encoding, errors)
        if found.type == tarfile.GNUTYPE_SPARSE or (found.type in _HEADERS and found.size > _LARGEST_HEADER):
            raise tarfile.ReadError(f"a header of {found.size >> 20} MiB")
        return found


class _Hashed(io.RawIOBase):
    """Digests what is read of a stream."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream, self.digest = stream, hashlib.sha256()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        content = self._stream.read(len(buffer))
        buffer[: len(content)] = content
        self.digest.update(content)
        return len(content)


@contextmanager
def _unpacking(source: Path) -> Iterator[None]:
    """Everything that can be wrong with a set as :class:`ImageError`."""
    try:
        yield
    except (tarfile.TarError, EOFError, RecursionError) as error:
        words = str(error).partition("\n")[0]
        raise ImageError(f"{source}: cut short, or no set of strata export ({words}). Export it again.") from error


def _read_index(archive: tarfile.TarFile, source: Path) -> list[Piece]:
    member = archive.next()
    if member is None or member.name != _INDEX or not member.isreg() or member.size > _LARGEST_INDEX:
        raise ImageError(f"{source}: this is no set of pieces: it does not begin with {_INDEX}. Use strata export.")
    stream = archive.extractfile(member)
    return read_index(stream.read() if stream else b"", source)


def _unpack(archive: tarfile.TarFile, piece: Piece, target: Path, source: Path) -> None:
    target.mkdir(parents=True)
    for name, entry in piece.files.items():
        member = archive.next()
        if member is None or member.name != piece.member(name) or not member.isreg() or member.size != entry["size"]:
            raise ImageError(f"{source}: {piece.member(name)} is not where its list says. Export it again.")
        stream, digest = archive.extractfile(member), hashlib.sha256()
        with (target / name).open("wb") as output:
            while stream and (chunk := stream.read(_CHUNK)):
                digest.update(chunk)
                output.write(chunk)
        if digest.hexdigest() != entry["sha256"]:
            raise ImageError(f"{source}: {piece.member(name)} is damaged: its SHA-256 is another. Export it again.")
        if name == DISK:
            _refuse_stray(piece, target / name, source)


def _refuse_stray(piece: Piece, disk: Path, source: Path) -> None:
    """A disk that leans on any other file than its image's would show its guest files of this machine."""
    found = inspect(disk, str(source))
    backing = backing_name(piece.manifest["parent"]) if piece.kind == "engine layer" else None
    data = found.get("format-specific", {}).get("data", {}).get("data-file")
    if found["format"] != "qcow2" or found.get("backing-filename") != backing or data:
        raise ImageError(f"{source}: {piece.member(DISK)} leans on other files than it may. It was not made by Strata.")


def _place_all(folders: Folders, pieces: list[Piece], staging: Path, source: Path) -> list[tuple[Piece, bool]]:
    images = {piece.name for piece in pieces if piece.kind == "guest image"}
    with using(folders):
        for piece in pieces:
            parent = piece.manifest["parent"] if piece.kind == "engine layer" else ""
            if parent and parent not in images and read_json(folders.images / parent / MANIFEST) is None:
                raise ImageError(
                    f"{source}: layer {piece.name[:12]} needs the image {parent[:12]}. Import that one first."
                )
        ordered = sorted(pieces, key=lambda piece: piece.kind == "engine layer")
        return [(piece, _place(folders, piece, staging / piece.kind / piece.name)) for piece in ordered]


def _place(folders: Folders, piece: Piece, unpacked: Path) -> bool:
    """Whether it is new here. A recipe that leads to something here goes on leading there, and a layer that is whole
    stays, as disks stand on it: one of the same name that was made elsewhere has other bytes."""
    if piece.kind == "container archive":
        target = _archive(folders, piece)
        if target.is_file():
            return False
        (unpacked / ARCHIVE).chmod(0o644)
        replace_synced(unpacked / ARCHIVE, target)
        return True
    target = piece.place(folders)
    there = _intact(target, read_json(target / MANIFEST) or {})
    if target.exists() and not there:
        shutil.rmtree(target)
    write_json(unpacked / MANIFEST, piece.manifest)
    unpacked.chmod(0o755)
    publish(unpacked, target)
    for recipe in piece.recipes:
        if resolve(folders, recipe) is None:
            write_json(recipes_folder(folders) / f"{recipe}.json", {"content": piece.name})
    return not there


def _intact(target: Path, manifest: Mapping[str, Any]) -> bool:
    """Whether what is at *target* is what was stored there, to the bit."""
    return has_sizes(target, manifest) and all(
        sha256_file(target / name) == entry["sha256"] for name, entry in manifest["files"].items()
    )
