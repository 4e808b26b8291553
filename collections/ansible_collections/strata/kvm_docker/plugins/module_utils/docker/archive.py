# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Archives of container images: what is in one, and the one image of it that an engine is to load.

An archive is what ``docker save`` writes (Docker Image Specification v1.2, "Combined Image JSON + Filesystem Changeset
Format"), or an OCI image layout (OCI Image Format Specification, "Image Layout") in a tar, compressed or not.
"""

from __future__ import annotations

import hashlib
import json
import tarfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..declare.reference import familiar
from ..digests import sha256_file
from ..errors import ImageError
from ..inputs import ImageInput

_CHUNK = 1 << 20
_BLOCK = tarfile.BLOCKSIZE
_INDEXES = frozenset({"manifest.json", "repositories", "index.json", "oci-layout"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchivedImage:
    """One image of an archive. ``image_id``: digest of its configuration, with ``sha256:`` before it.

    ``config`` and ``layers`` are names of members. ``tags``: what the archive calls it. ``diff_ids`` and ``platform``:
    as its configuration says. ``manifest``: digest of its manifest, which only an OCI layout has.
    """

    archive: Path
    image_id: str
    config: str
    layers: tuple[str, ...]
    tags: tuple[str, ...] = ()
    diff_ids: tuple[str, ...] = ()
    platform: str = ""
    manifest: str | None = None

    def untagged(self, report: Callable[[float], None] = lambda fraction: None) -> Iterator[bytes]:
        """The chunks of an archive with this image only, without a name: loading it moves no tag of the engine.

        *report* is told how much of the file was read, from 0 to 1. Where the configuration is not the one of
        ``image_id`` any more, :class:`ImageError` is raised before the end, so that no engine loads what it got;
        layers are compared with the configuration by engines.
        """
        manifest = [{"Config": self.config, "RepoTags": None, "Layers": list(self.layers)}]
        content = json.dumps(manifest).encode()
        yield from _header("manifest.json", len(content))
        yield content + bytes(-len(content) % _BLOCK)
        total = self.archive.stat().st_size
        config, found = self.config.removeprefix("./"), hashlib.sha256()
        with (
            _refusing(self.archive),
            self.archive.open("rb") as file,
            tarfile.open(fileobj=file, mode="r|*") as archive,
        ):
            for member in archive:
                name = member.name.removeprefix("./")
                if name in _INDEXES:
                    continue
                yield member.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape")
                if name == config:
                    found = hashlib.sha256()  # where it is there twice the last one counts
                for chunk in _content(archive, member):
                    yield chunk
                    report(file.tell() / total)
                    if name == config:
                        found.update(chunk)
                if padding := -member.size % _BLOCK if member.isreg() else 0:
                    yield bytes(padding)
        if f"sha256:{found.hexdigest()}" != self.image_id:
            raise ImageError(f"{self.archive} changed while it was read. Run again.")
        yield bytes(2 * _BLOCK)


def read_archive(path: Path, reference: str, sha256: str | None = None) -> ArchivedImage:
    """The image of the archive that *reference* is to name: its only one, or the one of that name.

    Raises :class:`ImageError` when the file is no such archive, or has another digest than *sha256*.
    """
    if not path.is_file():
        raise ImageError(f"{path}: no such file, archive of image {reference}. Correct container_images.")
    if sha256 is not None:
        _verify(path, sha256.removeprefix("sha256:"))
    try:
        with _refusing(path), tarfile.open(path) as archive:
            images = _docker_images(path, archive) or _oci_images(path, archive)
    except (KeyError, TypeError, AttributeError) as error:
        raise ImageError(f"{path}: damaged: its manifest is not as it must be ({error}). Save it again.") from error
    if not images:
        raise ImageError(f"{path}: no image in it: neither manifest.json nor index.json. Make it with docker save.")
    return _choose(path, images, reference)


def read_input(image: ImageInput) -> ArchivedImage:
    """The image in the archive of *image*. Raises :class:`ImageError`, also where it is not the one that was read
    when the run began."""
    if image.archive is None:
        raise AssertionError(f"{image.reference} has no archive")
    found = read_archive(image.archive, image.reference)
    if image.kind == "archive" and found.image_id != image.made_from:
        raise ImageError(
            f"{image.archive} changed while the run was under way: image {image.reference} in it is "
            f"{found.image_id}, not {image.made_from}. Run again."
        )
    return found


def _choose(path: Path, images: list[ArchivedImage], reference: str) -> ArchivedImage:
    if len(images) == 1:
        return images[0]
    wanted = familiar(reference)
    for image in images:
        if wanted in map(familiar, image.tags):
            return image
    tags = ", ".join(sorted(tag for image in images for tag in image.tags)) or "none has a name"
    raise ImageError(f"{path}: {len(images)} images in it, and none is {reference}: {tags}. Save that one alone.")


def _verify(path: Path, sha256: str) -> None:
    found = sha256_file(path)
    if found != sha256:
        raise ImageError(
            f"{path}: its SHA-256 is {found}, not {sha256} as declared. Fetch it again, or correct sha256."
        )


def _docker_images(path: Path, archive: tarfile.TarFile) -> list[ArchivedImage]:
    manifest = _json(path, archive, "manifest.json")
    return [
        ArchivedImage(
            archive=path,
            config=entry["Config"],
            layers=tuple(entry["Layers"] or ()),
            tags=tuple(entry.get("RepoTags") or ()),
            **_identity(path, archive, entry["Config"]),
        )
        for entry in manifest or ()
    ]


def _oci_images(path: Path, archive: tarfile.TarFile) -> list[ArchivedImage]:
    index = _json(path, archive, "index.json")
    return [_oci_image(path, archive, entry) for entry in (index or {}).get("manifests", ())]


def _oci_image(path: Path, archive: tarfile.TarFile, entry: Mapping[str, Any]) -> ArchivedImage:
    manifest = _json(path, archive, _blob(entry["digest"])) or {}
    if "config" not in manifest:
        raise ImageError(f"{path}: an index of several platforms; save the image of one platform.")
    name = entry.get("annotations", {}).get("io.containerd.image.name")
    config = _blob(manifest["config"]["digest"])
    return ArchivedImage(
        archive=path,
        config=config,
        layers=tuple(_blob(layer["digest"]) for layer in manifest["layers"]),
        tags=(name,) if name else (),
        manifest=entry["digest"],
        **_identity(path, archive, config),
    )


def _blob(digest: str) -> str:
    return "blobs/" + digest.replace(":", "/")


def _identity(path: Path, archive: tarfile.TarFile, name: str) -> dict[str, Any]:
    """What the configuration in the member *name* tells of an image, and its digest."""
    content = _read(archive, name)
    if content is None:
        raise ImageError(f"{path}: damaged: its manifest names {name}, which is not in it.")
    config = _parsed(path, name, content)
    return {
        "image_id": f"sha256:{hashlib.sha256(content).hexdigest()}",
        "diff_ids": tuple(config.get("rootfs", {}).get("diff_ids") or ()),
        "platform": platform_of(config.get("os"), config.get("architecture"), config.get("variant")),
    }


def platform_of(system: str | None, architecture: str | None, variant: str | None) -> str:
    """As ``docker --platform`` takes it: ``linux/arm64/v8``."""
    return "/".join(part for part in (system, architecture, variant) if part)


def _json(path: Path, archive: tarfile.TarFile, name: str) -> Any:
    content = _read(archive, name)
    return None if content is None else _parsed(path, name, content)


def _parsed(path: Path, name: str, content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError as error:
        raise ImageError(f"{path}: damaged: {name} in it is not JSON.") from error


def _read(archive: tarfile.TarFile, name: str) -> bytes | None:
    for spelled in (name, f"./{name}"):
        try:
            stream = archive.extractfile(spelled)
        except KeyError:
            continue
        return stream.read() if stream else None
    return None


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> Iterator[bytes]:
    """The chunks of a file; none of what is no file."""
    stream = archive.extractfile(member) if member.isreg() else None
    while stream and (chunk := stream.read(_CHUNK)):
        yield chunk


def _header(name: str, size: int) -> Iterator[bytes]:
    info = tarfile.TarInfo(name)
    info.size = size
    yield info.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape")


@contextmanager
def _refusing(path: Path) -> Iterator[None]:
    """Everything that can be wrong with an archive as :class:`ImageError`."""
    try:
        yield
    except (tarfile.TarError, EOFError, OSError) as error:
        words = str(error).partition("\n")[0].rstrip(":")
        raise ImageError(f"{path}: not an archive of an image ({words}). Make it with docker save.") from error
