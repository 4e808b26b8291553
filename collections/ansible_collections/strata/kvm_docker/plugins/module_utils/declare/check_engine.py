# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of what the containers of one engine share: published ports, subnets and addresses. No I/O."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_address, ip_network
from itertools import combinations

from ..errors import Problem
from .compose import IpamConfig, Network, Project
from .environment import Environment, Guest
from .ports import port_range
from .sources import Sources

#: Subnet of the bridge that an engine has of its own (dockerd, option ``bip``).
DOCKER0 = IPv4Network("172.17.0.0/16")
SSH_PORT = 22
#: Addresses of a subnet with a gateway and one container: those two, the subnet's own and the broadcast address.
SMALLEST = 4

Found = Iterator[tuple[tuple[str, ...], str]]


def check_engine(environment: Environment, guest: Guest, project: Project, sources: Sources) -> Iterator[Problem]:
    found = (
        *_ports(project),
        *_subnets(environment, guest, project),
        *_addresses(project),
        *_processors(guest, project),
    )
    for path, message in found:
        yield sources.compose_problem(guest.name, path, message)


def _processors(guest: Guest, project: Project) -> Found:
    """An engine refuses to create a container with more than it has."""
    for name, service in project.services.items():
        if service.cpus and service.cpus > guest.vcpus:
            message = f"a limit of {service.cpus:g} cpus is more than guest {guest.name} has (vcpus: {guest.vcpus})"
            yield ("services", name), f"{message}; lower it, or give the guest more"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Listener:
    service: str
    ports: range
    protocol: str
    host_ip: str

    def clashes(self, other: _Listener) -> bool:
        """Of two on one port: an address of its own goes beside another one, but not beside all of them."""
        return self.protocol == other.protocol and (
            not self.host_ip or not other.host_ip or self.host_ip == other.host_ip
        )


def _ports(project: Project) -> Found:
    ssh = _Listener(service="the guest's SSH server", ports=range(SSH_PORT, SSH_PORT + 1), protocol="tcp", host_ip="")
    by_port: defaultdict[int, list[_Listener]] = defaultdict(list, {SSH_PORT: [ssh]})
    for name, service in project.services.items():
        for port in service.ports if service.replicas else ():
            if port.published is None:
                continue
            anywhere = port.host_ip is None or ip_address(port.host_ip).is_unspecified
            new = _Listener(
                service=f"service {name}",
                ports=port_range(port.published),
                protocol=port.protocol,
                host_ip="" if anywhere else str(port.host_ip),
            )
            taken = next((other for each in new.ports for other in by_port[each] if new.clashes(other)), None)
            if taken:
                both = max(new.ports[0], taken.ports[0])
                yield (
                    ("services", name, "ports"),
                    f"port {both}/{port.protocol} of the guest is taken by {taken.service}",
                )
            for each in new.ports:
                by_port[each].append(new)


def _subnets(environment: Environment, guest: Guest, project: Project) -> Found:
    subnets = [(name, index, ip_network(config.subnet)) for name, index, config in _configs(project) if config.subnet]
    for name, index, subnet in subnets:
        path = ("networks", name, "ipam", "config", str(index), "subnet")
        if subnet.num_addresses < SMALLEST:
            yield path, f"{subnet} has no room for a gateway and a container; choose a larger subnet"
        for other, network in environment.networks.items():
            if subnet.overlaps(network.cidr):
                yield path, f"{subnet} overlaps {network.cidr} of the guests' network {other}; choose another subnet"
        if subnet.overlaps(DOCKER0) and "bip" not in guest.engine.settings:
            yield path, f"{subnet} overlaps {DOCKER0}, which the engine itself uses; choose another subnet, or set bip"
    for (first, _index, one), (name, index, other_subnet) in combinations(subnets, 2):
        if one.overlaps(other_subnet):
            path = ("networks", name, "ipam", "config", str(index), "subnet")
            yield path, f"{other_subnet} overlaps {one} of network {first}; choose another subnet"


def _configs(project: Project) -> Iterator[tuple[str, int, IpamConfig]]:
    for name, network in project.networks.items():
        for index, config in enumerate(network.ipam):
            yield name, index, config


def _addresses(project: Project) -> Found:
    for name, index, config in _configs(project):
        path = ("networks", name, "ipam", "config", str(index))
        for key in ("gateway", "ip_range"):
            if not _inside(getattr(config, key), config.subnet):
                yield (*path, key), f"{getattr(config, key)} is outside of {config.subnet or 'a subnet: none is given'}"
    for name, network in project.networks.items():
        yield from _endpoints(project, name, network)


def _inside(part: str | None, subnet: str | None) -> bool:
    """Whether *part*, an address or a subnet, is one of *subnet*."""
    if part is None:
        return True
    if subnet is None:
        return False
    inner, outer = ip_network(part), ip_network(subnet)
    if isinstance(inner, IPv4Network) and isinstance(outer, IPv4Network):
        return inner.subnet_of(outer)
    return isinstance(inner, IPv6Network) and isinstance(outer, IPv6Network) and inner.subnet_of(outer)


def _endpoints(project: Project, name: str, network: Network) -> Found:
    """Fixed addresses of containers on one network: inside of it, nobody else's."""
    subnets = [ip_network(config.subnet) for config in network.ipam if config.subnet]
    seen = _reserved(network)
    for service in project.services.values():
        endpoint = service.networks.get(name)
        for key in ("ipv4_address", "ipv6_address"):
            text = getattr(endpoint, key) if endpoint else None
            if text is None:
                continue
            path, address = ("services", service.name, "networks", name, key), ip_address(text)
            if not network.external and not any(address in subnet for subnet in subnets):
                given = " and ".join(str(subnet) for subnet in subnets)
                yield (
                    path,
                    f"{text} is outside of {given}" if given else f"network {name} needs a subnet (ipam) for {text}",
                )
            elif any(_special(address, subnet) for subnet in subnets):
                yield path, f"{text} is the address of network {name} itself or its broadcast address"
            elif text in seen:
                yield path, f"{text} is the address of {seen[text]} already"
            seen.setdefault(text, f"service {service.name}")


def _reserved(network: Network) -> dict[str, str]:
    """Addresses that no container may have; the engine's gateway is the first one unless given (libnetwork's ipam)."""
    taken: dict[str, str] = {}
    for config in network.ipam:
        subnet = ip_network(config.subnet) if config.subnet else None
        first = subnet[1] if subnet and subnet.num_addresses >= SMALLEST else None
        gateway = config.gateway or (str(first) if first else None)
        if gateway:
            taken[gateway] = "the network's gateway"
        taken |= {address: f"{name} (aux_addresses)" for name, address in config.aux_addresses.items()}
    return taken


def _special(address: object, subnet: IPv4Network | IPv6Network) -> bool:
    if not isinstance(address, IPv4Address) or subnet.prefixlen > 30:
        return False
    return address in (subnet.network_address, subnet.broadcast_address)
