# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Listening TCP sockets of this machine's loopback, as the kernel lists them (proc_net(5))."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

LOOPBACK = "127.0.0.1"

_LISTEN = "0A"

#: 127.0.0.1, 0.0.0.0, :: and ::ffff:127.0.0.1 in the kernel's notation: words in the machine's byte order.
_ADDRESSES_4 = ("0100007F", "00000000")
_ADDRESSES_6 = ("0" * 32, "0000000000000000FFFF00000100007F")


@dataclass(frozen=True, slots=True)
class Listener:
    """``inode`` is what the process that has it open calls it: ``socket:[<inode>]`` below ``/proc/<pid>/fd``."""

    address: str
    port: int
    inode: str


def parse(table: str) -> Iterator[Listener]:
    """The listening sockets of a table like ``/proc/net/tcp``. Pure."""
    for line in table.splitlines()[1:]:
        fields = line.split()
        if len(fields) > 9 and fields[3] == _LISTEN:
            address, _colon, port = fields[1].partition(":")
            yield Listener(address, int(port, 16), fields[9])


def listening_loopback() -> frozenset[int]:
    """TCP ports that cannot be opened on 127.0.0.1 because somebody listens on them."""
    four = {listener.port for listener in _table("tcp") if listener.address in _ADDRESSES_4}
    six = {listener.port for listener in _table("tcp6") if listener.address in _ADDRESSES_6}
    return frozenset(four | {port for port in six - four if not _can_bind(port)})


def holder(port: int) -> str:
    """The process that listens on *port*, e.g. `` (nginx, process 812)``; empty where it cannot be known."""
    addresses = (*_ADDRESSES_4, *_ADDRESSES_6)
    inodes = {
        each.inode for each in (*_table("tcp"), *_table("tcp6")) if each.port == port and each.address in addresses
    }
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and _inodes(int(entry.name)) & inodes:
            with suppress(OSError):
                return f" ({(entry / 'comm').read_text(encoding='utf-8').strip()}, process {entry.name})"
    return ""


def listens(pid: int, port: int) -> bool:
    """Whether the process *pid* holds the socket that listens on 127.0.0.1:*port*."""
    inodes = {each.inode for each in _table("tcp") if each.port == port and each.address == _ADDRESSES_4[0]}
    return bool(inodes & _inodes(pid))


def _table(name: str) -> list[Listener]:
    try:
        return list(parse(Path(f"/proc/self/net/{name}").read_text(encoding="ascii")))
    except FileNotFoundError:
        return []


def _inodes(pid: int) -> set[str]:
    """Sockets that the process has open."""
    found = set()
    with suppress(OSError):
        for entry in os.scandir(f"/proc/{pid}/fd"):
            with suppress(OSError):
                target = os.readlink(entry.path)
                if target.startswith("socket:["):
                    found.add(target[len("socket:[") : -1])
    return found


def _can_bind(port: int) -> bool:
    """A socket on :: leaves 127.0.0.1 free where it is IPv6 only, which the kernel's table does not tell."""
    with socket.socket() as attempt:
        attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            attempt.bind((LOOPBACK, port))
        except OSError:
            return False
    return True
