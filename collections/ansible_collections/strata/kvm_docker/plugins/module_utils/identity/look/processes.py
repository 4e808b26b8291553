# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes by role and listening sockets: parts that :mod:`.script` printed -> plain data. No I/O."""

from __future__ import annotations

import re
import socket
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

_CONTAINER = re.compile(r"docker[-/]([0-9a-f]{64})")
_LISTENING = {"tcp": "0A", "udp": "07", "raw": "07"}
#: Parent of all threads of the kernel.
_KERNEL = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """One process. ``cgroup``: its path. ``rights``: user, group and what it may, as /proc tells."""

    pid: int
    parent: int
    name: str
    command: str
    cgroup: str
    rights: Mapping[str, str] = field(default_factory=dict)

    @property
    def container(self) -> str:
        """Id of the container that it runs in; empty where it is in none."""
        match = _CONTAINER.search(self.cgroup)
        return match[1] if match else ""

    @property
    def starting(self) -> bool:
        """Whether it is the runtime's, and becomes the program of a container next; crun names that container last."""
        by_crun = self.name == "crun" and (not self.command or self.command.endswith(f" {self.container}"))
        return self.command == "runc init" or by_crun


@dataclass(frozen=True, slots=True)
class Processes:
    """The processes of a machine but for those that looked at it. ``checks``: id -> command of its health check."""

    every: tuple[Process, ...]
    checks: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, parts: Mapping[str, str], checks: Mapping[str, str] | None = None) -> Processes:
        """Of the parts ``commands``, ``statuses``, ``cgroups`` and ``self``."""
        every = {process.pid: process for process in _processes(parts)}
        own = _looking(every, int(parts["self"] or 0))
        return cls(tuple(process for pid, process in every.items() if pid not in own), checks or {})

    def of_guest(self) -> dict[str, Any]:
        """Role -> command -> how many, and with which rights; the role is the unit."""
        return _by_role((_role(process), process) for process in self.every if not process.container)

    def of_container(self, identity: str) -> dict[str, Any]:
        """As :meth:`of_guest`, of the container with that id; what checks its health, or is
        about to start, is a role of its own."""
        inside = (process for process in self.every if process.container == identity)
        return _by_role((self._role_inside(process), process) for process in inside)

    def _role_inside(self, process: Process) -> str:
        if process.command == self.checks.get(process.container):
            return "healthcheck"
        return "starting" if process.starting else "container"


def _by_role(processes: Iterator[tuple[str, Process]]) -> dict[str, Any]:
    found: defaultdict[str, defaultdict[str, list[Process]]] = defaultdict(lambda: defaultdict(list))
    for role, process in processes:
        found[role][process.command or re.sub(r"[\d/:].*", "", process.name)].append(process)
    return {
        role: {command: {"count": len(alike), **_rights(alike)} for command, alike in commands.items()}
        for role, commands in found.items()
    }


def _rights(alike: list[Process]) -> dict[str, str]:
    names = sorted({name for process in alike for name in process.rights})
    return {name: ", ".join(sorted({process.rights.get(name, "") for process in alike})) for name in names}


def _role(process: Process) -> str:
    return "kernel" if process.parent == _KERNEL or process.pid == _KERNEL else process.cgroup or "/"


def _processes(parts: Mapping[str, str]) -> Iterator[Process]:
    statuses: defaultdict[int, dict[str, str]] = defaultdict(dict)
    for pid, line in _by_pid(parts["statuses"].splitlines()):
        name, _is, value = line.partition(":")
        statuses[pid][name] = " ".join(value.split())
    words: defaultdict[int, list[str]] = defaultdict(list)
    for pid, word in _by_pid(parts["commands"].split("\0")):
        words[pid].append(word)
    cgroups = {pid: line.rpartition("::")[2] for pid, line in _by_pid(parts["cgroups"].splitlines())}
    for pid, status in statuses.items():
        rights = {name: value for name, value in status.items() if name not in ("Name", "PPid")}
        yield Process(
            pid=pid,
            parent=int(status.get("PPid", 0)),
            name=status.get("Name", ""),
            command=" ".join(words[pid]).strip(),
            cgroup=cgroups.get(pid, ""),
            rights=rights,
        )


def _by_pid(lines: list[str]) -> Iterator[tuple[int, str]]:
    """Lines as ``grep`` prints them: ``/proc/<pid>/<file>:<line>``."""
    for line in lines:
        where, _is, said = line.strip("\n").partition(":")
        parts = where.split("/")
        if len(parts) == 4 and parts[2].isdigit():
            yield int(parts[2]), said


def _looking(every: Mapping[int, Process], shell: int) -> set[int]:
    """The shell that asked, the connection that it came by, and all that those have started."""
    top = shell
    while top in every and every[top].parent in every and every[every[top].parent].parent > 1:
        top = every[top].parent
    found = {top}
    grown = True
    while grown:
        more = {pid for pid, process in every.items() if process.parent in found} - found
        found |= more
        grown = bool(more)
    return found if top else set()


def listening(text: str, pid: int | None = None) -> dict[str, Any]:
    """Protocol, address and port -> the users that listen there, of files of /proc/net, lines after their file's name.

    Those of the machine, or of the network namespace of process *pid*.
    """
    folder = f"/proc/{pid}/net" if pid else "/proc/net"
    users: defaultdict[str, set[str]] = defaultdict(set)
    for line in text.splitlines():
        file, _is, row = line.partition(":")
        place, _slash, protocol = file.rpartition("/")
        words = row.split()
        if place == folder and len(words) > 7 and words[3] == _LISTENING.get(protocol.rstrip("6")):
            address, _is, port = words[1].partition(":")
            users[f"{protocol} {_address(address)} {int(port, 16)}"].add(words[7])
    return {where: "uid " + ", ".join(sorted(uids)) for where, uids in users.items()}


def _address(written: str) -> str:
    """The kernel writes words of 32 bits as its processor has them in memory, little end first (proc(5)).

    Written by the C library: releases of Python write one of IPv4 in IPv6 each in a way of its own.
    """
    words = [bytes.fromhex(written[at : at + 8])[::-1] for at in range(0, len(written), 8)]
    raw = b"".join(words)
    return socket.inet_ntop(socket.AF_INET if len(raw) == 4 else socket.AF_INET6, raw)
