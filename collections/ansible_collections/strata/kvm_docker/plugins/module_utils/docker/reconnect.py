# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes containers off a network that is made anew, and puts them on the new one: they run on, with the same ids.

What a killed run left detached is attached by the container's own change, which sees it as a difference.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Any

from ..declare.replicas import replicas
from ..errors import EngineError
from ..plan.model import Change, Key, Tree
from .addresses import fixed_addresses
from .container_body import endpoint
from .container_calls import api_version, disconnect, find, join
from .container_spec import container_spec
from .engine import Engine


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A container on a network: ``former`` as the API showed it, ``declared`` as the API takes it, if it is.

    ``stays``: it is not about to leave the network by its own change.
    """

    container: str
    former: Mapping[str, Any]
    declared: Mapping[str, Any] | None
    stays: bool = True

    def config(self, declared: bool = True) -> dict[str, Any]:
        """``EndpointConfig`` of the container: as *declared*, or as it was."""
        if declared and self.declared is not None:
            return dict(self.declared)
        return {
            leaf: self.former.get(leaf) for leaf in ("Aliases", "IPAMConfig", "DriverOpts") if self.former.get(leaf)
        }

    def turn(self, declared: bool = True) -> tuple[bool, int]:
        """Fixed addresses first, so that nobody else gets them; then by former address, which engines give in order."""
        former = self.former.get("IPAddress")
        return not self.config(declared).get("IPAMConfig"), int(ip_address(former)) if former else 0


def attached(engine: Engine, change: Change, foreign: Callable[[Mapping[str, str] | None], bool]) -> list[Endpoint]:
    """The containers on the network of *change*, also those that do not run, which its inspection leaves out.

    Raises :class:`EngineError` when one is attached that is *foreign* by its labels.
    """
    if change.observed is None:
        return []
    rows = engine.client.containers(all=True, filters={"network": change.observed.handle})
    strangers = sorted(row["Names"][0].lstrip("/") for row in rows if foreign(row["Labels"]))
    if strangers:
        raise EngineError(
            f"{change.key}: container {', '.join(strangers)} of somebody else is attached to it; detach it yourself "
            "(docker network disconnect), or remove it, and run again. Nothing was touched."
        )
    return list(_endpoints(engine, change.key.name, [row["Names"][0].lstrip("/") for row in rows]))


def _endpoints(engine: Engine, network: str, names: list[str]) -> Iterator[Endpoint]:
    addresses = fixed_addresses(engine.project) if engine.project else {}
    declared = replicas(engine.project)
    for name in names:
        inspected = find(engine, name)
        if inspected is None:
            continue
        known = declared.get(name)
        spec = container_spec(known, "", addresses, engine.inputs.seal) if known else {"Networking": {}}
        wanted = network in spec["Networking"].get("Endpoints", {})
        yield Endpoint(
            container=inspected["Id"],
            former=(inspected["NetworkSettings"]["Networks"] or {}).get(network) or {},
            declared=endpoint(spec, network, api_version(engine)) if wanted else None,
            stays=wanted or name not in declared,
        )


def refuse_unfit(key: Key, found: Iterable[Endpoint], spec: Tree) -> None:
    """Raise :class:`EngineError` for a fixed address that nobody declares and that *spec* has no subnet for."""
    subnets = [ip_network(subnet) for subnet in spec["IPAM"]["Config"]]
    for each in found:
        ipam = (each.former.get("IPAMConfig") or {}) if each.declared is None and each.stays else {}
        for address in filter(None, (ipam.get(leaf) for leaf in ("IPv4Address", "IPv6Address"))):
            if not any(ip_address(address) in subnet for subnet in subnets):
                raise EngineError(
                    f"{key}: a container has the fixed address {address} on it, which the network would not have any "
                    f"more. Detach it first (docker network disconnect {key.name} {each.container[:12]}), or keep the "
                    "subnet. Nothing was touched."
                )


@contextmanager
def detached(engine: Engine, network: str, found: list[Endpoint]) -> Iterator[None]:
    """Within, all of *found* are off *network*. Where it is not removed meanwhile they are on it again as they were."""
    from docker.errors import APIError, NotFound

    off: list[Endpoint] = []
    try:
        for each in found:
            disconnect(engine, each.container, network)
            off.append(each)
        yield
    except NotFound:
        raise
    except APIError:
        attach(engine, network, off, declared=False)
        raise


def attach(engine: Engine, network: str, found: list[Endpoint], declared: bool = True) -> None:
    """Put all of *found* on *network*: as *declared*, or as they were."""
    for each in sorted(found, key=lambda each: each.turn(declared)):
        join(engine, each.container, network, each.config(declared))
