# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What there is of an environment, read back as the declaration that would make it. No I/O.

A module declares one object; what else its specification follows from (a network's reservations from the guests) is
taken from here. The marks tell what was last applied, so drift stays drift.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from ipaddress import IPv4Interface

from .. import naming
from ..declare.environment import Attachment, Disk, Environment, Guest, GuestImage, GuestNetwork, StoragePool
from ..plan.model import Observed, Tree
from .network_spec import read_network

#: Kinds that a declaration is read back from.
KINDS = ("network", "pool", "disk", "guest", "forward")


@dataclass(frozen=True, slots=True, kw_only=True)
class Existing:
    """``environment``: images are named by the digest of their recipe or source, the one thing that a guest keeps of
    them. ``guest_images``: as in :class:`~..inputs.Inputs`."""

    environment: Environment
    guest_images: Mapping[str, str]


def read_back(name: str, folder: str, observed: Iterable[Observed]) -> Existing:
    """The environment *name* as *observed*, everything of :data:`KINDS`; strangers are left out."""
    found = _Found(name, observed)
    guests = {guest.name: guest for guest in map(found.guest, found.of("guest"))}
    images = {guest.image for guest in guests.values()}
    environment = Environment(
        name=name,
        folder=folder,
        images={image: GuestImage(source=image) for image in images},
        networks=dict(found.networks(guests)),
        pools={
            item.key.name: StoragePool(path=item.spec["path"], autostart=item.spec["autostart"])
            for item in found.of("pool")
            if item.key.name != name
        },
        guests=guests,
    )
    return Existing(environment=environment, guest_images={image: image for image in images})


def left_to(guests: Mapping[str, Guest], networks: Mapping[str, GuestNetwork]) -> dict[str, GuestNetwork]:
    """*networks* without the reservations and names that *guests* bring along themselves: where a guest was lost, they
    were read back as the network's own."""
    return {name: _left_to(guests, name, network) for name, network in networks.items()}


def _left_to(guests: Mapping[str, Guest], name: str, network: GuestNetwork) -> GuestNetwork:
    theirs = {guest.name: guest.networks[name].address for guest in guests.values() if name in guest.networks}
    hosts = {host: one for host, one in network.dhcp.hosts.items() if theirs.get(host) != one.address}
    names = {host: address for host, address in network.dns.hosts.items() if theirs.get(host) != address}
    return replace(network, dhcp=replace(network.dhcp, hosts=hosts), dns=replace(network.dns, hosts=names))


class _Found:
    """The environment's own objects by kind."""

    def __init__(self, environment: str, observed: Iterable[Observed]) -> None:
        self._environment = environment
        self._items = [item for item in observed if item.owned]

    def of(self, kind: str) -> list[Observed]:
        return [item for item in self._items if item.key.kind == kind]

    def networks(self, guests: Mapping[str, Guest]) -> Iterator[tuple[str, GuestNetwork]]:
        for item in self.of("network"):
            spec, name = _applied(item), item.key.name
            if spec["cidr"]:
                yield name, read_network(spec, {guest for guest in guests if name in guests[guest].networks})

    def guest(self, item: Observed) -> Guest:
        spec, name = _applied(item), item.key.name
        pools = {"", *(pool.key.name for pool in self.of("pool"))}
        disks = {disk.key.name: disk.spec for disk in self.of("disk") if disk.spec.get("pool", "") in pools}
        return Guest(
            name=name,
            image=spec["image"],
            description=spec["description"] or None,
            vcpus=spec["vcpus"],
            vcpus_max=spec["vcpus_max"],
            memory=spec["memory"],
            memory_max=spec["memory_max"],
            firmware=spec["firmware"],
            disk=disks[name]["size"] if name in disks else 0,
            disks={disk: _disk(disks[f"{name}.{disk}"]) for disk in spec["disks"] if f"{name}.{disk}" in disks},
            networks=dict(self._attachments(name, spec["interfaces"])),
            publish={_port(forward): forward.spec["port"] for forward in self._forwards(name)},
            autostart=spec["autostart"],
        )

    def _attachments(self, guest: str, interfaces: Tree) -> Iterator[tuple[str, Attachment]]:
        """In their order: the first one carries the default route."""
        for network, one in sorted(interfaces.items(), key=lambda item: int(item[1]["position"])):
            derived = naming.mac_address(self._environment, guest, network)
            mac = None if one["mac"] == derived else one["mac"]
            yield network, Attachment(address=IPv4Interface(one["address"]).ip, mac=mac, link=one["link"])

    def _forwards(self, guest: str) -> list[Observed]:
        return [item for item in self.of("forward") if item.spec.get("guest") == guest]


def _applied(item: Observed) -> Tree:
    """What was last applied; of what has no mark, what is there."""
    return {**item.spec, **(item.applied or {})}


def _disk(spec: Tree) -> Disk:
    """Where the guest mounts it only the guest knows."""
    return Disk(size=spec["size"], pool=spec["pool"] or None, keep=spec["keep"])


def _port(forward: Observed) -> int:
    return int(forward.key.name.rpartition(":")[2])
