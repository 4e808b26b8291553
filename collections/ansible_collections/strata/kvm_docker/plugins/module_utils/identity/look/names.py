# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What follows from an environment's name, and how it is written in every plane but that of identity. No I/O."""

from __future__ import annotations

from collections.abc import Iterator

from ... import naming
from ...declare.environment import Environment, Guest, GuestNetwork
from ...declare.replicas import replicas
from ...docker.file_mounts import file_mounts
from ...folders import Folders
from ...guest import access
from ...plan.secrets import Seal


def derived_names(environment: Environment) -> dict[str, str]:
    """Value -> what it stands for: names in libvirt, UUIDs, hardware and network addresses."""
    return dict(_derived(environment))


def place_names(environment: Environment, folders: Folders) -> dict[str, str]:
    """Folder -> what it is for: where somebody keeps things on a machine is not what the environment is."""
    return {
        str(folders.environment(environment.name)): "environment folder",
        str(folders.pool(environment.name)): "pool folder",
        str(folders.images): "image store",
        environment.folder: "declaration folder",
    }


def whole_names(environment: Environment) -> dict[str, str]:
    """Values that count only where they are all of a text: the environment's name is a word like any other."""
    return {environment.name: "environment"}


def key_names(environment: Environment, folders: Folders) -> dict[str, str]:
    """Key -> whose it is, of the keys that are drawn for an environment and put into its guests; none without keys."""
    found = {access.public_key(environment.name, folders): "key of the environment"}
    for guest in access.guests(environment.name, folders):
        own = access.host_key(environment.name, guest, folders)
        found[own.public] = f"host key of {guest}"
        found[own.private.read_text("ascii").strip()] = f"secret host key of {guest}"
    return {key: name for key, name in found.items() if key}


def file_names(guest: Guest, seal: Seal) -> dict[str, str]:
    """Digest in the name of a file of a secret or config -> whose it is, of the files that *guest* is to have.

    It is made with the environment's key, that of *seal*. The name of a file of another content stays as it is.
    """
    found: dict[str, str] = {}
    for replica in replicas(guest.compose).values():
        for file in file_mounts(replica, seal):
            found.setdefault(file.digest, f"file {replica.name} {file.target}")
    return found


def _derived(environment: Environment) -> Iterator[tuple[str, str]]:
    name = environment.name
    yield str(naming.object_uuid(name, "pool", name)), "uuid pool :own"
    for pool in environment.pools:
        yield naming.libvirt_name(name, pool), f"pool {pool}"
        yield str(naming.object_uuid(name, "pool", pool)), f"uuid pool {pool}"
    for network, lan in environment.networks.items():
        yield from _of_network(name, network, lan)
    for guest, declared in environment.guests.items():
        yield naming.libvirt_name(name, guest), f"domain {guest}"
        uuid = naming.object_uuid(name, "guest", guest)
        yield str(uuid), f"uuid guest {guest}"
        yield uuid.hex, f"machine-id {guest}"
        for network, interface in declared.networks.items():
            mac = environment.mac(declared, network).lower()
            yield mac, f"mac {guest} {network}"
            yield mac.replace(":", ""), f"mac {guest} {network} without colons"
            yield str(interface.address), f"address {guest} {network}"


def _of_network(environment: str, network: str, declared: GuestNetwork) -> Iterator[tuple[str, str]]:
    yield naming.libvirt_name(environment, network), f"network {network}"
    yield str(naming.object_uuid(environment, "network", network)), f"uuid network {network}"
    yield naming.bridge_name(environment, network), f"bridge {network}"
    yield naming.bridge_mac(environment, network), f"mac bridge {network}"
    yield str(declared.cidr), f"cidr {network}"
    yield str(declared.cidr.network_address), f"subnet {network}"
    yield str(declared.cidr.broadcast_address), f"broadcast {network}"
    yield str(declared.gateway), f"gateway {network}"
    yield from _in_subnet(network, declared)


def _in_subnet(network: str, declared: GuestNetwork) -> Iterator[tuple[str, str]]:
    """Addresses that the declaration gives to others than guests; those beyond the subnet do not follow from it."""
    addresses = {f"dhcp host {name} {network}": host.address for name, host in declared.dhcp.hosts.items()}
    addresses |= {f"dns host {name} {network}": address for name, address in declared.dns.hosts.items()}
    for number, span in enumerate(declared.dhcp.ranges):
        addresses |= {
            f"dhcp range {number} start {network}": span.start,
            f"dhcp range {number} end {network}": span.end,
        }
    yield from ((str(address), name) for name, address in addresses.items() if address in declared.cidr)
