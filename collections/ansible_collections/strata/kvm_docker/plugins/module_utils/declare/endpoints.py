# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``networks``, ``network_mode`` and ``mac_address`` of a service (Compose Specification, "networks"). No I/O."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from .compose import ServiceNetwork
from .node import Node

UNSUPPORTED = {
    "gw_priority": "engines before 28 do not know it; use priority",
    "interface_name": "engines before 28.1 do not know it",
    "link_local_ips": "give the network a subnet, and the service an ipv4_address or ipv6_address",
}


def read_endpoints(fields: Mapping[str, Node]) -> dict[str, ServiceNetwork]:
    """A service without networks of its own is on ``default``."""
    mode, networks = fields.get("network_mode"), fields.get("networks")
    if mode:
        _check_alone(mode, fields)
        return {}
    return _with_mac(fields.get("mac_address"), _endpoints(networks))


def _check_alone(mode: Node, fields: Mapping[str, Node]) -> None:
    if "networks" in fields:
        mode.wrong("network_mode and networks exclude each other; remove one of them")
    if "ports" in fields and mode.string() != "bridge":
        mode.wrong(f"ports cannot be published with network_mode {mode.string()}; remove one of them")
    if "mac_address" in fields:
        fields["mac_address"].wrong("mac_address and network_mode exclude each other; remove one of them")


def _endpoints(networks: Node | None) -> dict[str, ServiceNetwork]:
    if networks is None:
        return {"default": ServiceNetwork()}
    if isinstance(networks.value, list):
        return {item.filled(): ServiceNetwork() for item in networks.items()}
    return {key: _endpoint(item) for key, item in networks.mapping().items()}


def _endpoint(node: Node) -> ServiceNetwork:
    if node.value is None:
        return ServiceNetwork()
    fields = node.fields(READERS, UNSUPPORTED)
    return ServiceNetwork(**{key: READERS[key](item) for key, item in fields.items()})


def _mac(node: Node) -> str:
    return node.matching(r"([0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}", "a hardware address").lower()


def _with_mac(node: Node | None, endpoints: dict[str, ServiceNetwork]) -> dict[str, ServiceNetwork]:
    """The older key of the service is about its first network, by priority and then by name."""
    if node is None or not endpoints:
        return endpoints
    first = min(endpoints, key=lambda name: (-endpoints[name].priority, name))
    mac = _mac(node)
    if endpoints[first].mac_address not in (None, mac):
        node.wrong(f"differs from the one of network {first}; keep one of them")
    return {**endpoints, first: replace(endpoints[first], mac_address=mac)}


READERS: Mapping[str, Callable[[Node], Any]] = {
    "aliases": Node.strings,
    "ipv4_address": Node.ipv4,
    "ipv6_address": Node.ipv6,
    "mac_address": _mac,
    "priority": lambda item: item.integer(None),
    "driver_opts": Node.pairs,
}
