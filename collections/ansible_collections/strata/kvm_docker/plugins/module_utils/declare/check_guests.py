# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of the guests: what they name, their addresses, and the ports that they publish. No I/O."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from ipaddress import IPv4Address
from typing import Any

from ..errors import Problem
from .check_networks import misplaced
from .environment import Attachment, Environment, Guest
from .sources import Sources
from .words import unknown_name

#: Groups that mean something to Ansible or to us.
RESERVED_GROUPS = frozenset({"all", "ungrouped", "hypervisors", "guests"})
#: Hosts of every inventory, and of a guest's own /etc/hosts.
RESERVED_HOSTS = frozenset({"localhost"})


def check_guests(environment: Environment, sources: Sources) -> Iterator[Problem]:
    if environment.name in RESERVED_GROUPS | RESERVED_HOSTS:
        message = (
            f"{environment.name!r} has another meaning in an inventory, where the environment is a group; rename it"
        )
        yield sources.problem(("name",), message)
    for guest in environment.guests.values():
        yield from _names(environment, guest, sources)
        yield from _attachments(environment, guest, sources)
    yield from _same_addresses(environment, sources)
    yield from _same_macs(environment, sources)
    yield from _same_ports(environment, sources)


def _names(environment: Environment, guest: Guest, sources: Sources) -> Iterator[Problem]:
    where = ("guests", guest.name)
    if guest.image not in environment.images:
        yield sources.problem((*where, "image"), unknown_name("image", guest.image, tuple(environment.images)))
    if "_" in guest.name:
        yield sources.problem(where, f"{guest.name!r} is no host name (RFC 1123): write - in place of _")
    if guest.name in RESERVED_GROUPS | RESERVED_HOSTS:
        message = f"{guest.name!r} has another meaning in an inventory, where guests are hosts; rename the guest"
        yield sources.problem(where, message)
    if guest.name == environment.name:
        yield sources.problem(
            where, "has the environment's name, which is that of its Ansible group; rename one of them"
        )
    if not guest.networks:
        yield sources.problem((*where, "networks"), "is required: a guest without an address cannot be reached")
    for path, message in _settings(guest.engine.settings):
        yield sources.problem((*where, "engine", "settings", *path), message)
    for index, group in enumerate(guest.groups):
        if group in RESERVED_GROUPS | RESERVED_HOSTS or group in environment.guests:
            message = f"group {group!r} has a name with another meaning; rename it"
            yield sources.problem((*where, "groups", str(index)), message)


def _settings(settings: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], str]]:
    """What an engine does not start with; the rest it checks itself (``dockerd --validate``)."""
    if "hosts" in settings:
        yield ("hosts",), "the engine is told where to listen when it is started, and refuses a second word; remove it"
    try:
        json.dumps(settings, allow_nan=False)
    except ValueError:
        yield (), "JSON, which the engine reads, has no number like .inf or .nan"


def _attachments(environment: Environment, guest: Guest, sources: Sources) -> Iterator[Problem]:
    for name, attachment in guest.networks.items():
        where = ("guests", guest.name, "networks", name)
        network = environment.networks.get(name)
        if network is None:
            yield sources.problem(where, unknown_name("network", name, tuple(environment.networks)))
        else:
            for message in misplaced(attachment.address, name, network):
                yield sources.problem((*where, "address"), message)


def _same_addresses(environment: Environment, sources: Sources) -> Iterator[Problem]:
    seen: dict[IPv4Address, str] = {}
    for guest, network, attachment in _all_attachments(environment):
        if attachment.address in seen:
            message = f"{attachment.address} is the address of guest {seen[attachment.address]} already"
            yield sources.problem(("guests", guest.name, "networks", network, "address"), message)
        seen.setdefault(attachment.address, guest.name)


def _same_macs(environment: Environment, sources: Sources) -> Iterator[Problem]:
    """Given ones and derived ones: a bridge delivers to one of two only."""
    seen: dict[str, str] = {}
    for guest, network, _attachment in _all_attachments(environment):
        mac = environment.mac(guest, network)
        where = ("guests", guest.name, "networks", network, "mac")
        if int(mac[:2], 16) & 1:
            yield sources.problem(where, f"{mac} is a multicast address; the first octet must be even")
        if mac in seen:
            message = f"hardware address {mac} is that of guest {seen[mac]} already; write another mac"
            yield sources.problem(where, message)
        seen.setdefault(mac, guest.name)


def _same_ports(environment: Environment, sources: Sources) -> Iterator[Problem]:
    seen: dict[int, str] = {}
    for guest in environment.guests.values():
        for port in guest.publish:
            if port in seen:
                message = f"port {port} of the hypervisor is published by guest {seen[port]} already"
                yield sources.problem(("guests", guest.name, "publish", str(port)), message)
            seen.setdefault(port, guest.name)


def _all_attachments(environment: Environment) -> Iterator[tuple[Guest, str, Attachment]]:
    for guest in environment.guests.values():
        for network, attachment in guest.networks.items():
            yield guest, network, attachment
