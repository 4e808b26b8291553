# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The containers of a Compose project: one for each replica of each service, by name. No I/O."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .compose import Project, Service


@dataclass(frozen=True, slots=True, kw_only=True)
class Replica:
    """One container of a service; ``index`` counts from 1."""

    project: Project
    service: Service
    index: int

    @property
    def name(self) -> str:
        """The container's name on the engine."""
        if self.service.container_name and self.service.replicas == 1:
            return self.service.container_name
        return f"{self.project.name}-{self.service.name}-{self.index}"


def replicas_of(project: Project, service: Service) -> Iterator[Replica]:
    """Every replica of *service*."""
    return (Replica(project=project, service=service, index=index + 1) for index in range(service.replicas))


def replicas(project: Project | None) -> dict[str, Replica]:
    """Every replica of *project*, by container name."""
    if project is None:
        return {}
    found = (replica for service in project.services.values() for replica in replicas_of(project, service))
    return {replica.name: replica for replica in found}


def awaited(project: Project) -> frozenset[str]:
    """Services that another one waits for to succeed: they are to run once, not for ever."""
    return frozenset(
        name
        for service in project.services.values()
        for name, dependency in service.depends_on.items()
        if dependency.condition == "service_completed_successfully"
    )


def jobs(project: Project | None) -> frozenset[str]:
    """Names of the containers of services that are :func:`awaited`."""
    services = awaited(project) if project else frozenset()
    return frozenset(name for name, replica in replicas(project).items() if replica.service.name in services)
