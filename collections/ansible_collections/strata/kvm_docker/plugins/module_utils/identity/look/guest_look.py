# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything about one running guest: its operating system, its engine, what runs in its containers, its files."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from ...docker.engine import Engine
from ...guest.machine import Machine
from ..leaf import Branch
from . import script
from .engine import EngineLook, chance_names, engine_branches, look_at_engine, places
from .files import File, Places, file_branches, named_digest, read_files, written_since
from .guest import guest_branches, is_told, packages
from .processes import Processes, listening

#: File systems that hold files; those of others are the kernel's, or gone with a reboot.
_WITH_FILES = frozenset(("ext2", "ext3", "ext4", "xfs", "btrfs", "vfat"))
#: File systems of the kernel, in memory, or that only show what is elsewhere.
_WITHOUT_FILES = frozenset(
    (
        *("autofs", "binfmt_misc", "bpf", "cgroup", "cgroup2", "configfs", "debugfs", "devpts", "devtmpfs", "efivarfs"),
        *("fuse.lxcfs", "fusectl", "hugetlbfs", "mqueue", "nsfs", "overlay", "proc", "pstore", "ramfs", "rpc_pipefs"),
        *("securityfs", "selinuxfs", "squashfs", "sysfs", "tmpfs", "tracefs"),
    )
)
#: Parts that every guest has something in.
_ALWAYS = ("passwd", "shadow", "mounts", "units", "sysctls", "addresses", "routes", "firewall", "commands", "statuses")
#: The drivers whose folders we know; a container's own file system is mounted from elsewhere, and not a disk.
_KNOWN_DRIVER = "overlay2"
#: A file that comes with the image of every distribution, and is as old.
_OF_IMAGE = "/usr/lib/os-release"


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestLook:
    """One look at *guest*. ``parts``: see :data:`.script.PARTS`."""

    guest: str
    engine: EngineLook
    parts: Mapping[str, str]

    @property
    def chance(self) -> dict[str, str]:
        """Id that the guest's engine drew -> what it stands for."""
        return chance_names(self.engine)

    def branches(self) -> Iterator[Branch]:
        """All but files."""
        processes = Processes.of(self.parts, self.engine.checks)
        yield from engine_branches(self.engine)
        yield from guest_branches(self.guest, self.parts, processes)
        for name, container in self.engine.containers.items():
            path = ("containers", self.guest, name)
            yield Branch(
                path=(*path, "processes"), tree=processes.of_container(container["Id"]), plane="runtime", level=3
            )
            sockets = listening(self.parts["inner_sockets"], container["State"]["Pid"])
            yield Branch(path=(*path, "sockets"), tree=sockets, plane="runtime", level=3)

    def missing(self, level: int) -> Iterator[str]:
        """What could not be looked at, and why."""
        if level >= 3 and not packages(self.parts):
            yield f"guest {self.guest}: its packages; it has none of dpkg, rpm and apk"
        for part in _ALWAYS if level >= 3 else ():
            if not is_told(part, self.parts[part]):
                yield f"guest {self.guest}: its {part}; nothing tells of them there"
        for target, kind in _left_out(self) if level >= 4 else ():
            yield f"guest {self.guest}: files below {target}; it is {kind}, none of {', '.join(sorted(_WITH_FILES))}"
        driver = self.engine.info.get("Driver")
        if level >= 4 and driver != _KNOWN_DRIVER:
            yield f"engine {self.guest}: files of its containers and images; it stores them by {driver}"

    def unhealthy(self) -> Iterator[str]:
        """Paths of containers whose health check does not pass (yet)."""
        for name, container in self.engine.containers.items():
            status = (container["State"].get("Health") or {}).get("Status", "none")
            if container["State"]["Running"] and status not in ("healthy", "none"):
                yield f"containers/{self.guest}/{name}/State/Health/Status"


