# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Text of an environment's ``ssh_config`` and ``known_hosts`` (see ssh_config(5)); names of its sockets. No I/O."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..declare.environment import Environment, Guest
from ..errors import GuestError
from .keys import KeyPair

#: Seconds that an idle connection is kept for the next run.
PERSIST = 600

#: A path of a unix socket has at most 107 bytes (unix(7)); ssh first binds its control socket under a name 17 longer.
LONGEST_SOCKET = 107
_SSH_SUFFIX = 17


def control_path(folder: Path, guest: str) -> Path:
    """Socket of the guest's one SSH connection, below the environment's *folder*."""
    return _socket(folder, guest, "ssh")


def engine_socket(folder: Path, guest: str) -> Path:
    """Local socket that leads to the guest's Docker engine."""
    return _socket(folder, guest, "docker")


def known_hosts(environment: Environment, host_keys: Mapping[str, KeyPair]) -> str:
    """A line per guest that pins its key to its name and its address."""
    return "".join(
        f"{name},{guest.address} {' '.join(host_keys[name].public.split()[:2])}\n"
        for name, guest in sorted(environment.guests.items())
    )


def ssh_config(environment: Environment, folder: Path, proxy: Sequence[str] | None) -> str:
    """A ``Host`` entry per guest (by name and address), then what all of them share.

    *proxy* is the start of a command line that runs a program where guests are reachable.
    """
    entries = [_entry(folder, guest) for _name, guest in sorted(environment.guests.items())]
    heading = f"# Made by Strata from the declaration of {environment.name}; changes are overwritten.\n"
    return "\n".join([heading, *entries, _shared(folder, proxy)])


def of_machine(name: str, folder: Path, proxy: str) -> str:
    """A configuration for one machine that has no address, with keys and ``known_hosts`` in *folder*. *proxy*: a line
    for a shell that connects its input and output with it. It may be as slow as it likes; whether it is there, its
    socket tells."""
    own = _block(
        name,
        HostKeyAlias=name,
        ControlPath=_quoted(control_path(folder, name)),
        ProxyCommand=proxy.replace("%", "%%"),
        ConnectTimeout="300",
        ServerAliveInterval="60",
        ServerAliveCountMax="15",
    )
    return f"{own}\n{_shared(folder, None)}"


def shared_by_one(socket: Path, options: Mapping[str, str]) -> str:
    """The start of a configuration for one host of somebody else's, whose own options follow."""
    return _block(
        "*",
        **options,
        ControlMaster="auto",
        ControlPath=_quoted(socket),
        ControlPersist=str(PERSIST),
        StreamLocalBindUnlink="yes",
        ServerAliveInterval="15",
        ServerAliveCountMax="4",
        ConnectTimeout="30",
        BatchMode="yes",
        RequestTTY="no",
        RemoteCommand="none",
        LogLevel="ERROR",
    )


def _entry(folder: Path, guest: Guest) -> str:
    return _block(
        f"{guest.name} {guest.address}",
        HostName=str(guest.address),
        HostKeyAlias=guest.name,
        ControlPath=_quoted(control_path(folder, guest.name)),
    )


def _shared(folder: Path, proxy: Sequence[str] | None) -> str:
    options = {
        "User": "root",
        "IdentityFile": _quoted(folder / "id_ed25519"),
        "IdentitiesOnly": "yes",
        "IdentityAgent": "none",
        "PreferredAuthentications": "publickey",
        "UserKnownHostsFile": _quoted(folder / "known_hosts"),
        "GlobalKnownHostsFile": "/dev/null",
        "StrictHostKeyChecking": "yes",
        "HostKeyAlgorithms": "ssh-ed25519",
        "UpdateHostKeys": "no",
        # The link never leaves this machine, so nobody can record it for a quantum computer: against that the default
        # exchange has a second algorithm, which takes a guest without hardware virtualization 0.15 s more (measured).
        "KexAlgorithms": "^curve25519-sha256",
        # Twice as fast as the default, chacha20, into a guest without hardware virtualization (measured).
        "Ciphers": "^aes128-gcm@openssh.com",
        "ControlMaster": "auto",
        "ControlPersist": str(PERSIST),
        "StreamLocalBindUnlink": "yes",
        "ServerAliveInterval": "15",
        "ServerAliveCountMax": "4",
        "ConnectTimeout": "30",
        "BatchMode": "yes",
        "LogLevel": "ERROR",
    }
    if proxy:
        options["ProxyCommand"] = _proxy_command(proxy)
    return _block("*", **options)


def _proxy_command(proxy: Sequence[str]) -> str:
    """ssh passes it to a shell after expanding ``%``; the keep-alive ends it when the guest is gone for good."""
    target = "TCP:%h:%p,nodelay,keepalive,keepidle=20,keepintvl=10,keepcnt=4"
    return f"{shlex.join(proxy).replace('%', '%%')} socat - {target}"


def _block(host: str, **options: str) -> str:
    return f"Host {host}\n" + "".join(f"    {name} {value}\n" for name, value in options.items())


def _quoted(path: Path) -> str:
    return '"' + str(path).replace("%", "%%") + '"'


def _socket(folder: Path, guest: str, purpose: str) -> Path:
    """Named after the guest where that fits, else after a digest of its name."""
    names = (guest, hashlib.sha256(guest.encode()).hexdigest()[:8])
    for path in (folder / f"{name}.{purpose}" for name in names):
        if len(str(path).encode()) + _SSH_SUFFIX <= LONGEST_SOCKET:
            return path
    raise GuestError(
        f"{folder}: too long a path for sockets, which have at most {LONGEST_SOCKET} bytes. "
        "Choose a shorter state folder ($STRATA_STATE)."
    )
