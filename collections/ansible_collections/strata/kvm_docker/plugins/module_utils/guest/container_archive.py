# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Container images made from Debian packages, without a registry: an archive of one layer, as ``docker load`` takes it.

Format: Docker Image Specification v1.2, "Combined Image JSON + Filesystem Changeset Format". Equal packages give equal
bytes.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import tarfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from ..declare.environment import ContainerImageBuild, Environment
from ..declare.reference import familiar
from ..digests import canonical_digest, sha256_file
from ..errors import ImageError
from ..folders import Folders
from ..inputs import Inputs, source_of
from ..naming import LABEL_SOURCE
from ..plan.model import Declared, Key
from . import image_store
from .image_slim import BASE, ONLY_TO_INSTALL, REMOVED, slim
from .mmdebstrap import EPOCH, Bootstrap, bootstrap
from .store_kind import StoreKind

if TYPE_CHECKING:
    from ..kvm.hypervisor import Hypervisor
    from .image_store import Report

#: Raised when a change of the build itself must lead to new images.
VERSION = 1

_NEEDED = 1024**3
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_INSTALLED = 0.85


class ContainerArchive(StoreKind):
    """Declares, observes and makes the archives of ``container_images`` with ``build``."""

    kind: ClassVar[str] = "container_archive"

    def declare(self, environment: Environment, inputs: Inputs) -> Iterator[Declared]:
        """Every declared image that is made from packages, by its reference."""
        for reference, image in sorted(environment.container_images.items()):
            if image.build:
                spec = {"digest": recipe_digest(reference, image.build)}
                yield Declared(Key(self.kind, reference), spec, handle=image.build)

    def has(self, folders: Folders, item: Declared) -> bool:
        """Whether the store has it; an archive is renamed into place when it is whole."""
        return archive_path(folders, item.spec["digest"]).is_file()

    def make(self, hypervisor: Hypervisor, item: Declared, report: Report) -> None:
        """Build it; raises :class:`ImageError`."""
        build_archive(item.handle, item.key.name, hypervisor.folders, report)


def recipe_digest(reference: str, build: ContainerImageBuild) -> str:
    """SHA-256 of what the archive is made from, but for the state of the mirror. Pure."""
    return canonical_digest(
        {
            "version": VERSION,
            "reference": familiar(reference),
            "suite": build.suite,
            "mirror": build.mirror,
            "packages": sorted(build.packages),
            "kept": [BASE, sorted(ONLY_TO_INSTALL)],
            "removed": REMOVED,
        }
    )


def archive_path(folders: Folders, digest: str) -> Path:
    """Where the archive of the recipe with *digest* is, or will be."""
    return folders.images / "container-archives" / f"{digest}.tar"


def build_archive(build: ContainerImageBuild, reference: str, folders: Folders, report: Report) -> Path:
    """The archive of *build* from the store, made first where it is not there. Raises :class:`ImageError`."""
    digest = recipe_digest(reference, build)
    target = archive_path(folders, digest)
    with image_store.making(folders, digest, report) as staging:
        if not target.is_file():
            image_store.require_space(folders, _NEEDED, f"Building the container image {reference}")
            try:
                made = _make(build, reference, digest, staging, report)
            except ImageError as error:
                raise ImageError(f"container image {reference}: {error}") from error
            image_store.replace_synced(made, target)
    return target


def _make(build: ContainerImageBuild, reference: str, digest: str, staging: Path, report: Report) -> Path:
    tree, layer, target = staging / "tree", staging / "layer.tar", staging / "image.tar"
    what = Bootstrap(suite=build.suite, mirror=build.mirror, packages=build.packages, variant="essential")
    bootstrap(what, tree, lambda message, fraction: report(message, fraction * _INSTALLED))
    report("packing the image", _INSTALLED)
    slim(tree, build.packages)
    write_layer(tree, layer)
    shutil.rmtree(tree)
    write_archive(layer, familiar(reference), {LABEL_SOURCE: source_of("recipe", digest)}, target)
    target.chmod(0o644)
    return target


def write_layer(tree: Path, target: Path) -> None:
    """The folder *tree* as a layer: members in the order of their names, nothing younger than the images' epoch."""
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as layer:
        for path in sorted(tree.rglob("*")):
            member = layer.gettarinfo(path, str(path.relative_to(tree)))
            member.mtime, member.uname, member.gname = min(int(member.mtime), EPOCH), "", ""
            member.pax_headers = _capabilities(path) if member.isreg() else {}
            if member.isreg():
                with path.open("rb") as stream:
                    layer.addfile(member, stream)
            else:
                layer.addfile(member)


def write_archive(layer: Path, reference: str, labels: dict[str, str], target: Path) -> None:
    """An archive with one image of one layer, named *reference*."""
    config = _json(_config(sha256_file(layer), labels))
    name = f"{hashlib.sha256(config).hexdigest()}.json"
    manifest = _json([{"Config": name, "RepoTags": [reference], "Layers": ["layer.tar"]}])
    with tarfile.open(target, "w", format=tarfile.USTAR_FORMAT) as archive, layer.open("rb") as stream:
        for member, size, content in (
            ("manifest.json", len(manifest), io.BytesIO(manifest)),
            (name, len(config), io.BytesIO(config)),
            ("layer.tar", layer.stat().st_size, stream),
        ):
            info = tarfile.TarInfo(member)
            info.size, info.mtime = size, EPOCH
            archive.addfile(info, content)


def _config(layer_digest: str, labels: dict[str, str]) -> dict[str, Any]:
    created = datetime.fromtimestamp(EPOCH, UTC).isoformat().replace("+00:00", "Z")
    return {
        "architecture": "amd64",
        "config": {"Cmd": ["/bin/sh"], "Env": [f"PATH={_PATH}"], "Labels": labels},
        "created": created,
        "history": [{"created": created, "created_by": "strata: Debian packages"}],
        "os": "linux",
        "rootfs": {"diff_ids": [f"sha256:{layer_digest}"], "type": "layers"},
    }


def _json(tree: Any) -> bytes:
    return json.dumps(tree, sort_keys=True, separators=(",", ":")).encode()


def _capabilities(path: Path) -> dict[str, str]:
    """File capabilities, as Docker and GNU tar write them into pax headers."""
    try:
        value = os.getxattr(path, "security.capability")
    except OSError:
        return {}
    return {"SCHILY.xattr.security.capability": value.decode("utf-8", "surrogateescape")}
