# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has to be there before a container is made. No I/O."""

from __future__ import annotations

from collections.abc import Iterator

from ..declare.compose import Dependency
from ..declare.replicas import Replica, replicas_of
from ..plan.model import Condition, Key, Need
from .docker_volume import on_engine

_CONDITIONS: dict[str, Condition] = {
    "service_started": "applied",
    "service_healthy": "healthy",
    "service_completed_successfully": "completed",
}


def needs(guest: str, replica: Replica) -> tuple[Need, ...]:
    """Engine, image, networks, volumes, and the replicas of the services that *replica*'s depends on."""
    return (*on_engine(guest), *_objects(guest, replica), *_dependencies(guest, replica), *_hosts(guest, replica))


def _objects(guest: str, replica: Replica) -> Iterator[Need]:
    project, service = replica.project, replica.service
    yield Need(Key("image", service.image, guest))
    for key in service.networks:
        if key in project.networks and not project.networks[key].external:
            yield Need(Key("docker_network", project.networks[key].name, guest))
    for mount in service.mounts:
        volume = project.volumes.get(mount.source or "") if mount.type == "volume" else None
        if volume and not volume.external:
            yield Need(Key("docker_volume", volume.name, guest), rebuilt_with=True)


def _dependencies(guest: str, replica: Replica) -> Iterator[Need]:
    for name, dependency in replica.service.depends_on.items():
        yield from _on_service(guest, replica, name, dependency)


def _on_service(guest: str, replica: Replica, name: str, dependency: Dependency) -> Iterator[Need]:
    """``restart`` (a change of the dependency reaches its dependents) makes the container anew with the dependency."""
    service = replica.project.services.get(name)
    for other in replicas_of(replica.project, service) if service else ():
        condition = _CONDITIONS[dependency.condition]
        yield Need(Key("container", other.name, guest), condition, rebuilt_with=dependency.restart)


def _hosts(guest: str, replica: Replica) -> Iterator[Need]:
    """The container whose network, process or IPC namespace it lives in."""
    service = replica.service
    for mode in (service.network_mode, service.pid, service.ipc):
        kind, _colon, name = (mode or "").partition(":")
        if kind == "service" and name in replica.project.services:
            host = Replica(project=replica.project, service=replica.project.services[name], index=1)
            yield Need(Key("container", host.name, guest), rebuilt_with=True)
