# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Containers that a service which is still declared has too many of: fewer replicas, or other names. No I/O."""

from __future__ import annotations

from collections.abc import Mapping

from ..declare.replicas import Replica
from ..naming import LABEL_CONTAINER, LABEL_REPLICA, LABEL_SERVICE
from .engine import Engine
from .labels import is_by_module, origin, project_of


def surplus(engine: Engine, name: str, labels: Mapping[str, str]) -> str:
    """Why the service of a container of ours has no use for it any more; empty where it has, or is not declared here.

    A container that somebody renamed was put aside: it has a use that nobody declared.
    """
    now = _replica(engine, labels)
    if now is None or labels.get(LABEL_CONTAINER) != name:
        return ""
    if now.index > now.service.replicas:
        return f"{now.service.name} has {now.service.replicas} replica{'' if now.service.replicas == 1 else 's'} now"
    return f"its name is {now.name} now" if now.name != name else ""


def _replica(engine: Engine, labels: Mapping[str, str]) -> Replica | None:
    """What it was made as, of the service as that is declared now; by a module and by an environment are two."""
    project, index = engine.project, labels.get(LABEL_REPLICA, "")
    if project is None or not index.isdecimal() or origin(project_of(labels), is_by_module(labels)) != engine.origin:
        return None
    service = project.services.get(labels.get(LABEL_SERVICE, ""))
    return Replica(project=project, service=service, index=int(index)) if service else None
