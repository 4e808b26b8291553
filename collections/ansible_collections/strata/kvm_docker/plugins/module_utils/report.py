# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How an environment stands, as plain data for a table: guests, engines, containers, health, published ports."""

from __future__ import annotations

import re
from typing import Any, TypedDict

from .declare.environment import Guest
from .docker.engine import Engine
from .docker.errors import engine_errors
from .naming import LABEL_ENVIRONMENT, LABEL_PROJECT, LABEL_SERVICE

_HEALTH = re.compile(r"\((?:health: )?(\w+)\)")


class ContainerRow(TypedDict):
    """``state``: as the engine has it, e.g. ``running``. ``health``: empty where there is no health check."""

    name: str
    service: str
    state: str
    health: str
    ports: list[str]


class GuestRow(TypedDict):
    """``engine``: version of the Docker engine. ``published``: addresses on the hypervisor's loopback; what speaks
    there is not known."""

    name: str
    address: str
    engine: str
    containers: list[ContainerRow]
    published: list[str]


def guest_row(guest: Guest, engine: Engine) -> GuestRow:
    """Two calls to the engine: its version, and the list of our containers."""
    listed = engine.client.containers(all=True, filters={"label": f"{LABEL_ENVIRONMENT}={engine.environment}"})
    return GuestRow(
        name=guest.name,
        address=str(guest.address),
        engine=engine.version(),
        containers=sorted((_container_row(item) for item in listed), key=lambda row: row["name"]),
        published=[f"127.0.0.1:{port}" for port in guest.publish],
    )


def container_rows(engine: Engine, project: str) -> list[ContainerRow]:
    """The containers of a Compose project on *engine*; one call."""
    marks = [f"{LABEL_ENVIRONMENT}={engine.environment}", f"{LABEL_PROJECT}={project}"]
    with engine_errors(f"containers of {engine.where}"):
        listed = engine.client.containers(all=True, filters={"label": marks})
    return sorted((_container_row(item) for item in listed), key=lambda row: row["name"])


def _container_row(item: dict[str, Any]) -> ContainerRow:
    health = _HEALTH.search(item["Status"])
    return ContainerRow(
        name=item["Names"][0].removeprefix("/"),
        service=item["Labels"].get(LABEL_SERVICE, ""),
        state=item["State"],
        health=health[1] if health and item["State"] == "running" else "",
        ports=sorted(
            {f"{port['PublicPort']}->{port['PrivatePort']}" for port in item["Ports"] if "PublicPort" in port}
        ),
    )
