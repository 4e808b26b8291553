# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The list that a set of pieces begins with: what is in the set, and nothing that leads out of the store. No I/O."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..digests import is_sha256
from ..errors import ImageError
from ..folders import Folders
from ..guest.image_store import DISK, MANIFEST, content_digest
from .layers import layer_digest

FORMAT = 1
_FOLDERS = {"guest image": "images", "engine layer": "layers", "container archive": "container-archives"}
_FILE = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9]+)?")
#: What an archive is called in a set.
ARCHIVE = "image.tar"


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One piece of a set. ``manifest``: of an image or layer, as the store has it; of an archive its one file.
    ``recipes``: what leads to an image."""

    kind: str
    name: str
    manifest: Mapping[str, Any]
    recipes: tuple[str, ...] = ()

    @property
    def files(self) -> Mapping[str, Mapping[str, Any]]:
        """Name -> ``size`` and ``sha256``."""
        found: Mapping[str, Mapping[str, Any]] = self.manifest["files"]
        return found

    def member(self, file: str) -> str:
        """The name of *file* in the set."""
        return f"{_FOLDERS[self.kind]}/{self.name}/{file}"

    def place(self, folders: Folders) -> Path:
        """Where it is in the store."""
        inside = "" if self.kind == "guest image" else _FOLDERS[self.kind]
        return folders.images / inside / self.name


def index_of(pieces: Iterable[Piece]) -> bytes:
    """The list of a set of *pieces*."""
    told = [{"kind": p.kind, "name": p.name, "manifest": p.manifest, "recipes": p.recipes} for p in pieces]
    return json.dumps({"format": FORMAT, "pieces": told}, sort_keys=True, indent=1).encode()


def read_index(text: bytes, source: Path) -> list[Piece]:
    """The pieces that the list *text* of the set *source* names; raises :class:`ImageError` where one is not ours."""
    try:
        tree = json.loads(text)
        if tree["format"] != FORMAT:
            raise ImageError(f"{source}: format {tree['format']}, known is {FORMAT}. Use the Strata that wrote it.")
        pieces = [_checked(entry) for entry in tree["pieces"]]
        if len({(piece.kind, piece.name) for piece in pieces}) < len(pieces):
            raise ValueError("a piece is listed twice")
        return pieces
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ImageError(f"{source}: its list of pieces is damaged ({error}). Export it again.") from error


def _checked(entry: Mapping[str, Any]) -> Piece:
    """A piece whose names cannot lead out of the store, and whose digest is that of what it says to be."""
    manifest, kind, name = entry["manifest"], entry["kind"], entry["name"]
    piece = Piece(kind=kind, name=name, manifest=manifest, recipes=tuple(entry["recipes"]))
    only = {"guest image": None, "engine layer": DISK, "container archive": ARCHIVE}[kind]
    plain = all(_FILE.fullmatch(file) and file != MANIFEST for file in piece.files)
    if not plain or (set(piece.files) != {only} if only else DISK not in piece.files):
        raise ValueError(f"files of a {kind}: {sorted(piece.files)}")
    for digest in (name, *piece.recipes, *(file["sha256"] for file in piece.files.values())):
        if not is_sha256(digest):
            raise ValueError(f"{digest!r} is no digest")
    if any(
        not isinstance(file["size"], int) or isinstance(file["size"], bool) or file["size"] < 0
        for file in piece.files.values()
    ):
        raise ValueError("a size is no number")
    expected = content_digest(manifest) if kind == "guest image" else name
    if kind == "engine layer":
        expected = layer_digest(manifest["parent"], manifest["images"], manifest["size"])
    if expected != name:
        raise ValueError(f"{kind} {name[:12]} is {expected[:12]} by its manifest")
    for field in ("parent", "request") if kind == "engine layer" else ():
        if not is_sha256(manifest[field]):
            raise ValueError(f"{manifest[field]!r} is no digest")
    words = (manifest.get("cmdline", ""), *manifest.get("packages", {}).values(), *manifest.get("images", {}).values())
    if not all(isinstance(word, str) for word in words):
        raise ValueError("a text is none")
    return piece
