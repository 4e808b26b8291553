# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kind ``docker_network``: a network on a guest's engine, made anew when its declaration changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar

from ..declare.compose import IpamConfig, Network
from ..declare.environment import Environment
from ..inputs import Inputs
from ..plan.model import Change, Condition, Declared, Difference, Effect, Key, Observed, Traits
from ..plan.secrets import Seal, sensitive
from ..progress import Progress
from . import reconnect
from .addresses import gateway
from .docker_volume import on_engine
from .engine import Engine
from .errors import engine_errors
from .labels import applied, declared_labels, is_by_module, is_ours, marks, pairs, project_of, values


class DockerNetwork:
    """Declares, observes and applies networks; ``spec``: leaves of the Docker API, IPAM configurations by subnet.

    What the engine fills in where nothing was asked for (a subnet, options of the driver) does not count.
    """

    kind: ClassVar[str] = "docker_network"
    traits: ClassVar[Traits] = Traits(adoption=Effect.REPLACE)

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
        with engine_errors(f"networks of {connection.where}"):
            found: list[dict[str, Any]] = connection.client.networks()
        for network in found:
            spec, last = observed_spec(network), applied(network["Labels"], connection.inputs.seal)
            yield Observed(
                Key(self.kind, network["Name"], connection.guest),
                spec,
                last,
                sensitive=sensitive(spec) | sensitive(last or {}),
                owned=is_ours(network["Labels"], environment),
                project=project_of(network["Labels"]),
                by_module=is_by_module(network["Labels"]),
                handle=network["Id"],
            )

    def apply(self, connection: Engine, change: Change, progress: Progress) -> None:
        """Create, replace or delete. Our containers run on while their network is replaced, see :mod:`.reconnect`.

        Raises :class:`EngineError` before anything is touched when a container that is not ours is attached, unless
        the network is adopted.
        """
        with engine_errors(str(change.key)):
            if change.action == "delete" and change.observed:
                endpoints = reconnect.attached(connection, change, _foreign(connection, change))
                _remove(connection, change.observed.handle, endpoints)
            elif change.action == "replace" and change.observed and change.declared:
                _replace(connection, change, change.observed, change.declared)
            elif change.action == "create" and change.declared:
                _create(connection, change.declared)

    def settle(self, connection: Engine, key: Key, condition: Condition, progress: Progress) -> None:
        """A network that exists is ready."""


def _remove(engine: Engine, network: str, endpoints: list[reconnect.Endpoint]) -> None:
    from docker.errors import NotFound

    try:
        with reconnect.detached(engine, network, endpoints):
            engine.client.remove_network(network)
    except NotFound:
        return


def _create(engine: Engine, declared: Declared) -> None:
    engine.client.create_network(**create_arguments(engine.environment, declared, engine.inputs.seal, engine.origin))


def _replace(engine: Engine, change: Change, now: Observed, declared: Declared) -> None:
    """Make the network anew, with our containers on it. One that an engine refuses leaves the old one in its place."""
    from docker.errors import APIError

    name = declared.key.name
    endpoints = reconnect.attached(engine, change, _foreign(engine, change))
    reconnect.refuse_unfit(change.key, endpoints, declared.spec)
    _remove(engine, now.handle, endpoints)
    try:
        _create(engine, declared)
    except APIError:
        _create(engine, Declared(now.key, now.spec, sensitive=now.sensitive))
        reconnect.attach(engine, name, endpoints, declared=False)
        raise
    reconnect.attach(engine, name, [each for each in endpoints if each.stays])


def _foreign(engine: Engine, change: Change) -> Callable[[Mapping[str, str] | None], bool]:
    """Tells by its labels whether a container is one that the network must not be taken from: a stranger's, unless the
    network is adopted, and at its end one of another project too."""
    adopting = bool(change.observed and not change.observed.owned)

    def foreign(labels: Mapping[str, str] | None) -> bool:
        if change.action != "delete" or not is_ours(labels, engine.environment):
            return not (adopting or is_ours(labels, engine.environment))
        return not engine.project_name or project_of(labels) not in ("", engine.project_name)

    return foreign


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


def create_arguments(environment: str, declared: Declared, seal: Seal, origin: Mapping[str, str]) -> dict[str, Any]:
    """What ``docker.APIClient.create_network`` is called with; *origin*: see :func:`~.labels.origin`. Pure."""
    spec = declared.spec
    return {
        "name": declared.key.name,
        "driver": spec["Driver"],
        "options": dict(spec["Options"]),
        "ipam": {"Driver": spec["IPAM"]["Driver"], "Config": list(spec["IPAM"]["Config"].values())},
        "check_duplicate": True,
        "internal": spec["Internal"],
        "labels": {**values(spec["Labels"]), **marks(environment, declared, seal), **origin},
        "enable_ipv6": spec["EnableIPv6"],
        "attachable": spec["Attachable"] or None,
    }
