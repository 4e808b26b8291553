# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one container is created with, as a value: whoever executes it decides nothing any more. No I/O."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from ..declare.replicas import Replica
from ..naming import LABEL_CONTAINER, LABEL_ENVIRONMENT, LABEL_REPLICA, LABEL_SERVICE
from ..plan.model import Declared, Tree
from ..plan.secrets import Seal
from .container_body import create_body, endpoint
from .labels import marks
from .unnamed_volumes import named_mounts

#: Leaves of ``HostConfig`` that may be another container's.
_SHARED = ("NetworkMode", "PidMode", "IpcMode")
_NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Creation:
    """``body``: of ``POST /containers/create``. ``volumes``: to be there before, with their labels, by name; those
    that nobody named. ``endpoints``: ``EndpointConfig`` of the networks to attach it to afterwards, by network."""

    body: Mapping[str, Any]
    volumes: Mapping[str, Mapping[str, str]]
    endpoints: Mapping[str, Mapping[str, Any]]


def creation_of(
    declared: Declared,
    environment: str,
    seal: Seal,
    *,
    origin: Mapping[str, str],
    api: tuple[int, ...],
    of_image: Collection[str],
    ids: Mapping[str, str],
    told: Mapping[str, str] = _NOTHING,
) -> Creation:
    """What the *declared* container is created with on an engine of API version *api*. Its files (see
    :func:`~.file_mounts.file_mounts`) have to be there. Raises :class:`EngineError` for what that engine would ignore.

    *origin*: see :func:`~.labels.origin`. *of_image*: targets of its image's volumes. *ids*: of the containers whose
    namespaces it shares, by name (see :func:`shared`). *told*: more labels.
    """
    replica: Replica = declared.handle
    owner = {**origin, LABEL_CONTAINER: declared.key.name}
    service = {**told, **owner, LABEL_SERVICE: replica.service.name, LABEL_REPLICA: str(replica.index)}
    body = create_body(_at_ids(declared.spec, ids), {**service, **marks(environment, declared, seal)}, api)
    mounts, names = named_mounts(declared.key.name, body["HostConfig"], of_image)
    networking, primary = declared.spec["Networking"].get("Endpoints", {}), declared.spec["HostConfig"]["NetworkMode"]
    return Creation(
        body={**body, "HostConfig": {**body["HostConfig"], "Mounts": mounts}},
        volumes={name: {LABEL_ENVIRONMENT: environment, **owner} for name in names},
        endpoints={network: endpoint(declared.spec, network, api) for network in networking if network != primary},
    )


def shared(spec: Tree) -> frozenset[str]:
    """Names of the containers whose namespaces a container of *spec* shares."""
    return frozenset(name for kind, name in _modes(spec).values() if kind == "container")


def _at_ids(spec: Tree, ids: Mapping[str, str]) -> Tree:
    """*spec* with ``container:<name>`` as ``container:<id>``: so a later container of that name is known as another."""
    found = {leaf: f"container:{ids[name]}" for leaf, (kind, name) in _modes(spec).items() if kind == "container"}
    return {**spec, "HostConfig": {**spec["HostConfig"], **found}}


def _modes(spec: Tree) -> dict[str, tuple[str, str]]:
    parted = {leaf: str(spec["HostConfig"].get(leaf, "")).partition(":") for leaf in _SHARED}
    return {leaf: (kind, name) for leaf, (kind, _colon, name) in parted.items()}
