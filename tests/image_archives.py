# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Archives of container images, made by hand: one layer with one file, as ``docker save`` or an OCI layout has it."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    archive.addfile(info, io.BytesIO(content))


def layer(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            add(archive, name, content)
    return buffer.getvalue()


def config(content: bytes, labels: Mapping[str, str]) -> bytes:
    image: dict[str, Any] = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Labels": dict(labels), "Cmd": ["/bin/true"]},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(content).hexdigest()}"]},
        "history": [{"created": "1970-01-01T00:00:00Z", "created_by": "by hand"}],
    }
    return json.dumps(image, sort_keys=True).encode()


def docker_archive(
    path: Path, images: Sequence[tuple[Sequence[str], bytes]], labels: Mapping[str, str] | None = None, mode: str = "w"
) -> list[str]:
    """Write an archive of *images*, each its tags and the content of its file; returns their ids."""
    ids: list[str] = []
    manifest: list[dict[str, Any]] = []
    with tarfile.open(path, mode) as archive:
        for tags, content in images:
            blob = layer({"file": content})
            described = config(blob, labels or {})
            digest = hashlib.sha256(described).hexdigest()
            ids.append(f"sha256:{digest}")
            add(archive, f"{digest}.json", described)
            add(archive, f"{digest}/layer.tar", blob)
            manifest.append({"Config": f"{digest}.json", "RepoTags": list(tags), "Layers": [f"{digest}/layer.tar"]})
        add(archive, "manifest.json", json.dumps(manifest).encode())
    return ids


def oci_archive(path: Path, content: bytes) -> str:
    """Write an OCI image layout with one image; returns its id."""
    blob = layer({"file": content})
    described = config(blob, {})
    manifest = json.dumps({"config": {"digest": digest(described)}, "layers": [{"digest": digest(blob)}]}).encode()
    with tarfile.open(path, "w") as archive:
        for member in (blob, described, manifest):
            add(archive, "blobs/" + digest(member).replace(":", "/"), member)
        add(archive, "oci-layout", b'{"imageLayoutVersion": "1.0.0"}')
        add(archive, "index.json", json.dumps({"manifests": [{"digest": digest(manifest)}]}).encode())
    return digest(described)


def digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
