# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``ports`` of a service, short and long syntax (Compose Specification, "ports"). No I/O."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Literal, cast

from .compose import PublishedPort
from .node import Node

SHORT = re.compile(
    r"(?:(?P<ip>\[[0-9a-fA-F:]+\]|[0-9]+(?:\.[0-9]+){3}):)?(?:(?P<published>\d+(?:-\d+)?)?:)?"
    r"(?P<target>\d+(?:-\d+)?)(?:/(?P<protocol>tcp|udp|sctp))?"
)
KNOWN = ("target", "published", "host_ip", "protocol", "mode", "name", "app_protocol")
_FORM = 'a port like "8080:80", "127.0.0.1:8080:80", "8001-8002:80" or "53:53/udp"'


def read_ports(node: Node) -> tuple[PublishedPort, ...]:
    return tuple(port for item in node.items() for port in _read_port(item))


def port_range(text: str) -> range:
    """Ports of ``80`` or ``8001-8002``. Raises :class:`ValueError` with advice."""
    first, _dash, last = text.partition("-")
    ports = range(int(first), int(last or first) + 1)
    if not ports or ports[0] < 1 or ports[-1] > 65535:
        raise ValueError(f"{text} is no port and no range of ports; they go from 1 to 65535, the lower one first")
    return ports


def _read_port(node: Node) -> Iterator[PublishedPort]:
    try:
        if isinstance(node.value, dict):
            yield _long(node)
        else:
            yield from _short(node)
    except ValueError as error:
        node.wrong(str(error))


def _short(node: Node) -> Iterator[PublishedPort]:
    """A range of targets stands for one port each; a range published for one target is shared by the replicas."""
    match = SHORT.fullmatch(str(node.value)) if type(node.value) in (str, int) else None
    if not match:
        node.expected(_FORM)
        return
    targets, host_ip = port_range(match["target"]), (match["ip"] or "").strip("[]") or None
    protocol = cast(Literal["tcp", "udp", "sctp"], match["protocol"] or "tcp")
    published = port_range(match["published"]) if match["published"] else None
    if len(targets) > 1 and published and len(published) != len(targets):
        raise ValueError(f"{match['published']} and {match['target']} are ranges of different lengths")
    if host_ip:
        ip_address(host_ip)
    for index, target in enumerate(targets):
        if published is None:
            yield PublishedPort(target=target, host_ip=host_ip, protocol=protocol)
        else:
            shown = str(published[index]) if len(targets) > 1 else match["published"]
            yield PublishedPort(target=target, published=shown, host_ip=host_ip, protocol=protocol)


def _long(node: Node) -> PublishedPort:
    """``mode`` distinguishes only in a swarm, the names are for people: an engine is told none of them."""
    fields = node.fields(KNOWN)
    if "target" not in fields:
        raise ValueError("'target' is required: the port in the container")
    for key in {"name", "app_protocol"} & fields.keys():
        fields[key].filled()
    if "mode" in fields:
        fields["mode"].one_of("ingress", "host")
    published = (
        fields["published"].matching(r"\d+(-\d+)?", "a port or a range of ports") if "published" in fields else None
    )
    return PublishedPort(
        target=port_range(fields["target"].matching(r"\d+", "a port"))[0],
        published=_valid(published) if published else None,
        host_ip=fields["host_ip"].address() if "host_ip" in fields else None,
        protocol=_protocol(fields["protocol"]) if "protocol" in fields else "tcp",
    )


def _valid(published: str) -> str:
    port_range(published)
    return published


def _protocol(node: Node) -> Literal["tcp", "udp", "sctp"]:
    return cast(Literal["tcp", "udp", "sctp"], node.one_of("tcp", "udp", "sctp"))
