# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of the guests' networks: their subnets, and what their DHCP and name servers are to say. No I/O."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address
from itertools import combinations
from typing import Literal, TypeAlias

from ..errors import Problem
from ..naming import bridge_mac
from .environment import AddressRange, Environment, GuestNetwork
from .sources import Sources

#: Of a subnet, the network's own address, the gateway, a guest and the broadcast address (RFC 922).
LONGEST_PREFIX = 30
#: First octets of "this network", loopback, multicast and reserved addresses (RFC 6890).
_NOT_FOR_HOSTS = frozenset({0, 127, *range(224, 256)})

#: (path below the network, message) of each mistake.
Found: TypeAlias = Iterator[tuple[tuple[str, ...], str]]


def check_networks(environment: Environment, sources: Sources) -> Iterator[Problem]:
    for name, network in environment.networks.items():
        for path, message in _network(environment, name, network):
            yield sources.problem(("networks", name, *path), message)
    for (first, one), (second, other) in combinations(environment.networks.items(), 2):
        if one.cidr.overlaps(other.cidr):
            message = f"{other.cidr} overlaps {one.cidr} of network {first}; choose another subnet"
            yield sources.problem(("networks", second, "cidr"), message)


def misplaced(address: IPv4Address, name: str, network: GuestNetwork) -> Iterator[str]:
    """Why *address* cannot be a machine's on *network*."""
    subnet = network.cidr
    if subnet.prefixlen > LONGEST_PREFIX:
        return
    if address not in subnet:
        yield f"{address} is outside of {subnet} of network {name}"
    elif address == network.gateway:
        yield f"{address} is the hypervisor's address on network {name}; choose another one"
    elif address == subnet.network_address:
        yield f"{address} is the address of network {name} itself; choose another one"
    elif address == subnet.broadcast_address:
        yield f"{address} is the broadcast address of network {name}; choose another one"


def _network(environment: Environment, name: str, network: GuestNetwork) -> Found:
    if network.cidr.prefixlen > LONGEST_PREFIX:
        yield ("cidr",), f"{network.cidr} has no room for a guest; /30 is the smallest"
    elif network.cidr.network_address.packed[0] in _NOT_FOR_HOSTS:
        yield ("cidr",), f"{network.cidr} is no subnet for hosts; take 10.80.0.0/24"
    yield from _nat_ports(network)
    yield from _ranges(environment, name, network)
    yield from _reservations(environment, name, network)
    yield from _dns(environment, name, network)


def _nat_ports(network: GuestNetwork) -> Found:
    ports = network.nat_ports
    if ports and network.forward != "nat":
        yield ("nat_ports",), f"needs forward: nat; it is {network.forward}"
    if ports and ports.end < ports.start:
        yield ("nat_ports", "end"), f"{ports.end} is before the start, {ports.start}"


def _ranges(environment: Environment, name: str, network: GuestNetwork) -> Found:
    fixed = {machine.address: f"the address of {machine}" for machine in _machines(environment, name, network)}
    fixed[network.gateway] = "the hypervisor's address"
    for index, one in enumerate(network.dhcp.ranges):
        where = ("dhcp", "ranges", str(index))
        for leaf in ("start", "end"):
            for message in misplaced(getattr(one, leaf), name, network):
                yield (*where, leaf), message
        if one.end < one.start:
            yield (*where, "end"), f"{one.end} is before the start, {one.start}"
        for address, owner in fixed.items():
            at_end = address == network.gateway and address in (one.start, one.end)
            if one.start <= address <= one.end and not at_end:
                yield where, f"{_text(one)} holds {address}, {owner}; leave that out"
    for (_first, one), (index, other) in combinations(enumerate(network.dhcp.ranges), 2):
        if one.start <= other.end and other.start <= one.end:
            yield ("dhcp", "ranges", str(index)), f"{_text(other)} overlaps {_text(one)}"


def _text(addresses: AddressRange) -> str:
    return f"{addresses.start}-{addresses.end}"


@dataclass(frozen=True, slots=True)
class _Machine:
    """Has a fixed address on a network: a guest, or a host that the declaration reserves one for."""

    kind: Literal["guest", "host"]
    name: str
    address: IPv4Address
    mac: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


def _machines(environment: Environment, name: str, network: GuestNetwork) -> Iterator[_Machine]:
    """Guests first: what a host has in common with one is told of the host."""
    for guest in environment.guests.values():
        if name in guest.networks:
            yield _Machine("guest", guest.name, guest.networks[name].address, environment.mac(guest, name))
    for host, reservation in network.dhcp.hosts.items():
        yield _Machine("host", host, reservation.address, reservation.mac)


def _reservations(environment: Environment, name: str, network: GuestNetwork) -> Found:
    addresses: dict[IPv4Address, str] = {}
    macs = {bridge_mac(environment.name, name): "the network's bridge"}
    for machine in _machines(environment, name, network):
        if machine.kind == "host":
            yield from _reservation(machine, name, network, addresses, macs)
            if _has_guest(environment, name, machine.name):
                yield ("dhcp", "hosts", machine.name), f"guest {machine.name} has its reservation already; remove this"
        addresses.setdefault(machine.address, str(machine))
        macs.setdefault(machine.mac, str(machine))


def _reservation(
    machine: _Machine, name: str, network: GuestNetwork, addresses: dict[IPv4Address, str], macs: dict[str, str]
) -> Found:
    where = ("dhcp", "hosts", machine.name)
    for message in misplaced(machine.address, name, network):
        yield (*where, "address"), message
    if machine.address in addresses:
        yield (*where, "address"), f"{machine.address} is the address of {addresses[machine.address]} already"
    if int(machine.mac[:2], 16) & 1:
        yield (*where, "mac"), f"{machine.mac} is a multicast address; the first octet must be even"
    if machine.mac in macs:
        yield (*where, "mac"), f"hardware address {machine.mac} is that of {macs[machine.mac]} already"


def _has_guest(environment: Environment, name: str, host: str) -> bool:
    return host in environment.guests and name in environment.guests[host].networks


def _dns(environment: Environment, name: str, network: GuestNetwork) -> Found:
    if not network.dns.enable:
        for key in ("hosts", "forwarders"):
            if getattr(network.dns, key):
                yield ("dns", key), "needs the name server, which is off; remove this, or write enable: true"
    for host in network.dns.hosts:
        if _has_guest(environment, name, host):
            yield ("dns", "hosts", host), f"guest {host} has this name already; choose another one"
