# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The containers of an engine: one list call, then one inspection each of ours over connections that are kept alive."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ..plan.model import Key, Observed
from ..plan.secrets import sensitive
from .container_observe import Surroundings, broken, observed_spec, running
from .engine import Engine
from .health import is_job
from .image_list import list_images, sources
from .labels import applied, is_ours
from .rollout import base_name

#: Inspections at once; through an SSH connection an answer takes tens of milliseconds.
_AT_ONCE = 8


def observe(engine: Engine, environment: str) -> list[Observed]:
    """Every container on *engine*, leftovers of replacements with the container that they belong to."""
    rows = {_name(row): row for row in engine.client.containers(all=True)}
    ours = {name: row for name, row in rows.items() if is_ours(row["Labels"], environment)}
    around = _surroundings(engine, environment, rows) if ours else Surroundings()
    found = [_stranger(engine, name) for name in rows if name not in ours]
    inspected = _inspect(engine, [row["Id"] for name, row in ours.items() if name == base_name(name)])
    for name in sorted({base_name(name) for name in ours}):
        beside = tuple(sorted(other for other in ours if base_name(other) == name and other != name))
        found.append(_observed(engine, name, inspected.get(name), around, beside))
    return found


def _name(row: Mapping[str, Any]) -> str:
    """Links give a container further names, with a second slash."""
    names: Iterable[str] = row["Names"] or [f"/{row['Id']}"]
    return next((name for name in names if name.count("/") == 1), row["Id"]).lstrip("/")


def _surroundings(engine: Engine, environment: str, rows: Mapping[str, Mapping[str, Any]]) -> Surroundings:
    return Surroundings(
        environment=environment,
        names={row["Id"]: name for name, row in rows.items()},
        networks=frozenset(network["Id"] for network in engine.client.networks()),
        images={image.id: image for image in list_images(engine)},
        sources=sources(engine),
    )


def _inspect(engine: Engine, identities: list[str]) -> dict[str, dict[str, Any]]:
    """By name; a container that vanished meanwhile is left out."""
    from docker.errors import NotFound

    def inspect(identity: str) -> Iterator[dict[str, Any]]:
        try:
            yield engine.client.inspect_container(identity)
        except NotFound:
            return

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        found = [item for items in pool.map(lambda identity: list(inspect(identity)), identities) for item in items]
    return {item["Name"].lstrip("/"): item for item in found}


def _stranger(engine: Engine, name: str) -> Observed:
    return Observed(Key("container", name, engine.guest), {}, owned=False)


def _observed(
    engine: Engine, name: str, inspected: dict[str, Any] | None, around: Surroundings, beside: tuple[str, ...]
) -> Observed:
    key = Key("container", name, engine.guest)
    if inspected is None:
        return Observed(key, {}, running=False, broken="its replacement was interrupted")
    spec = observed_spec(inspected, around, beside)
    last = applied(inspected["Config"]["Labels"], engine.inputs.seal)
    return Observed(
        key,
        spec,
        last,
        running=running(inspected, is_job(engine, name)),
        broken=broken(inspected, around),
        handle=inspected["Id"],
        sensitive=sensitive(spec) | sensitive(last or {}),
    )
