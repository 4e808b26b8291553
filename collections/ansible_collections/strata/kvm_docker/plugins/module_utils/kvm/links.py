# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Taps of running guests, and the bridges that they are on."""

from __future__ import annotations

import json
import subprocess
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element

from ..errors import HypervisorError
from .domain import described

if TYPE_CHECKING:
    import libvirt

    from .hypervisor import Hypervisor


class Links:
    """One look at all links, taken when it is first asked for: a domain is read once, on however many networks."""

    def __init__(self, hypervisor: Hypervisor) -> None:
        self._hypervisor = hypervisor
        self._taps: Mapping[str, Mapping[str, str]] | None = None
        self._masters: Mapping[str, str] | None = None

    def detached(self, network: libvirt.virNetwork) -> dict[str, str]:
        """Running domains' taps that belong on the network's bridge and are not on it, with the domains' names."""
        if self._taps is None:
            self._taps = _taps(self._hypervisor)
        attached = self._taps.get(network.name(), {})
        if not attached:
            return {}
        if self._masters is None:
            self._masters = _masters(self._hypervisor)
        bridge = network.bridgeName()
        return {tap: name for tap, name in attached.items() if self._masters.get(tap, bridge) != bridge}


def reattach(hypervisor: Hypervisor, network: libvirt.virNetwork) -> None:
    """Put the taps of running guests on the new bridge: libvirt does that only when its daemon starts."""
    for tap in Links(hypervisor).detached(network):
        argv = hypervisor.inside(["ip", "link", "set", "dev", tap, "master", network.bridgeName()])
        subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    lost = Links(hypervisor).detached(network)
    if lost:
        raise HypervisorError(f"{network.name()}: these guests lost the network: {', '.join(sorted(lost.values()))}")


def _taps(hypervisor: Hypervisor) -> Mapping[str, Mapping[str, str]]:
    """By network: tap -> name of the running domain; a domain that ends meanwhile is passed over."""
    import libvirt

    found: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for domain in hypervisor.connection.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE):
        for network, tap in _interfaces(described(domain)):
            found[network][tap] = domain.name()
    return found


def _interfaces(root: Element) -> Iterator[tuple[str, str]]:
    """(network, host device) of a running domain's interfaces."""
    for interface in root.findall("devices/interface"):
        source, target = interface.find("source"), interface.find("target")
        network = "" if source is None else source.get("network", "")
        tap = "" if target is None else target.get("dev", "")
        if network and tap:
            yield network, tap


def _masters(hypervisor: Hypervisor) -> Mapping[str, str]:
    """The bridge, or nothing, that each link is on where the guests' taps are."""
    argv = hypervisor.inside(["ip", "-json", "link", "show"])
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        raise HypervisorError(f"the guests' network links cannot be listed: {done.stderr.strip()}")
    return {link["ifname"]: link.get("master", "") for link in json.loads(done.stdout or "[]")}
