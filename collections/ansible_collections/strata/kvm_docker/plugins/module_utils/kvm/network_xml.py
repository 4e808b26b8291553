# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks as libvirt writes them (https://libvirt.org/formatnetwork.html) and as a canonical tree. No I/O."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Interface
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from .. import naming
from ..declare.environment import Environment, GuestNetwork
from ..plan.model import Tree
from .mark import Mark, mark_element, to_text


def network_spec(environment: Environment, name: str, network: GuestNetwork) -> dict[str, Any]:
    """The canonical form of a declared network.

    ``mac``: the bridge's own address. ``hosts``: DHCP reservation (``mac``, ``address``) by guest. ``names``: DNS names
    by address. ``domain`` is empty where there is none.
    """
    attached = {guest.name: guest.networks[name] for guest in environment.guests.values() if name in guest.networks}
    return {
        "bridge": naming.bridge_name(environment.name, name),
        "mac": naming.mac_address(environment.name, "", name),
        "forward": network.forward,
        "cidr": str(network.cidr),
        "gateway": str(network.gateway),
        "domain": network.domain or "",
        "autostart": True,
        "hosts": {
            guest: {
                "mac": attachment.mac or naming.mac_address(environment.name, guest, name),
                "address": str(attachment.address),
            }
            for guest, attachment in attached.items()
        },
        "names": {str(attachment.address): [guest] for guest, attachment in attached.items()},
    }


def render_network(environment: str, name: str, spec: Tree) -> str:
    """The XML that defines the network *name* as *spec*.

    No spanning tree: nothing but guests is on the bridge, and it would keep each of them off the network for seconds.
    """
    root = Element("network")
    SubElement(root, "name").text = naming.libvirt_name(environment, name)
    SubElement(root, "uuid").text = str(naming.object_uuid(environment, "network", name))
    root.append(mark_element(Mark(environment=environment, applied=spec)))
    if spec["forward"] != "isolated":
        SubElement(root, "forward", mode=spec["forward"])
    SubElement(root, "bridge", name=spec["bridge"], stp="off", delay="0")
    SubElement(root, "mac", address=spec["mac"])
    if spec["domain"]:
        SubElement(root, "domain", name=spec["domain"], localOnly="yes")
    if spec["names"]:
        SubElement(root, "dns").extend(dns_host(address, names) for address, names in sorted(spec["names"].items()))
    root.append(_ip(spec))
    return to_text(root)


def _ip(spec: Tree) -> Element:
    interface = IPv4Interface((spec["gateway"], int(spec["cidr"].partition("/")[2])))
    ip = Element("ip", family="ipv4", address=str(interface.ip), prefix=str(interface.network.prefixlen))
    if spec["hosts"]:
        hosts = (dhcp_host(guest, host) for guest, host in sorted(spec["hosts"].items()))
        SubElement(ip, "dhcp").extend(hosts)
    return ip


def dhcp_host(guest: str, host: Tree) -> Element:
    """The reservation of *guest*."""
    return Element("host", mac=host["mac"], name=guest, ip=host["address"])


def dns_host(address: str, names: list[str]) -> Element:
    """The DNS names of *address*."""
    host = Element("host", ip=address)
    for name in names:
        SubElement(host, "hostname").text = name
    return host


def parse_network(xml: str) -> tuple[dict[str, Any], Element]:
    """The canonical form of a network's XML, but for ``autostart``; and its root, for what else is asked of it."""
    root = ElementTree.fromstring(xml)
    return {
        "bridge": _attribute(root, "bridge", "name"),
        "mac": _attribute(root, "mac", "address"),
        "forward": _forward(root),
        **_addresses(root),
        "domain": _attribute(root, "domain", "name"),
        "hosts": dict(_hosts(root)),
        "names": dict(_names(root)),
    }, root


def _forward(root: Element) -> str:
    forward = root.find("forward")
    return "isolated" if forward is None else forward.get("mode", "nat")


def _addresses(root: Element) -> dict[str, str]:
    ip = _ipv4(root)
    if ip is None:
        return {"cidr": "", "gateway": ""}
    interface = IPv4Interface((ip.get("address", "0.0.0.0"), ip.get("prefix") or ip.get("netmask") or 32))
    return {"cidr": str(interface.network), "gateway": str(interface.ip)}


def _ipv4(root: Element) -> Element | None:
    return next((ip for ip in root.findall("ip") if ip.get("family", "ipv4") == "ipv4"), None)


def _hosts(root: Element) -> Iterator[tuple[str, dict[str, str]]]:
    ip = _ipv4(root)
    for host in ip.findall("dhcp/host") if ip is not None else ():
        mac, address = host.get("mac", ""), host.get("ip", "")
        yield host.get("name") or mac or address, {"mac": mac, "address": address}


def _names(root: Element) -> Iterator[tuple[str, list[str]]]:
    for host in root.findall("dns/host"):
        yield host.get("ip", ""), [name.text or "" for name in host.findall("hostname")]


def _attribute(root: Element, path: str, attribute: str) -> str:
    found = root.find(path)
    return "" if found is None else found.get(attribute, "")
