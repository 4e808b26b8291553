# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way out of the embedded hypervisor's network namespace: slirp4netns, a user-mode router.

It leaves the host's devices, routes and firewall untouched. Guests reach what the host reaches, but not the host's own
loopback; names are resolved by the host's resolver through an address of the uplink.
"""

from __future__ import annotations

import json
import os
import select
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, ip_network
from pathlib import Path

from ..errors import HypervisorError
from . import namespaces, processes

DEVICE = "tap0"

#: Subnets for the uplink, the first that nothing on the host overlaps is taken; of RFC 6598, which home networks avoid.
CANDIDATES = tuple(IPv4Network(f"100.{octet}.84.0/24") for octet in (126, 110, 96, 80, 64))


def resolver(subnet: IPv4Network) -> IPv4Address:
    """Address at which slirp4netns forwards DNS to the host's resolver (slirp4netns(1): the third of the subnet)."""
    return subnet[3]


def subnet(netns: Path) -> IPv4Network | None:
    """The subnet of the uplink that is up in *netns*."""
    lines = namespaces.run(namespaces.inside(netns, ["ip", "-4", "-j", "address", "show"]))
    for device in json.loads(lines):
        if device.get("ifname") == DEVICE and device["addr_info"]:
            entry = device["addr_info"][0]
            return IPv4Network(f"{entry['local']}/{entry['prefixlen']}", strict=False)
    return None


def choose(routes: Iterable[IPv4Network]) -> IPv4Network:
    """The first candidate that overlaps none of the host's *routes*. Pure."""
    taken = list(routes)
    for candidate in CANDIDATES:
        if not any(candidate.overlaps(route) for route in taken):
            return candidate
    raise HypervisorError(
        f"the host's routes cover all of {', '.join(map(str, CANDIDATES))}: no subnet left for the uplink"
    )


def start(netns: Path, record: Path, log: Path) -> None:
    """Bring the uplink up, unless it is; returns when it is configured."""
    if processes.running(record) and subnet(netns):
        return
    running = processes.running(record)
    processes.terminate([running] if running else [])
    reader, writer = os.pipe()
    try:
        processes.spawn(_argv(netns, choose(_host_routes()), writer), record, log, pass_fds=[writer])
    finally:
        os.close(writer)
    _await_ready(reader, log)


def _argv(netns: Path, chosen: IPv4Network, ready: int) -> list[str]:
    options = ["--configure", "--mtu=1500", f"--cidr={chosen}", "--disable-host-loopback", "--enable-sandbox"]
    return ["slirp4netns", *options, f"--ready-fd={ready}", "--netns-type=path", str(netns), DEVICE]


def _host_routes() -> list[IPv4Network]:
    routes = json.loads(namespaces.run(["ip", "-4", "-j", "route", "show", "table", "all"]))
    networks = [ip_network(route["dst"], strict=False) for route in routes if route["dst"] != "default"]
    return [network for network in networks if isinstance(network, IPv4Network)]


def _await_ready(reader: int, log: Path, seconds: float = 15) -> None:
    """slirp4netns writes one byte when the device is up; the end of the file means that it died."""
    try:
        readable, _writable, _failed = select.select([reader], [], [], seconds)
        ready = bool(readable) and bool(os.read(reader, 1))
    finally:
        os.close(reader)
    if not ready:
        tail = log.read_text(encoding="utf-8", errors="replace")[-1000:].strip()
        raise HypervisorError(f"slirp4netns did not start; {log} ends with:\n{tail}")
