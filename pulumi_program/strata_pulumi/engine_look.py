# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is on the engines of guests that run already, before a program registers anything."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.environment import Environment
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.container_creation import shared
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.engine import Engine
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.errors import engine_errors
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import StrataError
from ansible_collections.strata.kvm_docker.plugins.module_utils.inputs import Inputs
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.hypervisor import Hypervisor
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.watch import Watch
from ansible_collections.strata.kvm_docker.plugins.module_utils.naming import LABEL_ENVIRONMENT, LABEL_PROVIDER
from ansible_collections.strata.kvm_docker.plugins.module_utils.parallel import at_once
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.model import Declared, Key, Observed
from ansible_collections.strata.kvm_docker.plugins.module_utils.prepare import open_watched_engine
from ansible_collections.strata.kvm_docker.plugins.module_utils.progress import Progress
from ansible_collections.strata.kvm_docker.plugins.module_utils.resources import declared, effect, observed, plan

from . import provider_ids
from .docker_twins.staying import staying

KINDS = ("docker_network", "docker_volume", "container")

#: Seconds for an engine that should be up; one that boots is looked at by what waits for it.
_PATIENCE = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineLook:
    """``api``: its API version. ``there``: networks, volumes and containers of ours. ``stays``: those that need not be
    made anew. ``by_provider``: names of the containers that the stack knows, as ``pulumi_docker`` has made them.
    ``known_networks``: see :mod:`.provider_ids`."""

    api: tuple[int, ...]
    there: Mapping[Key, Observed]
    stays: frozenset[Key]
    by_provider: frozenset[str]
    known_networks: Mapping[str, str] = field(default_factory=dict)


def look(
    hypervisor: Hypervisor, environment: Environment, inputs: Inputs, guests: Iterable[str], *, mark: str, preview: bool
) -> dict[str, EngineLook]:
    """What is on the engines of those *guests* that answer at once, by guest; see :func:`look_at`."""

    def reach(guest: str) -> EngineLook | None:
        try:
            watch = Watch(hypervisor, environment.name, guest, Progress(), _PATIENCE)
            engine = open_watched_engine(watch, environment, inputs)
        except StrataError:
            return None
        try:
            with engine_errors(f"engine of guest {guest}"):
                found = look_at(engine, environment, inputs, mark, preview)
            known = provider_ids.read(environment.name, hypervisor.folders, guest)
            return replace(found, known_networks=known)
        finally:
            engine.close()

    names = list(guests)
    return {guest: seen for guest, seen in zip(names, at_once(reach, names), strict=True) if seen}


def _of_provider(engine: Engine, environment: str, mark: str) -> dict[str, Mapping[str, Any]]:
    """The rows of the containers that ``pulumi_docker`` has made with that *mark*, by name."""
    label = [f"{LABEL_PROVIDER}={mark}", f"{LABEL_ENVIRONMENT}={environment}"]
    rows = engine.client.containers(all=True, filters={"label": label})
    return {row["Names"][0].removeprefix("/"): row for row in rows}


def _remove_unstarted(engine: Engine, rows: Mapping[str, Mapping[str, Any]], preview: bool) -> frozenset[str]:
    """Whether Pulumi remembers one that was never started is not known here, and needs not be: what is gone is made
    by the core."""
    unstarted = {name: row for name, row in rows.items() if row["State"] == "created"}
    for row in () if preview else unstarted.values():
        engine.client.remove_container(row["Id"], force=True)
    return frozenset(unstarted)


def look_at(engine: Engine, environment: Environment, inputs: Inputs, mark: str, preview: bool) -> EngineLook:
    """What is on *engine*. Containers that the provider has made and nobody started, as the run was killed that made
    them, go first; a *preview* leaves them, and takes them for gone. *mark*: see :mod:`.provider_mark`."""
    of_provider = _of_provider(engine, environment.name, mark) if mark else {}
    unstarted = _remove_unstarted(engine, of_provider, preview)
    wanted: list[Declared] = [item for item in declared(KINDS, environment, inputs) if item.key.guest == engine.guest]
    there = [item for item in observed(KINDS, engine, environment.name) if not item.by_module]
    found = [item for item in there if item.key not in {Key("container", name, engine.guest) for name in unstarted}]
    return EngineLook(
        by_provider=frozenset(of_provider) - unstarted,
        api=tuple(int(part) for part in engine.client.api_version.split(".")),
        there={item.key: item for item in found if item.owned},
        stays=staying([_bound(item) for item in wanted], plan(wanted, found, effect)),
    )


def _bound(item: Declared) -> Declared:
    """*item* with those of its needs that it cannot outlive: the core changes networks below containers that run."""
    names = shared(item.spec) if item.key.kind == "container" else frozenset()
    needs = tuple(need for need in item.needs if need.key.kind == "container" and need.key.name in names)
    return replace(item, needs=needs)
