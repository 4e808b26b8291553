# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kind ``container``: one replica of a service on a guest's engine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import ClassVar

from ..declare.compose import Project
from ..declare.environment import Environment
from ..declare.replicas import replicas
from ..errors import EngineError
from ..inputs import Inputs, registry_source
from ..plan.model import Change, Condition, Declared, Difference, Effect, Key, Observed, Traits
from ..plan.secrets import sensitive
from ..progress import Progress
from . import container_update, health
from .addresses import fixed_addresses
from .container_list import observe
from .container_needs import needs
from .container_spec import container_spec
from .engine import Engine
from .errors import engine_errors
from .mount import mount_needs
from .rollout import Rollout, delete


class Container:
    """Declares, observes and applies containers; ``spec``: see :mod:`.container_spec`."""

    kind: ClassVar[str] = "container"
    traits: ClassVar[Traits] = Traits(runs=True, adoption=Effect.REPLACE)

    def declare(self, environment: Environment, inputs: Inputs) -> Iterator[Declared]:
        """Every replica of every service of every project."""
        for guest in environment.guests.values():
            if guest.compose:
                for declared in _declared(guest.name, guest.compose, inputs):
                    yield replace(declared, needs=(*declared.needs, *mount_needs(guest)))

    def effect(self, difference: Difference) -> Effect:
        """See :func:`.container_update.effect`."""
        return container_update.effect(difference)

    def observe(self, connection: Engine, environment: str) -> Iterator[Observed]:
        """Every container on the engine."""
        with engine_errors(f"containers of {connection.where}"):
            return iter(observe(connection, environment))

    def apply(self, connection: Engine, change: Change, progress: Progress) -> None:
        """Do what *change* says. Raises :class:`EngineError`, of a container that does not start a ContainerError."""
        if change.observed:
            connection.looks.pop(change.observed.handle, None)
        with engine_errors(str(change.key)):
            if change.action == "delete":
                delete(connection, change.key.name)
            elif change.declared is None:
                raise EngineError(f"{change.key}: cannot {change.action} a container that is not declared.")
            else:
                adopting = bool(change.observed and not change.observed.owned)
                rollout = Rollout(engine=connection, declared=change.declared, progress=progress, adopting=adopting)
                _do(rollout, change)

    def settle(self, connection: Engine, key: Key, condition: Condition, progress: Progress) -> None:
        """See :func:`.health.settle`."""
        health.settle(connection, key, condition, progress)


def _do(rollout: Rollout, change: Change) -> None:
    if change.action == "create":
        rollout.create()
    elif change.action == "replace":
        rollout.replace()
        rollout.rest()
    elif change.action == "update":
        container_update.update(rollout, change)
    elif change.action == "start":
        rollout.start()
    elif change.action in ("stop", "restart"):
        rollout.stop()
        if change.action == "restart":
            rollout.start()


def _declared(guest: str, project: Project, inputs: Inputs) -> Iterator[Declared]:
    addresses = fixed_addresses(project)
    for replica in replicas(project).values():
        service = replica.service
        image = inputs.images.get((guest, service.image))
        source = image.source if image else registry_source(service.image)
        spec = container_spec(replica, source, addresses, inputs.seal)
        yield Declared(
            Key("container", replica.name, guest),
            spec,
            needs(guest, replica),
            rolling=(f"{guest}/{service.name}", max(service.update_config.parallelism, 1)),
            sensitive=sensitive(spec),
            handle=replica,
        )
