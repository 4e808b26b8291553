# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Opens an engine where it is: behind a socket of this machine, by SSH, or in a guest of an environment that is up."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from ..errors import EngineError, GuestError
from ..folders import Folders
from ..guest import access, ssh_host
from ..guest.local_shell import LocalShell
from .applied_notes import AppliedNotes
from .client import connect
from .engine import Engine

DEFAULT = "unix:///var/run/docker.sock"

#: The environment in the marks of what is made on an engine that is of none.
STANDALONE = "standalone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """An engine: at the URL ``docker_host``, or of the ``guest`` of ``environment``, which names the marks too."""

    docker_host: str = DEFAULT
    environment: str | None = None
    guest: str | None = None

    @property
    def mark(self) -> str:
        """The environment in the marks of what is made there."""
        return self.environment or STANDALONE


@contextmanager
def open_engine(target: Target, folders: Folders) -> Iterator[Engine]:
    """The engine of *target*, closed at the end; an SSH connection stays for the next call."""
    engine = _open(target, folders)
    engine.notes = AppliedNotes.of(target.mark, folders, target.guest or target.docker_host)
    try:
        yield engine
    finally:
        engine.close()


def require_usual(target: Target, engine: Engine, folders: Folders) -> None:
    """Raise :class:`EngineError` where *engine*, the one of *target*, is not the one behind the usual socket of its
    machine: ``daemon.json`` and the service in their usual places are that one's."""
    usual = _usual(target.docker_host)
    if target.guest or target.docker_host == usual:
        return
    try:
        with open_engine(replace(target, docker_host=usual), folders) as other:
            same = other.client.info()["ID"] == engine.client.info()["ID"]
    except (EngineError, GuestError):
        same = False
    if not same:
        raise EngineError(
            f"{engine.where}: it is not the engine behind {DEFAULT} of its machine, so /etc/docker/daemon.json is not "
            "its file, and nothing was touched. Write its own file yourself."
        )


def _usual(docker_host: str) -> str:
    """The URL of the usual engine of the machine that *docker_host* names."""
    parts = urlsplit(docker_host)
    return DEFAULT if parts.scheme == "unix" else f"{parts.scheme}://{parts.netloc}"


def _open(target: Target, folders: Folders) -> Engine:
    scheme, found, path = target.docker_host.partition("://")
    if target.guest:
        return _of_guest(target, target.guest, folders)
    if scheme == "unix" and path.startswith("/"):
        where = f"engine {target.docker_host}"
        client = connect(target.docker_host, where)
        return Engine(guest="local", environment=target.mark, client=client, shell=LocalShell(), address=where)
    if scheme == "ssh" and found:
        return _by_ssh(target, folders)
    raise EngineError(
        f"docker_host: {target.docker_host!r} is not supported; write unix:///var/run/docker.sock, or "
        "ssh://user@host for an engine of another machine."
    )


def _by_ssh(target: Target, folders: Folders) -> Engine:
    host = ssh_host.parse(target.docker_host)
    shell, where = ssh_host.shell(host, folders), f"engine {target.docker_host}"
    shell.connect()
    client = connect(f"unix://{shell.forward(host.socket)}", where)
    return Engine(guest=host.label, environment=target.mark, client=client, shell=shell, address=where)


def _of_guest(target: Target, guest: str, folders: Folders) -> Engine:
    known = access.guests(target.mark, folders)
    if guest not in known:
        has = f"it has {', '.join(known)}" if known else "it was not brought up on this machine"
        raise EngineError(
            f"environment {target.mark}: no guest {guest}; {has}. Bring it up first (strata.kvm_docker.environment), "
            f"or say where its state folder is; this is {folders.root}."
        )
    shell = access.shell(target.mark, guest, folders)
    try:
        shell.connect()
    except GuestError as error:
        raise EngineError(f"environment {target.mark}: {error}. Is it up? Bring it up, then run again.") from error
    client = connect(f"unix://{shell.forward()}", f"engine of guest {guest}")
    return Engine(guest=guest, environment=target.mark, client=client, shell=shell)
