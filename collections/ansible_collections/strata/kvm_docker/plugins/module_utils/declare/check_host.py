# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of an environment against the machine that is to run it. No I/O: :class:`~.facts.HostFacts` are given."""

from __future__ import annotations

from collections.abc import Iterator

from ..errors import Problem
from ..naming import bridge_name, libvirt_name
from .environment import Environment
from .facts import HostFacts
from .sources import Sources

MIB = 1024**2
#: Bytes below which a run is not even begun: it would end with full disks in guests that are half made.
LEAST_FREE = 512 * MIB


def check_host(environment: Environment, host: HostFacts, sources: Sources) -> Iterator[Problem]:
    yield from _memory(environment, host, sources)
    yield from _ports(environment, host, sources)
    yield from _subnets(environment, host, sources)
    yield from _pools(environment, host, sources)
    if host.free_disk is not None and host.free_disk < LEAST_FREE:
        free, least = host.free_disk // MIB, LEAST_FREE // MIB
        yield sources.problem((), f"the state folder's disk has {free} MiB free and {least} are needed; free some")


def _memory(environment: Environment, host: HostFacts, sources: Sources) -> Iterator[Problem]:
    wanted = sum(guest.memory for guest in environment.guests.values())
    if host.memory is None or wanted <= host.memory:
        return
    guests = ", ".join(f"{guest.name} {guest.memory // MIB}" for guest in environment.guests.values())
    largest = max(environment.guests.values(), key=lambda guest: guest.memory)
    message = f"the guests want {wanted // MIB} MiB ({guests}), and the host has {host.memory // MIB} MiB; lower memory"
    yield sources.problem(("guests", largest.name, "memory"), message)


def _ports(environment: Environment, host: HostFacts, sources: Sources) -> Iterator[Problem]:
    for guest in environment.guests.values():
        for port in guest.publish:
            if port in host.listening:
                message = f"port {port} of the host's loopback is in use by another program; publish another one"
                yield sources.problem(("guests", guest.name, "publish", str(port)), message)


def _subnets(environment: Environment, host: HostFacts, sources: Sources) -> Iterator[Problem]:
    """Bridges of the environment itself have routes too once it is up."""
    own = {bridge_name(environment.name, name) for name in environment.networks}
    for name, network in environment.networks.items():
        for other in _overlapping(environment.name, name, environment, host, own):
            message = f"{network.cidr} overlaps {other}; choose another subnet"
            yield sources.problem(("networks", name, "cidr"), message)


def _pools(environment: Environment, host: HostFacts, sources: Sources) -> Iterator[Problem]:
    """A stranger's of the very name is for the plan to tell of: it can be taken over."""
    for name in environment.pools:
        path = environment.pool_path(name)
        if host.pools.get(path, "") not in ("", libvirt_name(environment.name, name)):
            message = f"{path} is the folder of libvirt's pool {host.pools[path]}; choose another one, or one below it"
            yield sources.problem(("pools", name, "path"), message)


def _overlapping(own_name: str, name: str, environment: Environment, host: HostFacts, own: set[str]) -> Iterator[str]:
    cidr = environment.networks[name].cidr
    known = {subnet for subnets in host.networks.values() for subnet in subnets}
    for other, subnets in host.networks.items():
        for subnet in subnets:
            if other != own_name and subnet.overlaps(cidr):
                yield f"{subnet} of environment {other}"
    for subnet, device in host.routes:
        if subnet.prefixlen and subnet.overlaps(cidr) and device not in own and subnet not in known:
            yield f"{subnet}, which the host reaches by {device}"
