# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starts a container; of a port or an address that is taken it says who has it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ..declare.replicas import replicas
from ..errors import ContainerError
from ..plan.model import Tree
from .addresses import fixed_addresses
from .container_calls import disconnect, find, stop
from .container_spec import network_name
from .engine import Engine
from .labels import is_ours
from .ports import published

#: As engines 20 to 27 say it, of a port of a container and of one of the guest itself; then both as 28 does.
_PORT_TAKEN = re.compile(
    r":(\d+) failed: port is already allocated|listen \w+ \S*:(\d+): bind: address|bind host port (?:for )?[\d.]+:(\d+)"
)
_ADDRESS_TAKEN = re.compile(r"address already in use", re.IGNORECASE)
_ATTEMPTS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Who has what we need: ``what`` in words, ``name`` of the container; ``yields`` takes it away from it."""

    what: str
    name: str
    yields: Callable[[], None] | None = None

    def give_way(self) -> None:
        """Take it away, if it is to be given up."""
        if self.yields:
            self.yields()


def start(engine: Engine, name: str, spec: Tree) -> None:
    """Start the container of *name*, declared as *spec*. Raises :class:`ContainerError`."""
    with_way_made(engine, name, spec, lambda: engine.client.start(name))


def with_way_made(engine: Engine, name: str, spec: Tree, call: Callable[[], None]) -> None:
    """Do *call*, which needs ports and addresses of *spec*.

    They may be held by another container of ours that is to give them up in this very plan (two containers swap their
    ports): that one yields, its own change brings it back.
    """
    from docker.errors import APIError

    for attempt in range(_ATTEMPTS):
        try:
            return call()
        except APIError as error:
            said = str(error.explanation or error)
            found = list(holders(engine, name, spec, said))
            yielding = [holder for holder in found if holder.yields]
            if not yielding or attempt == _ATTEMPTS - 1:
                raise ContainerError(_message(engine, name, said, found)) from error
            for holder in yielding:
                holder.give_way()
    return None


def holders(engine: Engine, name: str, spec: Tree, said: str) -> Iterator[Holder]:
    """Who holds what the engine *said* is taken."""
    port = _PORT_TAKEN.search(said)
    if port and port.lastindex:
        yield from _port_holders(engine, int(port[port.lastindex]))
    elif _ADDRESS_TAKEN.search(said):
        for network, endpoint in spec["Networking"].get("Endpoints", {}).items():
            yield from _address_holders(engine, name, network, endpoint["IPv4Address"])


def _port_holders(engine: Engine, port: int) -> Iterator[Holder]:
    found = False
    for row in engine.client.containers():
        if any(bound.get("PublicPort") == port for bound in row["Ports"]):
            found, holder = True, row["Names"][0].lstrip("/")
            yields = _stopping(engine, holder) if _gives_up_port(engine, holder, port) else None
            yield Holder(what=f"port {port}", name=f"container {holder}", yields=yields)
    if not found:
        yield Holder(what=f"port {port}", name="a process of the guest itself")


def _address_holders(engine: Engine, name: str, network: str, address: str) -> Iterator[Holder]:
    attached = (engine.client.inspect_network(network)["Containers"] or {}).values() if address else ()
    for endpoint in attached:
        holder = endpoint["Name"]
        if endpoint["IPv4Address"].partition("/")[0] == address and holder != name:
            yields = _leaving(engine, holder, network) if _gives_up_address(engine, holder, network, address) else None
            yield Holder(what=f"address {address} of network {network}", name=f"container {holder}", yields=yields)


def _gives_up_port(engine: Engine, holder: str, port: int) -> bool:
    replica = replicas(engine.project).get(holder)
    if replica is None or not _ours(engine, holder):
        return False
    return all(binding.rpartition(":")[2] != str(port) for bound in published(replica).values() for binding in bound)


def _gives_up_address(engine: Engine, holder: str, network: str, address: str) -> bool:
    if engine.project is None or holder not in replicas(engine.project) or not _ours(engine, holder):
        return False
    keeps = {
        network_name(engine.project, key): fixed
        for (key, name), fixed in fixed_addresses(engine.project).items()
        if name == holder
    }
    return keeps.get(network) != address


def _ours(engine: Engine, name: str) -> bool:
    inspected = find(engine, name)
    return bool(inspected and is_ours(inspected["Config"]["Labels"], engine.environment))


def _stopping(engine: Engine, holder: str) -> Callable[[], None]:
    def yields() -> None:
        inspected = find(engine, holder)
        if inspected:
            stop(engine, inspected)

    return yields


def _leaving(engine: Engine, holder: str, network: str) -> Callable[[], None]:
    return lambda: disconnect(engine, holder, network)


def _message(engine: Engine, name: str, said: str, found: list[Holder]) -> str:
    where = f"container {name} of {engine.where} does not start: "
    if not found:
        return where + said
    taken = ", ".join(f"{holder.what} is in use by {holder.name}" for holder in found)
    return f"{where}{taken}. Stop that one or declare another, and run again."
