# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of what a guest can hold: its data disks, and the limits up to which it grows while it runs. No I/O."""

from __future__ import annotations

from collections.abc import Iterator

from ..errors import Problem
from ..naming import disk_target
from .environment import Environment, Guest
from .sources import Sources
from .words import unknown_name

#: Where a mount would hide what the guest needs to run.
SYSTEM_PATHS = frozenset(
    {"/bin", "/boot", "/dev", "/etc", "/lib", "/lib64", "/proc", "/root", "/run", "/sbin", "/sys", "/usr", "/var"}
)


def check_disks(environment: Environment, sources: Sources) -> Iterator[Problem]:
    for guest in environment.guests.values():
        yield from _limits(guest, sources)
        yield from _names(environment, guest, sources)
        yield from _mounts(guest, sources)
        yield from _same_targets(guest, sources)


def _limits(guest: Guest, sources: Sources) -> Iterator[Problem]:
    where = ("guests", guest.name)
    if guest.vcpus_max is not None and guest.vcpus_max < guest.vcpus:
        yield sources.problem((*where, "vcpus_max"), f"{guest.vcpus_max} is less than vcpus ({guest.vcpus})")
    if guest.memory_max is not None and guest.memory_max < guest.memory:
        yield sources.problem((*where, "memory_max"), "is less than memory; write a larger one, or leave it out")


def _names(environment: Environment, guest: Guest, sources: Sources) -> Iterator[Problem]:
    for name, disk in guest.disks.items():
        where = ("guests", guest.name, "disks", name)
        if name.startswith("strata-"):
            yield sources.problem(where, "begins with strata-, as the disks of Strata itself do; rename it")
        if disk.pool and disk.pool not in environment.pools:
            yield sources.problem((*where, "pool"), unknown_name("pool", disk.pool, tuple(environment.pools)))


def _mounts(guest: Guest, sources: Sources) -> Iterator[Problem]:
    seen: dict[str, str] = {}
    for name, disk in guest.disks.items():
        where = ("guests", guest.name, "disks", name, "mount")
        if disk.mount is None:
            continue
        if disk.mount in SYSTEM_PATHS:
            yield sources.problem(
                where, f"{disk.mount} is a folder of the system; mount it elsewhere, e.g. /srv/{name}"
            )
        if disk.mount in seen:
            yield sources.problem(where, f"{disk.mount} is where disk {seen[disk.mount]} is mounted already")
        seen.setdefault(disk.mount, name)


def _same_targets(guest: Guest, sources: Sources) -> Iterator[Problem]:
    """The name of a device follows from the disk's; two names may, once in thousands, lead to one."""
    seen: dict[str, str] = {}
    for name in guest.disks:
        if disk_target(name) in seen:
            message = f"has the device name of disk {seen[disk_target(name)]}; rename one of them"
            yield sources.problem(("guests", guest.name, "disks", name), message)
        seen.setdefault(disk_target(name), name)
