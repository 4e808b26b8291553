# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks within one Compose project: what services name, their dependencies, names and replicas. No I/O.

They hold for a project with holes too, where values of its file are wrong.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any

from ..errors import Problem
from ..naming import LABEL_PREFIX
from .check_shared import check_shared, lenders
from .check_values import check_values
from .compose import Network, Project, Service, Volume
from .ports import port_range
from .replicas import replicas_of
from .sources import Sources
from .words import unknown_name


def check_services(guest: str, project: Project, sources: Sources) -> Iterator[Problem]:
    for name, service in project.services.items():
        for path, message in (*_references(project, service), *_replicas(service), *check_values(service)):
            yield sources.compose_problem(guest, ("services", name, *path), message)
    for name, message in (*_cycles(project), *_same_names(project)):
        yield sources.compose_problem(guest, ("services", name), message)
    for path, message in check_shared(project):
        yield sources.compose_problem(guest, path, message)
    for path in _our_labels(project):
        message = f"labels that begin with {LABEL_PREFIX} are ours; take another name"
        yield sources.compose_problem(guest, path, message)


def _our_labels(project: Project) -> Iterator[tuple[str, ...]]:
    sections: dict[str, Mapping[str, Service | Network | Volume]] = {
        "services": project.services,
        "networks": project.networks,
        "volumes": project.volumes,
    }
    for section, items in sections.items():
        for name, item in items.items():
            if any(label.startswith(LABEL_PREFIX) for label in item.labels):
                yield section, name, "labels"


Found = Iterator[tuple[tuple[str, ...], str]]


def _references(project: Project, service: Service) -> Found:
    for network in service.networks:
        yield from _known("network", network, project.networks, ("networks", network))
    for mount in service.mounts:
        if mount.type == "volume" and mount.source is not None:
            yield from _known("volume", mount.source, project.volumes, ("volumes",))
    for reference in service.secrets:
        yield from _known("secret", reference.source, project.secrets, ("secrets",))
    for reference in service.configs:
        yield from _known("config", reference.source, project.configs, ("configs",))
    for name in service.depends_on:
        yield from _known("service", name, project.services, ("depends_on", name))
    for key, other in lenders(service):
        yield from _known("service", other, project.services, (key,))


def _known(kind: str, name: str, known: Mapping[str, Any], path: tuple[str, ...]) -> Found:
    """A name that is empty was reported when it was read."""
    if name and name not in known:
        yield path, unknown_name(kind, name, tuple(known))


def _replicas(service: Service) -> Found:
    for port in service.ports:
        length = len(port_range(port.published)) if port.published else service.replicas
        if length < service.replicas:
            advice = f"{_range(port.published or '', service.replicas)}:{port.target}"
            yield (
                ("ports",),
                f"{port.published} is too few for {service.replicas} replicas; write a range like {advice}",
            )
    if service.replicas < 2:
        return
    if service.container_name:
        yield ("container_name",), f"{service.replicas} replicas cannot have one name; remove it, or the replicas"
    for name, endpoint in service.networks.items():
        for key in ("ipv4_address", "ipv6_address", "mac_address"):
            if getattr(endpoint, key):
                yield ("networks", name, key), f"{service.replicas} replicas cannot have one address; remove it"


def _range(published: str, replicas: int) -> str:
    first = port_range(published)[0]
    return f"{first}-{first + replicas - 1}"


def _cycles(project: Project) -> Iterator[tuple[str, str]]:
    graph = {
        name: {*service.depends_on, *(other for _key, other in lenders(service))} & project.services.keys()
        for name, service in project.services.items()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        circle = [str(name) for name in reversed(error.args[1])]
        yield circle[0], f"services wait for each other: {' -> '.join(circle)}; remove one of these dependencies"


def _same_names(project: Project) -> Iterator[tuple[str, str]]:
    seen: dict[str, str] = {}
    for name, service in project.services.items():
        for replica in replicas_of(project, service):
            maker = seen.setdefault(replica.name, name)
            if maker != name:
                yield name, f"container {replica.name} is made by service {maker} already; rename one of them"
