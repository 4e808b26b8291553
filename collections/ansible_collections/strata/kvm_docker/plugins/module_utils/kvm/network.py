# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kind ``network``: a libvirt network that guests attach to, with a reservation and a DNS name for each of them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from .. import naming
from ..declare.environment import Environment
from ..errors import HypervisorError
from ..inputs import Inputs
from ..plan.model import Change, Condition, Declared, Difference, Effect, Key, Observed, Tree
from ..progress import Progress
from .errors import find, libvirt_errors
from .mark import claim, drifted_first, read_mark, to_text
from .network_xml import dhcp_host, dns_host, network_spec, parse_network, render_network

if TYPE_CHECKING:
    import libvirt

    from .hypervisor import Hypervisor

_IN_PLACE = ("hosts", "names", "autostart", "detached")


class Network:
    """Declares, observes and applies networks.

    ``spec`` as :func:`~.network_xml.network_spec` makes it, and ``detached``: the running domains that lost the bridge,
    because the network was taken down and up below them.
    """

    kind: ClassVar[str] = "network"

    def declare(self, environment: Environment, inputs: Inputs) -> Iterator[Declared]:
        """Every network of the environment."""
        for name, network in environment.networks.items():
            spec = {**network_spec(environment, name, network), "detached": []}
            yield Declared(Key(self.kind, name), spec, handle=environment.name)

    def effect(self, difference: Difference) -> Effect:
        """Reservations, names and lost guests are put right while it runs; anything else takes it down for a moment."""
        if difference.path[0] in _IN_PLACE:
            return Effect.IN_PLACE
        return Effect.REPLACE if difference.path[0] == "cidr" else Effect.RESTART

    def observe(self, connection: Hypervisor, environment: str) -> Iterator[Observed]:
        """Networks whose name is one of ours."""
        with libvirt_errors("networks"):
            for network in connection.connection.listAllNetworks():
                claimed = claim(environment, self.kind, network.name(), network.UUIDString())
                if claimed:
                    yield _observed(connection, Key(self.kind, claimed[0]), network, claimed[1])

    def apply(self, connection: Hypervisor, change: Change, progress: Progress) -> None:
        """Define the network and have it run; guests that are attached stay so."""
        with libvirt_errors(str(change.key)):
            if change.declared:
                _apply(connection, change.key, change.action, change.declared)
            elif change.observed:
                network = find(connection.connection.networkLookupByUUIDString, change.observed.handle)
                if network:
                    _stop(network)
                    network.undefine()

    def settle(self, connection: Hypervisor, key: Key, condition: Condition, progress: Progress) -> None:
        """A network that was started is ready."""


def _observed(hypervisor: Hypervisor, key: Key, network: libvirt.virNetwork, owned: bool) -> Observed:
    found, root = parse_network(_definition(network))
    mark = read_mark(root)
    applied = mark.applied if mark else None
    running = bool(network.isActive())
    detached = set(_detached(hypervisor, network).values()) if running else ()
    if running:
        found = drifted_first(found, parse_network(network.XMLDesc())[0], applied or {})
    return Observed(
        key,
        {**found, "autostart": bool(network.autostart()), "detached": sorted(detached)},
        applied=applied,
        owned=owned,
        running=running,
        handle=network.UUIDString(),
    )


def _definition(network: libvirt.virNetwork) -> str:
    """The persistent definition; libvirt's test driver has but one and refuses the flag."""
    import libvirt

    try:
        return str(network.XMLDesc(libvirt.VIR_NETWORK_XML_INACTIVE))
    except libvirt.libvirtError as error:
        if error.get_error_code() != libvirt.VIR_ERR_INVALID_ARG:
            raise
        return str(network.XMLDesc())


