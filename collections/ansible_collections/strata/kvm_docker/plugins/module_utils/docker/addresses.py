# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixed addresses of containers on networks with a declared subnet, so that two builds are equal. No I/O."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from ipaddress import IPv4Address, IPv4Network, ip_network

from ..declare.compose import IpamConfig, Network, Project
from ..declare.replicas import replicas
from ..errors import StrataError
from ..naming import spread_addresses


def gateway(network: Network, config: IpamConfig) -> str | None:
    """The gateway of a subnet: a bridge without a declared one gets the first address, the same each time."""
    if config.gateway or not config.subnet or network.driver != "bridge":
        return config.gateway
    return str(ip_network(config.subnet)[1])


def fixed_addresses(project: Project) -> dict[tuple[str, str], str]:
    """(network key, container name) -> IPv4 address, of every endpoint on a network with a declared IPv4 subnet.

    What the file declares stays; the others are spread by name over the rest of the subnet or its ``ip_range``.
    """
    chosen: dict[tuple[str, str], str] = {}
    for key, network in project.networks.items():
        members = _members(project, key)
        declared = {name: address for name, address in members.items() if address}
        chosen |= {(key, name): address for name, address in declared.items()}
        config = _ipv4(network)
        if config:
            open_ones = [name for name in members if name not in declared]
            chosen |= {(key, name): address for name, address in _spread(network, config, declared, open_ones).items()}
    return chosen


def _members(project: Project, key: str) -> dict[str, str | None]:
    return {
        name: replica.service.networks[key].ipv4_address
        for name, replica in replicas(project).items()
        if key in replica.service.networks
    }


def _ipv4(network: Network) -> IpamConfig | None:
    """The first IPv4 subnet of a network that we make."""
    if network.external:
        return None
    return next((config for config in network.ipam if config.subnet and ip_network(config.subnet).version == 4), None)


def _spread(network: Network, config: IpamConfig, declared: Mapping[str, str], names: list[str]) -> dict[str, str]:
    subnet = IPv4Network(config.ip_range or config.subnet or "")
    taken = set(_taken(network, config)) | {IPv4Address(address) for address in declared.values()}
    try:
        return {name: str(address) for name, address in spread_addresses(subnet, taken, names).items()}
    except ValueError as error:
        raise StrataError(f"network {network.name}: {error}. Declare a larger subnet or ip_range.") from error


def _taken(network: Network, config: IpamConfig) -> Iterator[IPv4Address]:
    """Addresses that the engine keeps for itself; without a given gateway it takes the first one of its range."""
    yield from (IPv4Address(address) for address in config.aux_addresses.values())
    given = gateway(network, config)
    if given:
        yield IPv4Address(given)
        return
    for block in (config.subnet, config.ip_range):
        if block:
            yield from (IPv4Network(block)[0], IPv4Network(block)[1])
