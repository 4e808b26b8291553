# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kind ``network``: a libvirt network that guests attach to, with a reservation and a DNS name for each of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar
from xml.etree import ElementTree

from .. import naming
from ..declare.environment import Environment
from ..inputs import Inputs
from ..plan.model import Change, Condition, Declared, Difference, Effect, Key, Observed, Traits
from ..progress import Progress
from .errors import libvirt_errors, unless_gone
from .links import Links, reattach
from .mark import claim, drifted_first, of_another, read_mark
from .network_spec import network_spec, observed_spec
from .network_update import LIVE_PARTS, is_live, update_live
from .network_xml import render_network

if TYPE_CHECKING:
    import libvirt

    from .hypervisor import Hypervisor

_IN_PLACE = (*LIVE_PARTS, "autostart", "persistent", "detached")


class Network:
    """Declares, observes and applies networks.

    ``spec`` as :func:`~.network_spec.network_spec` makes it, and ``detached``: the running domains that lost the
    bridge, because the network was taken down and up below them.
    """

    kind: ClassVar[str] = "network"
    traits: ClassVar[Traits] = Traits(runs=True, adoption=Effect.REPLACE)

    def declare(self, environment: Environment, inputs: Inputs) -> Iterator[Declared]:
        """Every network of the environment."""
        for name, network in environment.networks.items():
            spec = {**network_spec(environment, name, network), "detached": []}
            yield Declared(Key(self.kind, name), spec, handle=environment.name)

    def effect(self, difference: Difference) -> Effect:
        """What libvirt can change while the network runs is put right so; anything else takes it down for a moment."""
        part = difference.path[0]
        if part in _IN_PLACE or (part == "edited" and is_live(difference.before or ())):
            return Effect.IN_PLACE
        return Effect.REPLACE if part == "cidr" else Effect.RESTART

    def observe(self, connection: Hypervisor, environment: str) -> Iterator[Observed]:
        """Networks whose name is one of ours; what goes away meanwhile is passed over."""
        links = Links(connection)
        with libvirt_errors("networks"):
            for network in connection.connection.listAllNetworks():
                known_as = (network.name(), network.UUIDString())
                claimed = claim(environment, self.kind, *known_as)
                if claimed:
                    key = Key(self.kind, claimed[0])
                    other = "" if claimed[1] else of_another(environment, self.kind, *known_as)
                    found = unless_gone(_observed, links, key, network, claimed[1])
                    if found:
                        yield replace(found, obstacle=other)

    def apply(self, connection: Hypervisor, change: Change, progress: Progress) -> None:
        """Define the network and have it run; guests that are attached stay so."""
        with libvirt_errors(str(change.key)):
            if change.declared:
                _apply(connection, change, change.declared)
            elif change.observed:
                network = unless_gone(connection.connection.networkLookupByUUIDString, change.observed.handle)
                if network:
                    _delete(network)

    def settle(self, connection: Hypervisor, key: Key, condition: Condition, progress: Progress) -> None:
        """A network that was started is ready."""


def _observed(links: Links, key: Key, network: libvirt.virNetwork, owned: bool) -> Observed:
    root = ElementTree.fromstring(_definition(network))
    mark = read_mark(root)
    spec = observed_spec(root, mark)
    running = bool(network.isActive())
    detached = set(links.detached(network).values()) if running else ()
    if running:
        live = observed_spec(ElementTree.fromstring(network.XMLDesc()), mark)
        edited = sorted({*spec["edited"], *live["edited"]})
        spec = {**drifted_first(spec, live, mark.applied if mark else {}), "edited": edited}
    return Observed(
        key,
        {
            **spec,
            "autostart": bool(network.autostart()),
            "persistent": bool(network.isPersistent()),
            "detached": sorted(detached),
        },
        applied=mark.applied if mark else None,
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


def _apply(hypervisor: Hypervisor, change: Change, declared: Declared) -> None:
    """Live first, definition second: killed in between, the next run still sees what is to be done."""
    connection = hypervisor.connection
    uuid = str(naming.object_uuid(declared.handle, change.key.kind, change.key.name))
    if change.observed and not change.observed.owned:
        _give_way(connection, change.observed)
    network = unless_gone(connection.networkLookupByUUIDString, uuid)
    if network is None or change.differences or change.action not in ("start", "stop"):
        network = _define(connection, network, change, declared)
    if network.isActive() and not declared.running:
        network.destroy()
    elif declared.running:
        if not network.isActive():
            network.create()
        reattach(hypervisor, network)


def _give_way(connection: libvirt.virConnect, stranger: Observed) -> None:
    """Remove the network that is adopted: libvirt has one of a name, and ours has another UUID."""
    network = unless_gone(connection.networkLookupByUUIDString, stranger.handle)
    if network:
        _delete(network)


def _define(
    connection: libvirt.virConnect, network: libvirt.virNetwork | None, change: Change, declared: Declared
) -> libvirt.virNetwork:
    """Down with what cannot be changed while it runs."""
    definition = render_network(declared.handle, change.key.name, declared.spec)
    if network and network.isActive():
        if change.action == "update":
            update_live(network, definition)
        elif change.action != "start":
            network.destroy()
    network = connection.networkDefineXML(definition)
    network.setAutostart(declared.spec["autostart"])
    return network


def _delete(network: libvirt.virNetwork) -> None:
    """One without a definition vanishes with its end."""
    persistent = network.isPersistent()
    if network.isActive():
        network.destroy()
    if persistent:
        network.undefine()
