# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects of an engine as modules return them: as the engine shows them, without its secrets and our bookkeeping."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..declare.reference import familiar
from ..docker.engine import Engine
from ..docker.errors import engine_errors
from ..docker.image_list import list_images
from ..docker.labels import is_ours, project_of
from ..naming import LABEL_APPLIED
from ..plan.model import MASK
from ..plan.secrets import secret_values, sensitive


def found(engine: Engine, kind: str, name: str) -> dict[str, Any] | None:
    """The object of *kind* (``image``, ``docker_network``, ``docker_volume``, ``container``), or none."""
    from docker.errors import NotFound

    client: Any = engine.client
    looks: dict[str, Callable[[str], dict[str, Any]]] = {
        "image": client.inspect_image,
        "docker_network": client.inspect_network,
        "docker_volume": client.inspect_volume,
        "container": client.inspect_container,
    }
    with engine_errors(f"{kind} {name} of {engine.where}"):
        try:
            return shown(looks[kind](name))
        except NotFound:
            return None


def shown(inspected: Mapping[str, Any]) -> dict[str, Any]:
    """*inspected*, an answer of the engine, as anybody may see it."""
    view: dict[str, Any] = _masked(inspected)
    for holder in (view, view.get("Config") or {}):
        if isinstance(holder.get("Labels"), dict):
            holder["Labels"].pop(LABEL_APPLIED, None)
        if isinstance(holder.get("Env"), list):
            holder["Env"] = _environment(holder["Env"])
    if isinstance(view.get("Options"), dict) and "o" in view["Options"] and "Mountpoint" in view:
        view["Options"]["o"] = MASK
    return view


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which objects are wanted; what is not given does not count."""

    environment: str | None = None
    project: str | None = None
    name: str | None = None

    def takes(self, name: str, labels: Mapping[str, str] | None) -> bool:
        if self.environment and not is_ours(labels, self.environment):
            return False
        if self.project and project_of(labels) != self.project:
            return False
        return self.name in (None, name)


def listed(engine: Engine, section: str, wanted: Filter) -> list[dict[str, Any]]:
    """The objects of *section* (``containers``, ``networks``, ``volumes``, ``images``) that are *wanted*, by name."""
    with engine_errors(f"{section} of {engine.where}"):
        return list(_LISTS[section](engine, wanted))


def _containers(engine: Engine, wanted: Filter) -> Iterator[dict[str, Any]]:
    rows = {row["Names"][0].lstrip("/"): row for row in engine.client.containers(all=True)}
    names = [name for name, row in sorted(rows.items()) if wanted.takes(name, row["Labels"])]
    yield from filter(None, (found(engine, "container", rows[name]["Id"]) for name in names))


def _networks(engine: Engine, wanted: Filter) -> Iterator[dict[str, Any]]:
    for row in sorted(engine.client.networks(), key=lambda row: str(row["Name"])):
        if wanted.takes(row["Name"], row["Labels"]):
            yield from filter(None, [found(engine, "docker_network", row["Id"])])


def _volumes(engine: Engine, wanted: Filter) -> Iterator[dict[str, Any]]:
    rows: list[dict[str, Any]] = engine.client.volumes()["Volumes"] or []
    for row in sorted(rows, key=lambda row: str(row["Name"])):
        if wanted.takes(row["Name"], row["Labels"]):
            yield shown(row)


def _images(engine: Engine, wanted: Filter) -> Iterator[dict[str, Any]]:
    """An image has several names, and whose it is its own marks say."""
    for image in sorted(list_images(engine), key=lambda image: (image.names, image.id)):
        ours = wanted.environment is None or image.put_by(wanted.environment)
        named = wanted.name is None or familiar(wanted.name) in image.names
        if ours and named and not wanted.project:
            yield from filter(None, [found(engine, "image", image.id)])


_LISTS = {"containers": _containers, "networks": _networks, "volumes": _volumes, "images": _images}


def _environment(pairs: list[str]) -> list[str]:
    hidden = {path[-1] for path in sensitive({pair.partition("=")[0]: pair for pair in pairs})}
    names = [pair.partition("=")[0] for pair in pairs]
    return [f"{name}={MASK}" if name in hidden else pair for name, pair in zip(names, pairs, strict=True)]


def _masked(value: Any, name: str = "") -> Any:
    """A copy of *value* without what looks like a secret in it: by its name, or a password in a URL or an option."""
    if isinstance(value, Mapping):
        return {key: _masked(item, str(key)) for key, item in value.items()}
    for secret in secret_values(name, value):
        value = _without(value, secret)
    return [_masked(item) for item in value] if isinstance(value, list) else value


def _without(value: Any, secret: str) -> Any:
    if isinstance(value, list):
        return [_without(item, secret) for item in value]
    return value.replace(secret, MASK) if isinstance(value, str) else value
