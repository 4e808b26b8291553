# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is in the store, piece by piece: images, engine layers, archives of container images, and what is left over."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from ..digests import is_sha256
from ..folders import Folders
from ..guest.image_store import MANIFEST, pointers, read_json, recipes_folder

#: What is being made, imported or removed, with what makes the name unique.
_MAKING = re.compile(r"([0-9a-f]{64}|import|removed)\.\w+")

ItemKind: TypeAlias = Literal["guest image", "engine layer", "container archive", "leftover"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A folder or file of the store. ``name``: its digest; of a leftover its path in the store. ``size``: bytes on the
    disk. ``used``: when it was last used, seconds since the epoch. ``parent``: digest of the image that a layer stands
    on. ``made_for``: digests that lead to it: of an image those of recipes, of a layer that of its request, else its
    own."""

    kind: ItemKind
    name: str
    path: Path
    size: int
    used: float
    parent: str = ""
    made_for: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """As a table names it."""
        return f"{self.kind} {self.name if self.kind == 'leftover' else self.name[:12]}"


def items(folders: Folders) -> list[Item]:
    """All that is in the store of *folders*, in the order of kinds and names."""
    return [*_images(folders), *_layers(folders), *_archives(folders), *_leftovers(folders)]


def touch(path: Path) -> None:
    """Note that *path*, of an item, is used now."""
    if path.exists():
        os.utime(path)


def _images(folders: Folders) -> Iterator[Item]:
    leading: dict[str, list[str]] = {}
    for pointer, content in pointers(folders):
        leading.setdefault(content, []).append(pointer.stem)
    for folder in _named(folders.images):
        if folder.is_dir():
            yield from _item("guest image", folder, made_for=tuple(leading.get(folder.name, ())))


def _layers(folders: Folders) -> Iterator[Item]:
    for folder in _named(folders.images / "layers"):
        manifest = read_json(folder / MANIFEST) or {}
        parent, request = (str(manifest.get(name, "")) for name in ("parent", "request"))
        made_for = (folder.name, *([request] if is_sha256(request) else []))
        yield from _item("engine layer", folder, parent=parent, made_for=made_for)


def _archives(folders: Folders) -> Iterator[Item]:
    for path in _named(folders.images / "container-archives", ".tar"):
        yield from _item("container archive", path, made_for=(path.stem,))


def _leftovers(folders: Folders) -> Iterator[Item]:
    """What killed makers left, and recipes that lead to nothing any more."""
    for path in sorted((folders.images / ".staging").glob("*")):
        if _MAKING.fullmatch(path.name):
            yield from _item("leftover", path, f".staging/{path.name}", made_for=(path.name.rpartition(".")[0],))
    there = {pointer for pointer, content in pointers(folders) if (folders.images / content).is_dir()}
    for path in _named(recipes_folder(folders), ".json"):
        if path not in there:
            yield from _item("leftover", path, f"recipes/{path.name}", made_for=(path.stem,))


def _named(folder: Path, suffix: str = "") -> list[Path]:
    """What is in *folder* under the name of a digest. A link is somebody's own, and so is what it leads to."""
    found = (path for path in folder.glob(f"*{suffix}") if is_sha256(path.name.removesuffix(suffix)))
    return sorted(path for path in found if not path.is_symlink())


def _item(
    kind: ItemKind, path: Path, name: str = "", parent: str = "", made_for: tuple[str, ...] = ()
) -> Iterator[Item]:
    """One, or none where its maker has just taken it away."""
    with suppress(FileNotFoundError):
        yield Item(
            kind=kind,
            name=name or path.name.removesuffix(".tar"),
            path=path,
            size=_allocated(path),
            used=path.lstat().st_mtime,
            parent=parent,
            made_for=made_for,
        )


def _allocated(path: Path) -> int:
    """Bytes that it takes of the file system."""
    inside = (Path(folder) / name for folder, _folders, names in os.walk(path) for name in names)
    return sum(each.lstat().st_blocks * 512 for each in ((path,) if path.is_file() else inside))
