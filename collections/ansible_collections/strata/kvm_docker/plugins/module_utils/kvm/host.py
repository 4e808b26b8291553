# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the checks of a declaration need to know of this machine, gathered where the guests are to live."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from ipaddress import IPv4Network, ip_network
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from ..declare.facts import HostFacts
from . import programs, sockets
from .errors import libvirt_errors
from .forward import ports_of
from .mark import read_mark
from .pool import claim_pool, pool_path

if TYPE_CHECKING:
    from .hypervisor import Hypervisor


def facts(hypervisor: Hypervisor, environment: str) -> HostFacts:
    """Facts for the checks of *environment*: its own forwards do not count as ports in use."""
    return HostFacts(
        memory=memory(),
        cpus=os.cpu_count(),
        routes=tuple(_routes(hypervisor)),
        listening=sockets.listening_loopback() - ports_of(hypervisor.folders, environment),
        networks=_networks(hypervisor, environment),
        pools=dict(_pools(hypervisor, environment)),
        free_disk=free_disk(hypervisor.folders.pool(environment)),
    )


def memory() -> int:
    """Bytes of memory of the machine."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _routes(hypervisor: Hypervisor) -> Iterator[tuple[IPv4Network, str]]:
    """Of the machine and, where that is another one, of the guests' network namespace; without default routes."""
    argv = ["ip", "-4", "-j", "route", "show"]
    for command in [argv, hypervisor.inside(argv)] if hypervisor.netns else [argv]:
        yield from parse_routes(_output(command))


def parse_routes(text: str) -> Iterator[tuple[IPv4Network, str]]:
    """(destination, device) of what `ip -4 -j route` wrote. Pure."""
    for route in json.loads(text or "[]"):
        if route["dst"] != "default":
            network = ip_network(route["dst"], strict=False)
            if isinstance(network, IPv4Network):
                yield network, route.get("dev", "")


def _output(argv: list[str]) -> str:
    """Output of `ip`; where it is missing nothing is known."""
    try:
        done = subprocess.run(
            argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, env=programs.ENVIRONMENT
        )
    except FileNotFoundError:
        return ""
    return done.stdout


def _networks(hypervisor: Hypervisor, environment: str) -> dict[str, tuple[IPv4Network, ...]]:
    """Subnets of the other environments, from the marks on libvirt's networks."""
    found: defaultdict[str, tuple[IPv4Network, ...]] = defaultdict(tuple)
    with libvirt_errors("networks"):
        definitions = [network.XMLDesc() for network in hypervisor.connection.listAllNetworks()]
    for definition in definitions:
        root = ElementTree.fromstring(definition)
        mark = read_mark(root)
        if mark and mark.environment != environment and "cidr" in mark.applied:
            found[mark.environment] += (IPv4Network(mark.applied["cidr"]),)
    return dict(found)


def _pools(hypervisor: Hypervisor, environment: str) -> Iterator[tuple[str, str]]:
    """(folder, name) of the pools of others: libvirt has but one pool of a folder."""
    with libvirt_errors("storage pools"):
        for pool in hypervisor.connection.listAllStoragePools():
            if not (claimed := claim_pool(environment, pool)) or not claimed[1]:
                yield pool_path(pool), pool.name()


def free_disk(folder: Path) -> int:
    """Bytes free where *folder* is, or will be."""
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free
