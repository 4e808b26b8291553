# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Single calls on one container, safe to repeat; the Docker SDK has no arguments for some of what the API takes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from typing import Any

from ..errors import ContainerError
from ..plan.model import Declared, Tree
from .container_body import endpoint
from .container_creation import creation_of, shared
from .container_spec import DEFAULT_GRACE
from .engine import Engine
from .labels import is_ours
from .limits import update_bodies
from .unnamed_volumes import volumes_of_image


def api_version(engine: Engine) -> tuple[int, ...]:
    """Of the engine, e.g. ``(1, 41)``."""
    return tuple(int(part) for part in engine.client.api_version.split("."))


def find(engine: Engine, name: str) -> dict[str, Any] | None:
    """Inspection of the container of *name*."""
    from docker.errors import NotFound

    try:
        found: dict[str, Any] = engine.client.inspect_container(name)
    except NotFound:
        return None
    return found if found["Name"] == f"/{name}" else None


def create(engine: Engine, name: str, declared: Declared, told: Mapping[str, str]) -> str:
    """Create the *declared* container as *name*, with the labels *told* beside its own, and attach it to all its
    networks. Returns its id."""
    made = creation_of(
        declared,
        engine.environment,
        engine.inputs.seal,
        origin=engine.origin,
        api=api_version(engine),
        of_image=volumes_of_image(engine, declared.spec["Config"]["Image"]),
        ids={other: engine.client.inspect_container(other)["Id"] for other in shared(declared.spec)},
        told=told,
    )
    for volume, labels in made.volumes.items():
        engine.client.create_volume(volume, labels=dict(labels))
    created = _create_anew(engine, name, made.body)
    _refuse_discarded(declared.key.name, declared.spec, created.get("Warnings") or ())
    for network, config in made.endpoints.items():
        join(engine, name, network, config)
    return str(created["Id"])


def _create_anew(engine: Engine, name: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """An engine finishes a creation whose client was killed: its result has the name by now, and goes."""
    from docker.errors import APIError

    client: Any = engine.client
    try:
        created: dict[str, Any] = client.create_container_from_config(body, name)
    except APIError as error:
        if error.status_code != 409:
            raise
        remove(engine, name)
        created = client.create_container_from_config(body, name)
    return created


def _refuse_discarded(name: str, spec: Tree, warnings: Iterable[str]) -> None:
    """An engine discards limits that its kernel has no means for and only warns: they would differ for ever."""
    for warning in warnings:
        without_swap = spec["HostConfig"].get("MemorySwap") and "without swap" in warning
        if without_swap or ("does not support" in warning and "discarded" in warning.lower()):
            raise ContainerError(f"container {name}: {warning} Take it out of the declaration.")


def connect(engine: Engine, name: str, spec: Tree, network: str) -> None:
    """Attach the container to *network* as *spec* has it."""
    join(engine, name, network, endpoint(spec, network, api_version(engine)))


def join(engine: Engine, container: str, network: str, config: Mapping[str, Any]) -> None:
    """Attach the container to *network*; *config*: ``EndpointConfig``."""
    _post(engine, ("/networks/{0}/connect", network), {"Container": container, "EndpointConfig": config})


def disconnect(engine: Engine, name: str, network: str) -> None:
    """Detach the container from *network*, unless it is detached or the network is gone."""
    from docker.errors import APIError

    try:
        engine.client.disconnect_container_from_network(name, network, force=True)
    except APIError as error:
        if error.status_code not in (403, 404, 500) or "is not connected" not in str(error):
            raise


def update(engine: Engine, name: str, spec: Tree, leaves: Collection[str]) -> None:
    """Bring *leaves* of HostConfig, limits and restart policy, to *spec*."""
    for body in update_bodies(spec["HostConfig"], leaves):
        answer = _post(engine, ("/containers/{0}/update", name), body)
        _refuse_discarded(name, spec, answer.json().get("Warnings") or ())


def _post(engine: Engine, path: tuple[str, ...], body: Mapping[str, Any]) -> Any:
    """Post *body* as it is: the SDK's own calls leave out, e.g., ``NanoCpus`` and ``PidsLimit`` of an update."""
    client: Any = engine.client
    answer = client._post_json(client._url(*path), data=body)
    client._raise_for_status(answer)
    return answer


def stop(engine: Engine, inspected: Mapping[str, Any]) -> None:
    """Stop it with its own signal and grace period."""
    from docker.errors import NotFound

    if inspected["State"]["Paused"]:
        engine.client.unpause(inspected["Id"])
    grace = inspected["Config"].get("StopTimeout")
    with suppress(NotFound):
        engine.client.stop(inspected["Id"], timeout=DEFAULT_GRACE if grace is None else grace)


def remove(engine: Engine, name: str) -> None:
    """Remove the container of *name*, if it is there and ours."""
    from docker.errors import NotFound

    inspected = find(engine, name)
    if inspected is None:
        return
    if not is_ours(inspected["Config"]["Labels"], engine.environment):
        raise ContainerError(f"container {name} of {engine.where} is not ours; it was not touched.")
    with suppress(NotFound):
        engine.client.remove_container(inspected["Id"], v=True, force=True)
    if engine.notes:
        engine.notes.forget(inspected["Id"])
