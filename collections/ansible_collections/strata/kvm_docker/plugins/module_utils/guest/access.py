# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Access to an environment's guests: its key pair, a pinned host key per guest, and an ``ssh_config`` that uses them.

Everything lies in the environment's private folder at paths that follow from its name, so the inventory can name them
without a query. Host keys are made here and put into the guests, so there is no trust on first use.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..declare.environment import Environment
from ..folders import Folders
from . import ssh_config
from .files import locked, make_private, write_whole
from .keys import KeyPair, have_key_pair
from .ssh import Shell

_KEY = "id_ed25519"
_HOST_KEYS = "hostkeys"


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """``private_key``: file of the key that opens every guest as root. ``public_key``: its line for authorized_keys.
    ``host_keys``: each guest's own key pair, by guest."""

    private_key: Path
    public_key: str
    known_hosts: Path
    ssh_config: Path
    host_keys: Mapping[str, KeyPair]


def prepare(environment: Environment, folders: Folders, proxy: Sequence[str] | None = None) -> Access:
    """Have keys and SSH configuration of *environment*; what is there and right is left alone.

    *proxy*: ``Hypervisor.inside([])``, the start of a command line that runs where guests are reachable.
    """
    access = have_keys(environment, folders)
    folder = access.ssh_config.parent
    with locked(folder / _HOST_KEYS):
        write_whole(access.known_hosts, ssh_config.known_hosts(environment, access.host_keys).encode())
        write_whole(access.ssh_config, ssh_config.ssh_config(environment, folder, proxy).encode())
    return access


def have_keys(environment: Environment, folders: Folders) -> Access:
    """The keys alone, made where they are missing; the files that name them may not be there yet."""
    folder = folders.environment(environment.name)
    make_private(folder)
    make_private(folder / _HOST_KEYS)
    with locked(folder / _HOST_KEYS):
        own = have_key_pair(folder / _KEY, f"strata:{environment.name}")
        hosts = {
            name: have_key_pair(folder / _HOST_KEYS / name, f"strata:{environment.name}/{name}")
            for name in environment.guests
        }
    return Access(
        private_key=own.private,
        public_key=own.public,
        known_hosts=folder / "known_hosts",
        ssh_config=folder / "ssh_config",
        host_keys=hosts,
    )


def public_key(environment: str, folders: Folders) -> str:
    """The line that opens the guests of *environment*; empty where no key was made yet. Changes nothing."""
    try:
        return (folders.environment(environment) / f"{_KEY}.pub").read_text("ascii").strip()
    except FileNotFoundError:
        return ""


def host_key(environment: str, guest: str, folders: Folders) -> KeyPair:
    """The key pair that *guest* of *environment* shows itself by; raises :class:`OSError` where it has none yet."""
    private = folders.environment(environment) / _HOST_KEYS / guest
    return KeyPair(private=private, public=private.with_name(f"{guest}.pub").read_text("ascii").strip())


def shell(environment: str, guest: str, folders: Folders) -> Shell:
    """The guest's shell; nothing is connected yet."""
    return Shell(guest, folders.environment(environment) / "ssh_config")


def guests(environment: str, folders: Folders) -> list[str]:
    """The guests of *environment* that have keys here; none where it was never brought up on this machine."""
    return sorted(path.stem for path in (folders.environment(environment) / _HOST_KEYS).glob("*.pub"))


def disconnect(environment: str, folders: Folders) -> None:
    """End the connections to the guests of *environment*; nothing happens where there are none."""
    for guest in guests(environment, folders):
        shell(environment, guest, folders).disconnect()
