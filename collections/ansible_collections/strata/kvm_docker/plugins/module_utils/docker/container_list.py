# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The containers of an engine: one list call, then one inspection each of ours over connections that are kept alive."""

from __future__ import annotations

import re
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from ..declare.replicas import jobs, replicas
from ..plan.model import Key, Observed
from ..plan.secrets import Seal, sensitive
from . import file_mounts
from .applied_notes import AppliedNotes
from .container_observe import Surroundings, broken, observed_spec, running, succeeded
from .container_update import fixed
from .engine import Engine, Look
from .image_list import list_images, sources
from .labels import adopted, applied, is_by_module, is_ours, project_of
from .rollout import base_name
from .surplus import surplus

#: Inspections at once; through an SSH connection an answer takes tens of milliseconds.
_AT_ONCE = 8
#: Seconds that an inspection of this very run is good for.
_MOMENTS = 5.0
#: In the status of a row: ``Up 3 minutes (healthy)``.
_TIME = re.compile(r"^(Up|Exited \(\d+\)) .*?(?= \(|$)")


def observe(engine: Engine, environment: str) -> list[Observed]:
    """Every container on *engine*, leftovers of replacements with the container that they belong to.

    What was about to take a stranger's place when a run was killed is no object yet: who adopts it finds that.
    """
    rows = {_name(row): row for row in engine.client.containers(all=True)}
    aside = {adopted(row["Labels"], environment) for row in rows.values()}
    replaced = {row["Id"] for name, row in rows.items() if row["Id"] in aside and name != base_name(name)}
    ours = {name: row for name, row in rows.items() if is_ours(row["Labels"], environment) or row["Id"] in replaced}
    strangers = [Observed(Key("container", name, engine.guest), {}, owned=False) for name in rows if name not in ours]
    if not ours:
        return strangers
    inspected = _inspect(engine, [row for name, row in ours.items() if name == base_name(name)])
    around = _surroundings(engine, environment, rows, inspected.values())
    beside: defaultdict[str, list[str]] = defaultdict(list)
    for name in sorted(ours):
        beside[base_name(name)] += [name] if name != base_name(name) else []
    found = _Observer(engine.guest, around, jobs(engine.project), engine.inputs.seal, engine.notes)
    labels = {base_name(name): row["Labels"] for name, row in ours.items() if row["Id"] not in replaced}
    return strangers + [
        replace(
            found.observed(name, inspected.get(name), tuple(others)),
            project=project_of(labels[name]),
            by_module=is_by_module(labels[name]),
            surplus=surplus(engine, name, labels[name]),
        )
        for name, others in beside.items()
        if name in ours or name not in rows
    ]


def _name(row: Mapping[str, Any]) -> str:
    """Links give a container further names, with a second slash."""
    names: Iterable[str] = row["Names"] or [f"/{row['Id']}"]
    return next((name for name in names if name.count("/") == 1), row["Id"]).lstrip("/")


def _surroundings(
    engine: Engine,
    environment: str,
    rows: Mapping[str, Mapping[str, Any]],
    inspected: Iterable[Mapping[str, Any]],
) -> Surroundings:
    swap_is_open = any(container["HostConfig"].get("MemorySwap") == -1 for container in inspected)
    return Surroundings(
        environment=environment,
        names={row["Id"]: name for name, row in rows.items()},
        networks=frozenset(network["Id"] for network in engine.client.networks()),
        images={image.id: image for image in list_images(engine)},
        sources=sources(engine),
        limits_swap=not swap_is_open or bool(engine.client.info().get("SwapLimit")),
        files=file_mounts.look(engine.shell, replicas(engine.project).values(), engine.inputs.seal),
    )


def _inspect(engine: Engine, rows: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """By name; a container that vanished meanwhile is left out.

    The look that proves a run comes moments after the first one: what was neither changed by the run nor is listed any
    other way is not inspected again.
    """
    from docker.errors import NotFound

    began = time.monotonic()

    def look(row: Mapping[str, Any]) -> Look | None:
        identity, essence = row["Id"], {**row, "Status": _TIME.sub("", row["Status"])}
        last = engine.looks.get(identity)
        if last and last.row == essence and began - last.at < _MOMENTS:
            return last
        try:
            return Look(began, essence, engine.client.inspect_container(identity))
        except NotFound:
            return None

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        looks = {row["Id"]: found for row, found in zip(rows, pool.map(look, rows), strict=True) if found}
    engine.looks = looks
    return {found.inspected["Name"].lstrip("/"): found.inspected for found in looks.values()}


@dataclass(frozen=True, slots=True)
class _Observer:
    """Turns inspections into what the planner compares. ``jobs``: names of containers that are to end."""

    guest: str
    around: Surroundings
    jobs: frozenset[str]
    seal: Seal
    notes: AppliedNotes | None

    def observed(self, name: str, inspected: dict[str, Any] | None, beside: tuple[str, ...]) -> Observed:
        key = Key("container", name, self.guest)
        if inspected is None:
            return Observed(key, {}, running=False, broken="its replacement was interrupted")
        note = self.notes.read(inspected["Id"], self.seal) if self.notes else None
        last = note or applied(inspected["Config"]["Labels"], self.seal)
        spec = observed_spec(inspected, self.around, last or {}, beside)
        if self.notes and last and not note:
            last = fixed(last)
        return Observed(
            key,
            spec,
            last,
            running=running(inspected),
            completed=name in self.jobs and succeeded(inspected),
            broken=broken(inspected, self.around),
            handle=inspected["Id"],
            sensitive=sensitive(spec) | sensitive(last or {}),
            holds=frozenset(self._holds(inspected)),
        )

    def _holds(self, inspected: Mapping[str, Any]) -> Iterator[Key]:
        for mount in inspected.get("Mounts") or ():
            if mount["Type"] == "volume":
                yield Key("docker_volume", mount["Name"], self.guest)
        for network in inspected["NetworkSettings"]["Networks"] or ():
            yield Key("docker_network", network, self.guest)
