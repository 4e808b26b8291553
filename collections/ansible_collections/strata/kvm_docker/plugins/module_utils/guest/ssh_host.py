# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host that somebody else set up, reached by ``ssh://[user@]host[:port]`` over one multiplexed connection.

The user's own ``ssh_config`` applies: aliases, keys, jump hosts and ``known_hosts`` are what ``ssh HOST`` takes.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from ..errors import EngineError, GuestError
from ..folders import Folders
from . import ssh_config
from .files import make_private, write_whole
from .ssh import DOCKER_SOCKET, ConnectError, RefusedError, Shell

_HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*|[0-9A-Fa-f:]+")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
_HOW = "write ssh://[user@]host[:port]"


@dataclass(frozen=True, slots=True, kw_only=True)
class SshHost:
    """``user`` and ``port`` are those of the ssh_config where not given. ``socket``: of the engine, on the host."""

    host: str
    user: str | None = None
    port: int | None = None
    socket: str = DOCKER_SOCKET

    @property
    def label(self) -> str:
        """Its name in keys and names of files."""
        return re.sub(r"[^A-Za-z0-9._-]", "_", self.host)


def parse(url: str) -> SshHost:
    """The host of an ``ssh://`` URL; a path in it is the engine's socket. Raises :class:`EngineError`."""
    try:
        parts = urlsplit(url)
        host, user, port = parts.hostname or "", parts.username, parts.port
    except ValueError as error:
        raise EngineError(f"docker_host: {url!r} is no URL ({error}); {_HOW}") from error
    if parts.password is not None:
        raise EngineError(f"docker_host: no password goes into a URL; use a key, and {_HOW}")
    if not _HOST.fullmatch(host) or (user is not None and not _USER.fullmatch(user)) or parts.query or parts.fragment:
        raise EngineError(f"docker_host: {url!r} names no host that ssh takes; {_HOW}")
    written = re.search(re.escape(host), url, re.IGNORECASE)
    return SshHost(
        host=written[0] if written else host,
        user=user,
        port=port,
        socket=parts.path if parts.path.strip("/") else DOCKER_SOCKET,
    )


def shell(host: SshHost, folders: Folders) -> HostShell:
    """Its shell; nothing is connected yet. Two URLs of one host that differ have a connection each."""
    make_private(folders.root / "hosts")
    digest = hashlib.sha256(repr(host).encode()).hexdigest()[:12]
    folder = folders.root / "hosts" / digest
    make_private(folder)
    write_whole(folder / "ssh_config", config(host, folder).encode())
    return HostShell(host.label, folder / "ssh_config", host)


def config(host: SshHost, folder: Path) -> str:
    """What multiplexing needs comes first, as ssh takes the first value of an option; the rest is the user's."""
    given = {"User": host.user, "Port": host.port}
    options = {name: str(value) for name, value in given.items() if value is not None}
    return ssh_config.shared_by_one(ssh_config.control_path(folder, host.label), options) + (
        "Include ~/.ssh/config\nInclude /etc/ssh/ssh_config\n"
    )


@dataclass(slots=True)
class HostShell(Shell):
    """Runs commands as the user of *host*, whose :attr:`guest` is but its label."""

    host: SshHost

    @property
    def where(self) -> str:
        return f"host {self.host.host}"

    @property
    def target(self) -> str:
        return self.host.host

    def _refusal(self, said: str) -> GuestError:
        last = (said.splitlines() or ["ssh failed without a word"])[-1]
        if "Host key verification failed" in said:
            return RefusedError(
                f"{self.where}: its host key is not in your known_hosts, or is another one than there: {last} "
                f"Compare its fingerprint, then connect once by hand (ssh {self.host.host})."
            )
        if "Permission denied" in said:
            return RefusedError(
                f"{self.where}: {last} Nobody is there to type a password: give the key in ~/.ssh/config or an agent."
            )
        return ConnectError(f"{self.where}: {last}")
