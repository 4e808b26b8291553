# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Differences that belong together: of one object, by one cause, and of files those below one folder. No I/O."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from ..compare import LAYERS, Difference

#: Segments of a path that name an object, layer included; where it says nothing, two.
_SEGMENTS = {
    "identity": 1,
    "artifacts": 3,
    "disks": 3,
    "forwards": 3,
    "images": 3,
    "docker_networks": 3,
    "docker_volumes": 3,
    "containers": 3,
}
#: Folders deeper than this are told with the one that they are in; so are more than that many.
_DEEPEST, _FOLDERS = 4, 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """``object``: path of what it is about. ``folder``: of its files, empty where it is about no files.

    ``identity``: its differences are of that plane, and leave two environments equivalent.
    """

    object: str
    folder: str
    cause: str
    identity: bool
    differences: tuple[Difference, ...]

    @property
    def layer(self) -> str:
        """The first segment of its object."""
        return self.object.partition("/")[0]

    @property
    def title(self) -> str:
        """What it is about, with the folder of files."""
        return f"{self.object} {self.folder}".rstrip()

    def below(self, difference: Difference) -> str:
        """Path of *difference* without the object."""
        return difference.path[len(self.object) + 1 :] or difference.path

    @property
    def kinds(self) -> dict[str, int]:
        """How many were added, removed and changed; what there is none of is left out."""
        counted = Counter(each.kind for each in self.differences)
        return {kind: counted[kind] for kind in ("added", "removed", "changed") if counted[kind]}


def grouped(differences: Iterable[Difference]) -> tuple[Group, ...]:
    """The groups of *differences*, from inputs to what runs in containers; identity comes last."""
    found: dict[tuple[str, str, bool], list[Difference]] = {}
    for each in differences:
        found.setdefault((object_of(each.path), each.cause, each.plane == "identity"), []).append(each)
    groups = (
        Group(object=name, folder=folder, cause=cause, identity=identity, differences=tuple(members))
        for (name, cause, identity), together in found.items()
        for folder, members in _by_folder(together).items()
    )
    return tuple(sorted(groups, key=lambda group: (_place(group.layer), group.object, group.folder, group.cause)))


def _by_folder(differences: list[Difference]) -> dict[str, list[Difference]]:
    """By folders as deep as it goes without there being too many of them."""
    for depth in range(_DEEPEST, -1, -1):
        found: dict[str, list[Difference]] = {}
        for each in differences:
            found.setdefault(folder_of(each.path, depth), []).append(each)
        if len(found) <= _FOLDERS:
            break
    return found


def object_of(path: str) -> str:
    """The object that the leaf at *path* belongs to."""
    segments = path.split("/")
    return "/".join(segments[: _SEGMENTS.get(segments[0], 2)])


def folder_of(path: str, depth: int = _DEEPEST) -> str:
    """The folder, at most *depth* names deep, of the file that the leaf at *path* is about; empty where it is none."""
    _object, found, below = path.partition("/files/")
    if not found:
        return ""
    file = below.replace("~1", "/").replace("~0", "~").partition("/:")[0].strip("/")
    return "/" + "/".join(file.split("/")[:-1][:depth])


def _place(layer: str) -> int:
    return LAYERS.index(layer) if layer in LAYERS else len(LAYERS)
