# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks within one Compose project of what only one can have: names on the engine, targets in a container; and of
namespaces that are lent. No I/O."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping

from ..naming import LEFTOVERS
from .compose import FileReference, Network, Project, Service, Volume
from .replicas import awaited

Found = Iterator[tuple[tuple[str, ...], str]]

#: Networks that every engine has of its own.
PREDEFINED = ("bridge", "host", "none")


def check_shared(project: Project) -> Found:
    """(path, message) of every mistake."""
    yield from _names("networks", project.networks)
    yield from _names("volumes", project.volumes)
    for key, network in project.networks.items():
        if network.name in PREDEFINED and not network.external:
            yield ("networks", key, "name"), f"{network.name!r} is a network of the engine's own; take another name"
    for service in project.services.values():
        for path, message in (*_leftover(service), *_targets(service), *_lenders(project, service)):
            yield ("services", service.name, *path), message


def _names(section: str, items: Mapping[str, Network] | Mapping[str, Volume]) -> Found:
    seen: dict[str, str] = {}
    for key, item in items.items():
        if item.name in seen:
            message = f"is {item.name!r} on the engine, as {seen[item.name]!r} is; keep one of them, or rename one"
            yield (section, key), message
        seen.setdefault(item.name, key)


def _leftover(service: Service) -> Found:
    if (service.container_name or "").endswith(LEFTOVERS):
        ends = " and ".join(LEFTOVERS)
        yield ("container_name",), f"{ends} mark containers that are being replaced; take another name"


def _targets(service: Service) -> Found:
    """The reader has told of two volumes of one target."""
    seen = {posixpath.normpath(mount.target): "a volume" for mount in service.mounts}
    files: tuple[tuple[str, str, tuple[FileReference, ...]], ...] = (
        ("secrets", "/run/secrets", service.secrets),
        ("configs", "/", service.configs),
    )
    for section, parent, references in files:
        for index, reference in enumerate(references):
            target = posixpath.normpath(posixpath.join(parent, reference.target))
            if target in seen:
                yield (section, str(index)), f"{target} is the target of {seen[target]} already; write another target"
            seen.setdefault(target, f"{section.removesuffix('s')} {reference.source!r}")


def _lenders(project: Project, service: Service) -> Found:
    """A namespace lives as long as a container is in it that runs."""
    for key, name in lenders(service):
        lender = project.services.get(name)
        if lender is None:
            continue
        if lender.replicas == 0:
            yield (key,), f"service {name!r} has no container (0 replicas) whose namespace could be shared"
        elif name in awaited(project):
            yield (key,), f"service {name!r} ends by itself (another one waits for that), and its namespace with it"


def lenders(service: Service) -> Iterator[tuple[str, str]]:
    """(key, service) of each namespace that *service* shares."""
    for key in ("network_mode", "pid", "ipc"):
        kind, _colon, name = (getattr(service, key) or "").partition(":")
        if kind == "service":
            yield key, name
