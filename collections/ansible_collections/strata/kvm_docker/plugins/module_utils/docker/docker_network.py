# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kind ``docker_network``: a network on a guest's engine, made anew when its declaration changes."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_network
from typing import Any, ClassVar

from ..declare.compose import IpamConfig, Network
from ..declare.environment import Environment
from ..errors import EngineError
from ..inputs import Inputs
from ..plan.model import Change, Condition, Declared, Difference, Effect, Key, Observed
from ..plan.secrets import Seal, sensitive
from ..progress import Progress
from .docker_volume import on_engine
from .engine import Engine
from .errors import engine_errors
from .labels import applied, declared_labels, is_ours, marks, pairs, values


class DockerNetwork:
    """Declares, observes and applies networks; ``spec``: leaves of the Docker API, IPAM configurations by subnet.

    What the engine fills in where nothing was asked for (a subnet, options of the driver) does not count.
    """

    kind: ClassVar[str] = "docker_network"

    def declare(self, environment: Environment, inputs: Inputs) -> Iterator[Declared]:
        """Every network of every project but external ones, which are somebody else's."""
        for guest in environment.guests.values():
            for network in guest.compose.networks.values() if guest.compose else ():
                if not network.external:
                    key, spec = Key(self.kind, network.name, guest.name), network_spec(network)
                    yield Declared(key, spec, on_engine(guest.name), sensitive=sensitive(spec))

    def effect(self, difference: Difference) -> Effect:
        """An engine changes nothing of a network."""
        return Effect.REPLACE

    def observe(self, connection: Engine, environment: str) -> Iterator[Observed]:
        """Every network on the engine."""
        with engine_errors(f"networks of guest {connection.guest}"):
            found: list[dict[str, Any]] = connection.client.networks()
        for network in found:
            spec, last = observed_spec(network), applied(network["Labels"], connection.inputs.seal)
            yield Observed(
                Key(self.kind, network["Name"], connection.guest),
                spec,
                last,
                sensitive=sensitive(spec) | sensitive(last or {}),
                owned=is_ours(network["Labels"], environment),
                handle=network["Id"],
            )

    def apply(self, connection: Engine, change: Change, progress: Progress) -> None:
        """Create, replace or delete. Containers come back to a replaced network by their own change.

        Raises :class:`EngineError` before anything is touched when a container that is not ours is attached.
        """
        with engine_errors(str(change.key)):
            if change.action in ("replace", "delete") and change.observed:
                _remove(connection, change.key, change.observed.handle)
            if change.action in ("create", "replace") and change.declared:
                arguments = create_arguments(connection.environment, change.declared, connection.inputs.seal)
                connection.client.create_network(**arguments)

    def settle(self, connection: Engine, key: Key, condition: Condition, progress: Progress) -> None:
        """A network that exists is ready."""


def _remove(engine: Engine, key: Key, network: str) -> None:
    from docker.errors import NotFound

    try:
        ours = _attached(engine, key, network)
        for container in ours.intersection(engine.client.inspect_network(network)["Containers"] or ()):
            engine.client.disconnect_container_from_network(container, network, force=True)
        engine.client.remove_network(network)
    except NotFound:
        return


def _attached(engine: Engine, key: Key, network: str) -> frozenset[str]:
    """Ids of our containers on *network*, also of those that do not run, which an inspection leaves out."""
    found = engine.client.containers(all=True, filters={"network": network})
    strangers = sorted(row["Names"][0].lstrip("/") for row in found if not is_ours(row["Labels"], engine.environment))
    if strangers:
        raise EngineError(
            f"{key}: container {', '.join(strangers)} of somebody else is attached to it; detach it yourself "
            "(docker network disconnect) and run again. Nothing was touched."
        )
    return frozenset(row["Id"] for row in found)


def network_spec(network: Network) -> dict[str, Any]:
    """The canonical form of a declared network."""
    return {
        "Driver": network.driver,
        "Internal": network.internal,
        "Attachable": network.attachable,
        "EnableIPv6": network.enable_ipv6,
        "Options": dict(network.driver_opts),
        "IPAM": {
            "Driver": network.ipam_driver,
            "Config": {config.subnet: _ipam(network, config) for config in network.ipam if config.subnet},
        },
        "Labels": pairs(network.labels),
    }


def _ipam(network: Network, config: IpamConfig) -> dict[str, Any]:
    leaves = {"Subnet": config.subnet, "Gateway": gateway(network, config), "IPRange": config.ip_range}
    spec: dict[str, Any] = {key: value for key, value in leaves.items() if value}
    return {**spec, "AuxiliaryAddresses": dict(config.aux_addresses)} if config.aux_addresses else spec


def gateway(network: Network, config: IpamConfig) -> str | None:
    """The gateway of a subnet: a bridge without a declared one gets the first address, the same each time."""
    if config.gateway or not config.subnet or network.driver != "bridge":
        return config.gateway
    return str(ip_network(config.subnet)[1])


def observed_spec(network: dict[str, Any]) -> dict[str, Any]:
    """The canonical form of a network as the engine lists it."""
    ipam = network["IPAM"] or {}
    return {
        **{leaf: network[leaf] for leaf in ("Driver", "Internal", "Attachable", "EnableIPv6")},
        "Options": network["Options"] or {},
        "IPAM": {
            "Driver": ipam.get("Driver"),
            "Config": {config["Subnet"]: config for config in ipam.get("Config") or () if config.get("Subnet")},
        },
        "Labels": declared_labels(network["Labels"]),
    }


def create_arguments(environment: str, declared: Declared, seal: Seal) -> dict[str, Any]:
    """What ``docker.APIClient.create_network`` is called with."""
    spec = declared.spec
    return {
        "name": declared.key.name,
        "driver": spec["Driver"],
        "options": dict(spec["Options"]),
        "ipam": {"Driver": spec["IPAM"]["Driver"], "Config": list(spec["IPAM"]["Config"].values())},
        "check_duplicate": True,
        "internal": spec["Internal"],
        "labels": {**values(spec["Labels"]), **marks(environment, declared, seal)},
        "enable_ipv6": spec["EnableIPv6"],
        "attachable": spec["Attachable"] or None,
    }
