# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What libvirt has of an environment: its networks, pools, disks and domains, as XML and by state -> branches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ...kvm.errors import libvirt_errors
from ...kvm.hypervisor import Hypervisor
from ...kvm.mark import of_another
from ...naming import libvirt_name
from ..known.known import Source, known
from ..known.xml_tree import tree_of
from ..leaf import Branch, Plane
from .applied import opened, within

if TYPE_CHECKING:
    import libvirt

#: What is named as the environment itself, its own pool: no declared name has a colon, and one may be ``own``.
_OWN = ":own"


def hypervisor_branches(hypervisor: Hypervisor, environment: str) -> list[Branch]:
    """Branches of every object that is named as one of *environment*, whoever made it, and of what is in its pools."""
    with libvirt_errors(f"looking at what libvirt has of {environment}"):
        return list(_branches(hypervisor.connection, environment))


def _branches(connection: libvirt.virConnect, environment: str) -> Iterator[Branch]:
    for network in connection.listAllNetworks():
        if name := _own(network, "network", environment):
            yield from _network(network, name)
    for pool in connection.listAllStoragePools():
        if name := _own(pool, "pool", environment):
            yield from _pool(pool, name)
    for domain in connection.listAllDomains():
        if name := _own(domain, "guest", environment):
            yield from _domain(domain, name)


def _own(found: libvirt.virNetwork | libvirt.virStoragePool | libvirt.virDomain, kind: str, environment: str) -> str:
    """Its name in the declaration; an environment's own pool is not named there. Empty for one of others: those of an
    environment ``lab-two`` are named as if they were of ``lab``."""
    name = found.name()
    if of_another(environment, kind, name, found.UUIDString()):
        return ""
    if name == environment:
        return _OWN
    prefix = libvirt_name(environment, "")
    return name.removeprefix(prefix) if name.startswith(prefix) else ""


def _network(network: libvirt.virNetwork, name: str) -> Iterator[Branch]:
    import libvirt

    persistent = network.isPersistent()
    xml = network.XMLDesc(libvirt.VIR_NETWORK_XML_INACTIVE if persistent else 0)
    yield _xml(("networks", name), xml, "network")
    state = {"active": network.isActive(), "autostart": persistent and network.autostart(), "persistent": persistent}
    yield _state(("networks", name), state)
    if network.isActive():
        yield _xml(("networks", name, "live"), network.XMLDesc(), "network", "runtime", 3)


def _pool(pool: libvirt.virStoragePool, name: str) -> Iterator[Branch]:
    """libvirt remembers what was in the folder when it last read it: it is to read it now."""
    if pool.isActive():
        pool.refresh()
    yield _xml(("pools", name), pool.XMLDesc(), "pool")
    yield _state(("pools", name), {"active": pool.isActive(), "autostart": pool.autostart()})
    for volume in pool.listAllVolumes() if pool.isActive() else ():
        yield _xml(("disks", name, volume.name()), volume.XMLDesc(), "volume")


def _domain(domain: libvirt.virDomain, name: str) -> Iterator[Branch]:
    import libvirt

    yield _xml(("domains", name), domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE), "domain")
    state, reason = domain.state()
    told = {"state": state, "reason": reason, "persistent": domain.isPersistent(), "autostart": domain.autostart()}
    yield _state(("domains", name), {**told, "snapshots": sorted(domain.snapshotListNames())})
    if domain.isActive():
        yield _xml(("domains", name, "live"), domain.XMLDesc(), "domain", "runtime", 3)


def _xml(path: tuple[str, ...], xml: str, source: Source, plane: Plane = "definition", level: int = 2) -> Branch:
    return Branch(path=path, tree=opened(tree_of(xml)), plane=plane, level=level, knows=within(known(source).knows))


def _state(path: tuple[str, ...], tree: Mapping[str, Any]) -> Branch:
    return Branch(path=(*path, "state"), tree=tree, plane="runtime", level=3)
