# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets and configs: files on the guest that containers see through read-only bind mounts.

They lie in a folder of their container that only the guest's root may enter, so the file's own mode (the Compose
Specification: 0444 unless given, which an unprivileged user in the container can read) opens nothing on the guest.
The name of a file carries a digest of its content: new content is a new file, and the container is replaced. Labels and
plans show it, so it is keyed as seals are. A file that was named with a key that is lost is known by its content.
"""

from __future__ import annotations

import hashlib
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import PurePosixPath

from ..declare.compose import FileReference, FileSource
from ..declare.mounts import RESERVED
from ..declare.replicas import Replica
from ..errors import EngineError
from ..guest.machine import Machine
from ..plan.model import Tree
from ..plan.secrets import Seal

#: Folder on the guest; a declaration cannot bind from it.
ROOT = RESERVED
DEFAULT_MODE = 0o444
#: States of a file: as it was written, edited by somebody, gone.
INTACT, CHANGED, MISSING = "intact", "changed", "missing"
#: Rounds of PBKDF2, for names without a key: a short secret takes as long to guess (8 ms a try).
_ROUNDS = 20_000
#: Hexadecimal digits of a keyed digest; those without a key are shorter.
_DIGITS = 40
_KEYED = re.compile(rf"(?P<stem>.*)-[0-9a-f]{{{_DIGITS}}}", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileMount:
    """One file: ``path`` on the guest, ``target`` in the container."""

    path: str
    target: str
    content: str = field(repr=False)
    mode: int
    owner: str
    """``uid:gid``."""

    @property
    def stem(self) -> str:
        """Its path without the digest."""
        return self.path.rpartition("-")[0]

    @property
    def digest(self) -> str:
        """The digest in its name."""
        return self.path.rpartition("-")[2]

    def is_intact(self, path: str, listed: frozenset[str]) -> bool:
        """Whether *path* is this file as it was written, among lines of :func:`_listed`."""
        digest = hashlib.sha256(self.content.encode()).hexdigest()
        return {f"{self.mode:o} {self.owner} {path}", f"{digest}  {path}"} <= listed


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesFound:
    """What a look at declared files found. ``states``: state, by path, of those that are not intact.

    ``former``: path of an intact one that was named with another key -> its path now.
    """

    states: Mapping[str, str] = field(default_factory=dict)
    former: Mapping[str, str] = field(default_factory=dict)


def folder(project: str, container: str) -> PurePosixPath:
    """The files of one container."""
    return ROOT / project / container


def file_mounts(replica: Replica, seal: Seal) -> Iterator[FileMount]:
    """Every secret and config of *replica*, named with the key of *seal*."""
    project, service = replica.project, replica.service
    for reference in service.secrets:
        yield _file_mount(replica, "/run/secrets", reference, project.secrets[reference.source], seal)
    for reference in service.configs:
        yield _file_mount(replica, "/", reference, project.configs[reference.source], seal)


def _file_mount(replica: Replica, parent: str, reference: FileReference, source: FileSource, seal: Seal) -> FileMount:
    """A relative target is below *parent* (Compose Specification, "secrets" and "configs", long syntax)."""
    mode = DEFAULT_MODE if reference.mode is None else reference.mode
    owner = f"{reference.uid or 0}:{reference.gid or 0}"
    place = folder(replica.project.name, replica.name)
    salt = f"{place}/{source.name}/{mode:04o} {owner}"
    digest = seal.digest([salt, source.content])[:_DIGITS] or _slow_digest(salt, source.content)
    return FileMount(
        path=str(place / f"{source.name}-{digest}"),
        target=str(PurePosixPath(parent) / reference.target),
        content=source.content,
        mode=mode,
        owner=owner,
    )


@lru_cache(maxsize=256)
def _slow_digest(salt: str, content: str) -> str:
    return hashlib.pbkdf2_hmac("sha256", content.encode(), salt.encode(), _ROUNDS, 16).hex()


def write(shell: Machine | None, replica: Replica, seal: Seal) -> None:
    """Put the files of *replica* on the guest. Raises :class:`EngineError` where there is no guest to put them on."""
    for file in file_mounts(replica, seal):
        if shell is None:
            raise EngineError(f"container {replica.name}: secrets and configs need a guest that can be reached by SSH.")
        path, parent = shlex.quote(file.path), shlex.quote(str(PurePosixPath(file.path).parent))
        shell.run(f"install -d -m 0700 {shlex.quote(str(ROOT / replica.project.name))} {parent}")
        shell.write_file(file.path, file.content.encode(), 0o400)
        shell.run(f"chown {shlex.quote(file.owner)} {path} && chmod {file.mode:04o} {path}")


def look(shell: Machine | None, replicas: Iterable[Replica], seal: Seal) -> FilesFound:
    """What there is of the declared files of *replicas*. One command looks at all of them.

    Files of an older content are of another name, so they are in no state.
    """
    wanted = {file.path: file for replica in replicas for file in file_mounts(replica, seal)}
    if shell is None or not wanted:
        return FilesFound()
    listed = _listed(shell, {str(PurePosixPath(path).parent.parent) for path in wanted})
    there = {line.split(maxsplit=2)[-1] for line in listed if line.count(" ") >= 2}
    former = dict(_former(wanted.values(), there - wanted.keys(), listed))
    states = {
        path: CHANGED if path in there else MISSING
        for path, file in wanted.items()
        if not file.is_intact(path, listed) and (path in there or path not in former.values())
    }
    return FilesFound(states=states, former=former)


def _listed(shell: Machine, folders: Iterable[str]) -> frozenset[str]:
    """Two lines for each file below *folders*: rights, owner and path; SHA-256 and path."""
    roots = " ".join(shlex.quote(folder) for folder in sorted(folders))
    shown = shell.run(f"find {roots} -type f -printf '%m %U:%G %p\\n' -exec sha256sum {{}} + 2>/dev/null || true")
    return frozenset(shown.decode(errors="replace").splitlines())


def _former(wanted: Iterable[FileMount], others: Iterable[str], listed: frozenset[str]) -> Iterator[tuple[str, str]]:
    """Of the paths *others*, those that are one of the files *wanted* but for their key."""
    by_stem: dict[str, list[str]] = {}
    for path in others:
        if match := _KEYED.fullmatch(path):
            by_stem.setdefault(match["stem"], []).append(path)
    for file in wanted:
        yield from ((path, file.path) for path in by_stem.get(file.stem, ()) if file.is_intact(path, listed))


def repair(shell: Machine | None, replica: Replica, seal: Seal) -> None:
    """Put back what somebody edited, in the same inode, which is the one that a running container sees."""
    changed = look(shell, [replica], seal).states
    for file in file_mounts(replica, seal):
        if shell and changed.get(file.path) == CHANGED:
            path, beside = shlex.quote(file.path), shlex.quote(f"{file.path}.new")
            shell.write_file(f"{file.path}.new", file.content.encode(), 0o400)
            shell.run(f"cat {beside} > {path} && rm -f {beside}")
            shell.run(f"chown {shlex.quote(file.owner)} {path} && chmod {file.mode:04o} {path}")
    if MISSING in changed.values():
        write(shell, replica, seal)


def prune(shell: Machine | None, container: str, specs: Iterable[Tree], keep: frozenset[str] = frozenset()) -> None:
    """Delete the files that *container*, made as *specs*, had mounted, but *keep*; and its folder if none is kept.

    Only what is in the folder of *container* goes, in the projects that the mounts tell.
    """
    projects = {PurePosixPath(source).parts[-3] for spec in specs for source in sources(spec)}
    for project in sorted(projects):
        if shell:
            clear(shell, folder(project, container), keep)


def clear(shell: Machine, place: PurePosixPath, keep: frozenset[str] = frozenset()) -> None:
    """Delete the files in *place*, a :func:`folder`, but *keep*; and the folder itself if none is kept."""
    path, kept = shlex.quote(str(place)), " ".join(f"! -path {shlex.quote(name)}" for name in sorted(keep))
    shell.run(f"test ! -d {path} || find {path} -type f {kept} -delete" if keep else f"rm -rf {path}")


def sources(spec: Tree) -> frozenset[str]:
    """Paths of the files that a container of *spec* has mounted."""
    mounts = spec.get("HostConfig", {}).get("Mounts", {}).values()
    return frozenset(mount["Source"] for mount in mounts if is_file_mount(mount))


def is_file_mount(mount: Tree) -> bool:
    """Whether *mount* (canonical) is one of ours: read-only, of a file in a :func:`folder`."""
    return mount["Type"] == "bind" and bool(mount["ReadOnly"]) and is_in_folder(str(mount["Source"]))


def is_in_folder(path: str) -> bool:
    """Whether *path* is that of a file in a :func:`folder`."""
    source = PurePosixPath(path)
    return source.parent.parent.parent == ROOT and ".." not in source.parts
