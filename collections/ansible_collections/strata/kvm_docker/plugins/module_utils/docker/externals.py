# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks and volumes that a project uses and somebody else makes (``external: true``)."""

from __future__ import annotations

from collections.abc import Callable

from ..declare.replicas import Replica
from ..errors import EngineError
from .engine import Engine


def require_externals(engine: Engine, replica: Replica) -> None:
    """Raise :class:`EngineError` for the first one that is not there; an engine would make the volumes up."""
    project, service = replica.project, replica.service
    networks = [project.networks[key] for key in service.networks if key in project.networks]
    sources = [mount.source for mount in service.mounts if mount.type == "volume" and mount.source]
    volumes = [project.volumes[key] for key in sources if key in project.volumes]
    for network in networks:
        if network.external:
            _require(engine, replica, "network", network.name, engine.client.inspect_network)
    for volume in volumes:
        if volume.external:
            _require(engine, replica, "volume", volume.name, engine.client.inspect_volume)


def _require(engine: Engine, replica: Replica, kind: str, name: str, look: Callable[[str], object]) -> None:
    from docker.errors import NotFound

    try:
        look(name)
    except NotFound:
        raise EngineError(
            f"container {replica.name} of {engine.where}: the external {kind} {name} does not exist. "
            f"Create it (docker {kind} create {name}), or take `external` from its declaration."
        ) from None
