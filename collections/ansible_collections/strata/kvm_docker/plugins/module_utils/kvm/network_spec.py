# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A network's canonical form: as it is declared, and as read back. No I/O."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from ipaddress import IPv4Address, IPv4Network
from typing import Any
from xml.etree.ElementTree import Element

from .. import naming
from ..declare.environment import (
    AddressRange,
    DhcpSettings,
    DnsSettings,
    Environment,
    GuestNetwork,
    PortRange,
    Reservation,
)
from ..plan.model import Tree
from .mark import Mark
from .network_xml import NAT_PORTS, parse_network, unknown_parts

#: Tables whose keys people choose: one more of them is nobody's default.
_TABLES = ("hosts", "names")


def network_spec(environment: Environment, name: str, network: GuestNetwork) -> dict[str, Any]:
    """The canonical form of a declared network.

    ``mac``: the bridge's own address. ``nat_ports``, ``ranges``: ``first-last``. ``hosts``: DHCP reservation (``mac``,
    ``address``) by host. ``names``: DNS names by address. ``dns``: whether names are answered. ``domain`` and
    ``nat_ports`` are empty, and ``mtu`` is zero, where libvirt's own are meant. ``edited``: parts that somebody else
    has put in; there are to be none.
    """
    ports = network.nat_ports if network.forward == "nat" else None
    return {
        "bridge": naming.bridge_name(environment.name, name),
        "mac": naming.bridge_mac(environment.name, name),
        "forward": network.forward,
        "nat_ports": _unless_usual(f"{ports.start}-{ports.end}") if ports else "",
        "cidr": str(network.cidr),
        "gateway": str(network.gateway),
        "domain": network.domain or "",
        "mtu": network.mtu or 0,
        "autostart": network.autostart,
        "persistent": True,
        "ranges": [f"{one.start}-{one.end}" for one in sorted(network.dhcp.ranges, key=lambda one: one.start)],
        "hosts": _hosts(environment, name, network),
        "dns": network.dns.enable,
        "names": _names(environment, name, network) if network.dns.enable else {},
        "forwarders": [str(address) for address in network.dns.forwarders],
        "edited": [],
    }


def _unless_usual(ports: str) -> str:
    return "" if ports == NAT_PORTS else ports


def _hosts(environment: Environment, name: str, network: GuestNetwork) -> dict[str, dict[str, str]]:
    guests = {
        guest.name: {"mac": environment.mac(guest, name), "address": str(guest.networks[name].address)}
        for guest in environment.guests.values()
        if name in guest.networks
    }
    others = {host: {"mac": one.mac, "address": str(one.address)} for host, one in network.dhcp.hosts.items()}
    return {**guests, **others}


def _names(environment: Environment, name: str, network: GuestNetwork) -> dict[str, list[str]]:
    names: defaultdict[str, list[str]] = defaultdict(list)
    for guest in environment.guests.values():
        if name in guest.networks:
            names[str(guest.networks[name].address)].append(guest.name)
    for host, address in sorted(network.dns.hosts.items()):
        names[str(address)].append(host)
    return dict(names)


def read_network(spec: Tree, guests: Collection[str]) -> GuestNetwork:
    """The declaration that :func:`network_spec` makes *spec* of, in an environment with *guests* on the network."""
    return GuestNetwork(
        cidr=IPv4Network(spec["cidr"]),
        forward=spec["forward"],
        domain=spec["domain"] or None,
        mtu=spec["mtu"] or None,
        autostart=spec["autostart"],
        dhcp=DhcpSettings(
            ranges=tuple(
                AddressRange(start=IPv4Address(start), end=IPv4Address(end))
                for start, _dash, end in (ends.partition("-") for ends in spec["ranges"])
            ),
            hosts={
                host: Reservation(mac=one["mac"], address=IPv4Address(one["address"]))
                for host, one in spec["hosts"].items()
                if host not in guests
            },
        ),
        dns=DnsSettings(
            enable=spec["dns"],
            hosts={
                name: IPv4Address(address)
                for address, names in spec["names"].items()
                for name in names
                if name not in guests
            },
            forwarders=tuple(map(IPv4Address, spec["forwarders"])),
        ),
        nat_ports=_nat_ports(spec["nat_ports"]),
    )


def _nat_ports(text: str) -> PortRange | None:
    start, _dash, end = text.partition("-")
    return PortRange(start=int(start), end=int(end)) if text else None


def observed_spec(root: Element, mark: Mark | None) -> dict[str, Any]:
    """The canonical form of a network's XML, but for its state (``autostart``, ``persistent``).

    What others have added is told by *mark*; without one everything of a table may be theirs, and it is missing itself.
    """
    found = parse_network(root)
    found["nat_ports"] = _unless_usual(found["nat_ports"])
    applied: Tree = mark.applied if mark else {}
    added = [f"{table}.{key}" for table in _TABLES for key in found[table] if key not in applied.get(table, {})]
    return {**found, "edited": sorted({*unknown_parts(root), *added, *([] if mark else ["metadata"])})}
