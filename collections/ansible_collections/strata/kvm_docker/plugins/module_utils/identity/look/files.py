# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of a guest by content: listings of :func:`.script.list_files` -> leaves, each where it belongs. No I/O.

What lies in an engine's folder belongs to a container, an image or a volume; the rest to the guest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..leaf import Branch, Secret
from .script import by_path, digest_of

_TYPES = {
    "f": "file",
    "d": "folder",
    "l": "link",
    "c": "character device",
    "b": "block device",
    "p": "pipe",
    "s": "socket",
}
_OTHERS_MAY_READ, _OTHERS_MAY_ENTER = 0o004, 0o001
#: Where files of a project's secrets and configs are put.
_OF_SECRETS = "/var/lib/strata/"
#: Bytes up to which a file is read for names.
_SMALL = 256 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """One path of a file system. ``changed``: when its content or rights last did, as ``find`` writes it."""

    path: str
    type: str
    mode: int
    owner: str
    size: str
    changed: str
    target: str = ""
    digest: str = ""

    def leaves(self, is_secret: bool = False) -> dict[str, Any]:
        """Its leaves; names begin with a colon, which files below it do not (see :func:`segments`).

        The digest of what others may not read, or of what *is_secret*, is sealed.
        """
        told: dict[str, Any] = {":type": _TYPES.get(self.type, self.type), ":owner": self.owner}
        if self.type == "l":
            return {**told, ":target": self.target}
        told[":mode"] = f"{self.mode:04o}"
        if self.type == "f":
            open_to_all = self.mode & _OTHERS_MAY_READ and not is_secret
            told[":content"] = self.digest if open_to_all else Secret(self.digest)
        return told


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Which folders of a guest belong to what: folder -> path in the tree."""

    guest: str
    folders: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def of(self, path: str) -> tuple[str, ...]:
        """Where the file *path* belongs in the tree."""
        for folder in (path, *_above(path)):
            if folder in self.folders:
                return (*self.folders[folder], *segments(path[len(folder) :]))
        return ("guests", self.guest, "files", *segments(path))


def _above(path: str) -> Iterator[str]:
    """The folders that *path* is in."""
    while path := path.rpartition("/")[0]:
        yield path


def segments(path: str) -> tuple[str, ...]:
    """The names in *path*; one that begins with a colon gets a second one."""
    return tuple(f":{name}" if name.startswith(":") else name for name in path.split("/") if name)


def read_files(listing: str, sums: str) -> Iterator[File]:
    """The files of a listing, with the digests of *sums*."""
    digests = by_path(sums)
    records = listing.split("\0")
    for told, path in zip(records[::2], records[1::2], strict=False):
        kind, mode, user, group, size, changed, target = told.split(" ", 6)
        yield File(
            path=path,
            type=kind,
            mode=int(mode, 8),
            owner=f"{user}:{group}",
            size=size,
            changed=changed,
            target=target,
            digest=digests.get(path, ""),
        )


def written_since(files: Mapping[str, File], image: File | None) -> list[str]:
    """Paths of small files that were written after the guest's *image* was, of which some hold its names or addresses.

    Files of images of containers are none of them: no guest's name is in those.
    """
    born = float(image.changed) if image else 0.0
    return [
        path
        for path, file in files.items()
        if file.type == "f" and int(file.size) <= _SMALL and float(file.changed) > born and "/overlay2/" not in path
    ]


def named_digest(content: bytes, name: Callable[[str], str]) -> str | None:
    """Digest of a text with names in place of what follows from the environment's; ``None`` where it has none."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return None
    named = name(text)
    return digest_of(named.encode()) if named != text else None


def file_branches(
    files: Iterable[File], places: Places, secrets: frozenset[str], named: Mapping[str, str]
) -> Iterator[Branch]:
    """One branch a file, of the plane of content.

    *secrets*: digests that are sealed wherever they are. *named*: path -> digest that counts in place of the file's.
    """
    files = list(files)
    closed = {file.path for file in files if file.type == "d" and not file.mode & _OTHERS_MAY_ENTER}
    for file in files:
        place = places.of(file.path)
        # Folders of engines are closed, and what is in them is open inside.
        of_guest = place[0] == "guests" and "/docker/" not in file.path
        hidden = (
            file.digest in secrets
            or file.path.startswith(_OF_SECRETS)
            or (of_guest and not closed.isdisjoint(_above(file.path)))
        )
        told = replace(file, digest=named.get(file.path, file.digest))
        yield Branch(path=place, tree=told.leaves(hidden), plane="content", level=4)