def _apply(hypervisor: Hypervisor, key: Key, action: str, declared: Declared) -> None:
    """Live first, definition second: killed in between, the next run still sees what is to be done."""
    spec, connection = declared.spec, hypervisor.connection
    uuid = str(naming.object_uuid(declared.handle, key.kind, key.name))
    network = find(connection.networkLookupByUUIDString, uuid)
    active = bool(network and network.isActive())
    if network and active and action == "update":
        _update_live(network, spec)
    elif network and active and action != "start":
        network.destroy()
    network = connection.networkDefineXML(render_network(declared.handle, key.name, spec))
    network.setAutostart(spec["autostart"])
    if declared.running and not network.isActive():
        network.create()
    if network.isActive():
        _reattach(hypervisor, network)


def _stop(network: libvirt.virNetwork) -> None:
    if network.isActive():
        network.destroy()


def _update_live(network: libvirt.virNetwork, spec: Tree) -> None:
    """Reservations and DNS names of the running network; what goes, goes first: its address may have a new owner."""
    import libvirt

    found, _root = parse_network(network.XMLDesc())
    sections = (
        ("hosts", dhcp_host, libvirt.VIR_NETWORK_SECTION_IP_DHCP_HOST),
        ("names", dns_host, libvirt.VIR_NETWORK_SECTION_DNS_HOST),
    )
    for leaf, element, section in sections:
        before, after = found[leaf], spec[leaf]
        gone = [element(name, before[name]) for name in before if before[name] != after.get(name)]
        new = [element(name, after[name]) for name in after if before.get(name) != after[name]]
        _send(network, libvirt.VIR_NETWORK_UPDATE_COMMAND_DELETE, section, gone)
        _send(network, libvirt.VIR_NETWORK_UPDATE_COMMAND_ADD_LAST, section, new)


def _send(network: libvirt.virNetwork, command: int, section: int, elements: list[Element]) -> None:
    import libvirt

    for element in elements:
        network.update(command, section, -1, to_text(element), libvirt.VIR_NETWORK_UPDATE_AFFECT_LIVE)


def _reattach(hypervisor: Hypervisor, network: libvirt.virNetwork) -> None:
    """Put the taps of running guests on the new bridge: libvirt does that only when its daemon starts."""
    for tap in _detached(hypervisor, network):
        argv = hypervisor.inside(["ip", "link", "set", "dev", tap, "master", network.bridgeName()])
        subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    lost = _detached(hypervisor, network)
    if lost:
        raise HypervisorError(f"{network.name()}: these guests lost the network: {', '.join(sorted(lost.values()))}")


def _detached(hypervisor: Hypervisor, network: libvirt.virNetwork) -> dict[str, str]:
    """Running domains' taps that belong on the network's bridge and are not on it, with the domains' names."""
    attached = dict(_attached(hypervisor, network.name()))
    masters = _masters(hypervisor) if attached else {}
    bridge = network.bridgeName() if attached else ""
    return {tap: name for tap, name in attached.items() if masters.get(tap, bridge) != bridge}


def _attached(hypervisor: Hypervisor, network: str) -> Iterator[tuple[str, str]]:
    """(tap, name of the domain) of the running domains on *network*; one that ends meanwhile is passed over."""
    import libvirt

    for domain in hypervisor.connection.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE):
        try:
            xml = domain.XMLDesc()
        except libvirt.libvirtError as error:
            if error.get_error_code() != libvirt.VIR_ERR_NO_DOMAIN:
                raise
            continue
        yield from ((tap, domain.name()) for tap in _taps(xml, network))


def _masters(hypervisor: Hypervisor) -> Mapping[str, str]:
    """The bridge, or nothing, that each link is on where the guests' taps are."""
    argv = hypervisor.inside(["ip", "-json", "link", "show"])
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        raise HypervisorError(f"the guests' network links cannot be listed: {done.stderr.strip()}")
    return {link["ifname"]: link.get("master", "") for link in json.loads(done.stdout or "[]")}


def _taps(xml: str, network: str) -> Iterator[str]:
    """Host devices of a running domain's interfaces on *network*."""
    for interface in ElementTree.fromstring(xml).findall("devices/interface"):
        source: Any = interface.find("source")
        target = interface.find("target")
        if source is not None and source.get("network") == network and target is not None and target.get("dev"):
            yield target.get("dev", "")
