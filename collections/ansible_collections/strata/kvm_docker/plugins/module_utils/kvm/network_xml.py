# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks as libvirt writes them (https://libvirt.org/formatnetwork.html) and as a canonical tree. No I/O."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from ipaddress import IPv4Address, IPv4Interface
from typing import Any
from xml.etree.ElementTree import Element, SubElement

from .. import naming
from ..plan.model import Tree
from .mark import Mark, mark_element, to_text

#: Where libvirt has NAT begin and end unless it is told; it writes that into what is live.
NAT_PORTS = "1024-65535"

#: Every element that we write, with its attributes; those of which we write one value only have it.
_OURS: Mapping[str, Mapping[str, str | None]] = {
    "name": {},
    "uuid": {},
    "forward": {"mode": None},
    "forward.nat": {},
    "forward.nat.port": {"start": None, "end": None},
    "bridge": {"name": None, "stp": "off", "delay": "0"},
    "mtu": {"size": None},
    "mac": {"address": None},
    "domain": {"name": None, "localOnly": "yes"},
    "dns": {"enable": None},
    "dns.forwarder": {"addr": None},
    "dns.host": {"ip": None},
    "dns.host.hostname": {},
    "ip": {"family": None, "address": None, "prefix": None, "netmask": None},
    "ip.dhcp": {},
    "ip.dhcp.range": {"start": None, "end": None},
    "ip.dhcp.host": {"mac": None, "name": None, "ip": None},
}
#: How many interfaces are on it, which libvirt tells of a network that runs.
_LIVE = ("connections",)


def render_network(environment: str, name: str, spec: Tree) -> str:
    """The XML that defines the network *name* as *spec*.

    No spanning tree: nothing but guests is on the bridge, and it would keep each of them off the network for seconds.
    """
    root = Element("network")
    SubElement(root, "name").text = naming.libvirt_name(environment, name)
    SubElement(root, "uuid").text = str(naming.object_uuid(environment, "network", name))
    root.append(mark_element(Mark(environment=environment, applied=spec)))
    if spec["forward"] != "isolated":
        root.append(_forward(spec))
    SubElement(root, "bridge", name=spec["bridge"], stp="off", delay="0")
    if spec["mtu"]:
        SubElement(root, "mtu", size=str(spec["mtu"]))
    SubElement(root, "mac", address=spec["mac"])
    if spec["domain"]:
        SubElement(root, "domain", name=spec["domain"], localOnly="yes")
    root.extend(_dns(spec))
    root.append(_ip(spec))
    return to_text(root)


def _forward(spec: Tree) -> Element:
    forward = Element("forward", mode=spec["forward"])
    if spec["nat_ports"]:
        SubElement(SubElement(forward, "nat"), "port", _ends(spec["nat_ports"]))
    return forward


def _ends(text: str) -> dict[str, str]:
    start, _dash, end = text.partition("-")
    return {"start": start, "end": end}


def _dns(spec: Tree) -> Iterator[Element]:
    """Nothing where there is nothing to say: libvirt answers names by itself."""
    dns = Element("dns", {} if spec["dns"] else {"enable": "no"})
    dns.extend(Element("forwarder", addr=address) for address in spec["forwarders"])
    for address, names in sorted(spec["names"].items()):
        host = SubElement(dns, "host", ip=address)
        for name in names:
            SubElement(host, "hostname").text = name
    if len(dns) or dns.attrib:
        yield dns


def _ip(spec: Tree) -> Element:
    interface = IPv4Interface((spec["gateway"], int(spec["cidr"].partition("/")[2])))
    ip = Element("ip", family="ipv4", address=str(interface.ip), prefix=str(interface.network.prefixlen))
    if spec["ranges"] or spec["hosts"]:
        dhcp = SubElement(ip, "dhcp")
        dhcp.extend(Element("range", _ends(addresses)) for addresses in spec["ranges"])
        for name, host in sorted(spec["hosts"].items()):
            SubElement(dhcp, "host", mac=host["mac"], name=name, ip=host["address"])
    return ip


def parse_network(root: Element) -> dict[str, Any]:
    """The canonical form of a network's XML, but for its state; what we never write is :func:`unknown_parts`."""
    return {
        "bridge": _attribute(root, "bridge", "name"),
        "mac": _attribute(root, "mac", "address"),
        "forward": "isolated" if root.find("forward") is None else _attribute(root, "forward", "mode") or "nat",
        "nat_ports": "-".join(filter(None, (_attribute(root, "forward/nat/port", end) for end in ("start", "end")))),
        **_addresses(root),
        "domain": _attribute(root, "domain", "name"),
        "mtu": int(_attribute(root, "mtu", "size") or 0),
        "ranges": list(_ranges(root)),
        "hosts": dict(_hosts(root)),
        "dns": _attribute(root, "dns", "enable") != "no",
        "names": dict(_names(root)),
        "forwarders": [forwarder.get("addr", "") for forwarder in root.findall("dns/forwarder")],
    }


def _addresses(root: Element) -> dict[str, str]:
    ip = _ipv4(root)
    if ip is None:
        return {"cidr": "", "gateway": ""}
    interface = IPv4Interface((ip.get("address", "0.0.0.0"), ip.get("prefix") or ip.get("netmask") or 32))
    return {"cidr": str(interface.network), "gateway": str(interface.ip)}


def _ipv4(root: Element) -> Element | None:
    return next((ip for ip in root.findall("ip") if ip.get("family", "ipv4") == "ipv4"), None)


def _ranges(root: Element) -> list[str]:
    """In the order of their addresses: libvirt appends what is added while the network runs."""
    ip = _ipv4(root)
    found = [(one.get("start", ""), one.get("end", "")) for one in (ip.findall("dhcp/range") if ip is not None else ())]
    return ["-".join(ends) for ends in sorted(found, key=lambda ends: IPv4Address(ends[0]))]


def _hosts(root: Element) -> Iterator[tuple[str, dict[str, str]]]:
    ip = _ipv4(root)
    for host in ip.findall("dhcp/host") if ip is not None else ():
        mac, address = host.get("mac", ""), host.get("ip", "")
        yield host.get("name") or mac or address, {"mac": mac, "address": address}


def _names(root: Element) -> Iterator[tuple[str, list[str]]]:
    for host in root.findall("dns/host"):
        yield host.get("ip", ""), [name.text or "" for name in host.findall("hostname")]


def unknown_parts(root: Element) -> Iterator[str]:
    """Elements and attributes that we never write, by path, such as ``dns.txt`` or ``bridge.stp``."""
    yield from (attribute for attribute in root.attrib if attribute not in _LIVE)
    ours = _ipv4(root)
    for child in root:
        if child.tag == "ip" and child is not ours:
            yield "ip"
        elif child.tag != "metadata":
            yield from _unknown(child, child.tag)


def _unknown(element: Element, path: str) -> Iterator[str]:
    known = _OURS.get(path)
    if known is None:
        yield path
        return
    for attribute, value in element.attrib.items():
        if known.get(attribute, "") not in (None, value):
            yield f"{path}.{attribute}"
    for child in element:
        yield from _unknown(child, f"{path}.{child.tag}")


def _attribute(root: Element, path: str, attribute: str) -> str:
    found = root.find(path)
    return "" if found is None else found.get(attribute, "")
