# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A guest's network interfaces as it has to configure them. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface

from ..declare.environment import Environment, Guest


@dataclass(frozen=True, slots=True, kw_only=True)
class Interface:
    """``address`` with its prefix length. ``resolver``: the hypervisor's address, where it answers names. ``gateway``:
    the same, on the one interface that carries the default route. ``mtu``: ``None`` is the kernel's."""

    network: str
    mac: str
    address: IPv4Interface
    resolver: IPv4Address | None
    gateway: IPv4Address | None
    domain: str | None
    mtu: int | None = None


def interfaces(environment: Environment, guest: Guest) -> tuple[Interface, ...]:
    """In the order of the declaration; the first network that is not isolated carries the default route."""
    routed = [name for name in guest.networks if environment.networks[name].forward != "isolated"]
    return tuple(_interface(environment, guest, name, default=name in routed[:1]) for name in guest.networks)


def _interface(environment: Environment, guest: Guest, name: str, default: bool) -> Interface:
    network, attachment = environment.networks[name], guest.networks[name]
    return Interface(
        network=name,
        mac=environment.mac(guest, name),
        address=IPv4Interface((attachment.address, network.cidr.prefixlen)),
        resolver=network.gateway if network.dns.enable else None,
        gateway=network.gateway if default else None,
        domain=network.domain,
        mtu=network.mtu,
    )