def look_at_guest(engine: Engine, machine: Machine, level: int) -> GuestLook:
    """One look; below level 3 at the engine only."""
    found = look_at_engine(engine.guest, engine.client)
    parts = script.look(machine, found.pids) if level >= 3 else dict.fromkeys(script.PARTS, "")
    return GuestLook(guest=engine.guest, engine=found, parts=parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesLook:
    """The files of one guest by path, with their digests; ``moving``: those that changed while they were read.

    ``texts``: content of small files that were written since the guest's image was.
    """

    files: Mapping[str, File]
    texts: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    moving: tuple[str, ...] = ()

    @property
    def unread(self) -> list[str]:
        """Paths of files whose content nobody could read."""
        return [path for path, file in self.files.items() if file.type == "f" and not file.digest]

    def branches(self, look: GuestLook, secrets: frozenset[str], name: Callable[[str], str]) -> Iterator[Branch]:
        """One for each file, where it belongs.

        *secrets*: digests of contents that only seals may tell of. *name*: puts names in place of what follows from the
        environment's.
        """
        digests = ((path, named_digest(text, name)) for path, text in self.texts.items())
        named = {path: digest for path, digest in digests if digest}
        return file_branches(self.files.values(), places_of(look), secrets, named)


def places_of(look: GuestLook) -> Places:
    """Which folders of the guest belong to what."""
    return Places(guest=look.guest, folders=places(look.engine))


def look_at_files(machine: Machine, look: GuestLook) -> FilesLook:
    """List, read and list again: what is the same in both listings was read as it is."""
    folders = _folders(look)
    files = {file.path: file for file in read_files(*script.list_files(machine, folders, with_content=True))}
    texts = script.contents(machine, written_since(files, files.get(_OF_IMAGE)))
    return again(machine, look, FilesLook(files=files, texts=texts))


def again(machine: Machine, look: GuestLook, last: FilesLook) -> FilesLook:
    """List once more and read only what changed since the *last* time, which is told as moving."""
    listed = {file.path: file for file in read_files(script.list_files(machine, _folders(look), False)[0], "")}
    same = {
        path: last.files[path]
        for path, file in listed.items()
        if path in last.files and replace(last.files[path], digest="") == file
    }
    moved = sorted(listed.keys() - same.keys())
    digests = script.digests(machine, [path for path in moved if listed[path].type == "f"])
    anew = {path: replace(listed[path], digest=digests.get(path, "")) for path in moved}
    texts = script.contents(machine, written_since(anew, listed.get(_OF_IMAGE)))
    gone = last.files.keys() - listed.keys()
    return FilesLook(
        files={**same, **anew},
        texts={**{path: text for path, text in last.texts.items() if path in same}, **texts},
        moving=tuple(sorted({*moved, *gone})),
    )


def _folders(look: GuestLook) -> list[str]:
    """Mount points of file systems with files; the first of several mounts of one file system."""
    found: dict[tuple[str, str], str] = {}
    for line in look.parts["mounts"].splitlines():
        source, target, kind, options, *_rest = line.split(" ")
        if kind in _WITH_FILES or (kind == "tmpfs" and target == "/tmp"):
            found.setdefault((source if kind != "tmpfs" else target, _subvolume(options)), _written(target))
    return list(found.values())


def _left_out(look: GuestLook) -> Iterator[tuple[str, str]]:
    """Mount points of other file systems than those, and than the kernel's own, with their types."""
    for line in look.parts["mounts"].splitlines():
        _source, target, kind, *_rest = line.split(" ")
        if kind not in _WITH_FILES | _WITHOUT_FILES:
            yield _written(target), kind


def _subvolume(options: str) -> str:
    """Of btrfs, where several file systems share one source; else empty."""
    return next((option for option in options.split(",") if option.startswith("subvol=")), "")


def _written(target: str) -> str:
    """A mount point as it is called: the kernel writes a blank in it as ``\\040`` (proc(5))."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), target)


def digests_of(secrets: frozenset[str] | set[str]) -> frozenset[str]:
    """Digests of files that hold nothing but one of *secrets*, with or without an end of line."""
    return frozenset(script.digest_of((text + end).encode()) for text in secrets for end in ("", "\n"))
