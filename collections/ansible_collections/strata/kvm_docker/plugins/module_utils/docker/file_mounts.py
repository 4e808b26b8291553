# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets and configs: files on the guest that containers see through read-only bind mounts.

They lie in a folder of their container that only the guest's root may enter, so the file's own mode (the Compose
Specification: 0444 unless given, which an unprivileged user in the container can read) opens nothing on the guest.
The name of a file carries a digest of its content: new content is a new file, and the container is replaced.
"""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import PurePosixPath

from ..declare.compose import FileReference, FileSource
from ..declare.mounts import RESERVED
from ..declare.replicas import Replica
from ..errors import EngineError
from ..guest.machine import Machine
from ..plan.model import Tree

#: Folder on the guest; a declaration cannot bind from it.
ROOT = RESERVED
DEFAULT_MODE = 0o444
#: States of a file: as it was written, edited by somebody, gone.
INTACT, CHANGED, MISSING = "intact", "changed", "missing"
#: Rounds of PBKDF2: a digest of a short secret, which labels and plans show, takes as long to guess (8 ms a try).
_ROUNDS = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class FileMount:
    """One file: ``path`` on the guest, ``target`` in the container."""

    path: str
    target: str
    content: str = field(repr=False)
    mode: int
    owner: str
    """``uid:gid``."""


def folder(project: str, container: str) -> PurePosixPath:
    """The files of one container."""
    return ROOT / project / container


def file_mounts(replica: Replica) -> Iterator[FileMount]:
    """Every secret and config of *replica*."""
    project, service = replica.project, replica.service
    for reference in service.secrets:
        yield _file_mount(replica, "/run/secrets", reference, project.secrets[reference.source])
    for reference in service.configs:
        yield _file_mount(replica, "/", reference, project.configs[reference.source])


def _file_mount(replica: Replica, parent: str, reference: FileReference, source: FileSource) -> FileMount:
    """A relative target is below *parent* (Compose Specification, "secrets" and "configs", long syntax)."""
    mode = DEFAULT_MODE if reference.mode is None else reference.mode
    owner = f"{reference.uid or 0}:{reference.gid or 0}"
    name = f"{source.name}-{_digest(replica.project.name, source.name, source.content, f'{mode:04o} {owner}')}"
    return FileMount(
        path=str(folder(replica.project.name, replica.name) / name),
        target=str(PurePosixPath(parent) / reference.target),
        content=source.content,
        mode=mode,
        owner=owner,
    )


@lru_cache(maxsize=256)
def _digest(project: str, name: str, content: str, access: str) -> str:
    salt = f"{project}/{name}/{access}".encode()
    return hashlib.pbkdf2_hmac("sha256", content.encode(), salt, _ROUNDS, 16).hex()


def write(shell: Machine | None, replica: Replica) -> None:
    """Put the files of *replica* on the guest. Raises :class:`EngineError` where there is no guest to put them on."""
    for file in file_mounts(replica):
        if shell is None:
            raise EngineError(f"container {replica.name}: secrets and configs need a guest that can be reached by SSH.")
        path, parent = shlex.quote(file.path), shlex.quote(str(PurePosixPath(file.path).parent))
        shell.run(f"install -d -m 0700 {shlex.quote(str(ROOT / replica.project.name))} {parent}")
        shell.write_file(file.path, file.content.encode(), 0o400)
        shell.run(f"chown {shlex.quote(file.owner)} {path} && chmod {file.mode:04o} {path}")


def states(shell: Machine | None, replicas: Iterable[Replica]) -> dict[str, str]:
    """State, by path, of the declared files that are not intact. One command looks at all of them.

    Files of an older content are of another name, so they are in no state.
    """
    wanted = {file.path: file for replica in replicas for file in file_mounts(replica)}
    if shell is None or not wanted:
        return {}
    roots = " ".join(shlex.quote(root) for root in sorted({str(PurePosixPath(path).parent.parent) for path in wanted}))
    shown = shell.run(
        f"find {roots} -type f -printf '%m %U:%G %p\\n' -exec sha256sum {{}} + 2>/dev/null || true"
    ).decode(errors="replace")
    found = set(shown.splitlines())
    there = {line.split(maxsplit=2)[-1] for line in found if line.count(" ") >= 2}
    return {
        path: CHANGED if path in there else MISSING
        for path, file in wanted.items()
        if not {f"{file.mode:o} {file.owner} {path}", f"{_plain_digest(file)}  {path}"} <= found
    }


def _plain_digest(file: FileMount) -> str:
    return hashlib.sha256(file.content.encode()).hexdigest()


def repair(shell: Machine | None, replica: Replica) -> None:
    """Put back what somebody edited, in the same inode, which is the one that a running container sees."""
    changed = states(shell, [replica])
    for file in file_mounts(replica):
        if shell and changed.get(file.path) == CHANGED:
            path, beside = shlex.quote(file.path), shlex.quote(f"{file.path}.new")
            shell.write_file(f"{file.path}.new", file.content.encode(), 0o400)
            shell.run(f"cat {beside} > {path} && rm -f {beside}")
            shell.run(f"chown {shlex.quote(file.owner)} {path} && chmod {file.mode:04o} {path}")
    if MISSING in changed.values():
        write(shell, replica)


def prune(shell: Machine | None, container: str, specs: Iterable[Tree], keep: frozenset[str] = frozenset()) -> None:
    """Delete the files that *container*, made as *specs*, had mounted, but *keep*; and its folder if none is kept.

    Only what is in the folder of *container* goes, in the projects that the mounts tell.
    """
    projects = {PurePosixPath(source).parts[-3] for spec in specs for source in sources(spec)}
    kept = " ".join(f"! -path {shlex.quote(name)}" for name in sorted(keep))
    for project in sorted(projects):
        path = shlex.quote(str(folder(project, container)))
        if shell:
            shell.run(f"test ! -d {path} || find {path} -type f {kept} -delete" if keep else f"rm -rf {path}")


def sources(spec: Tree) -> frozenset[str]:
    """Paths of the files that a container of *spec* has mounted."""
    mounts = spec.get("HostConfig", {}).get("Mounts", {}).values()
    return frozenset(mount["Source"] for mount in mounts if is_file_mount(mount))


def is_file_mount(mount: Tree) -> bool:
    """Whether *mount* (canonical) is one of ours: read-only, of a file in a :func:`folder`."""
    if mount["Type"] != "bind" or not mount["ReadOnly"]:
        return False
    source = PurePosixPath(str(mount["Source"]))
    return source.parent.parent.parent == ROOT and ".." not in source.parts
