# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Laws of whole runs over one layer: previews tell what runs do, and the way there leaves no trace."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.environment import Environment
from ansible_collections.strata.kvm_docker.plugins.module_utils.layers.layer import Layer
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.diff import leaves
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.model import Declared, Key, Need, Path
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_world import World

KINDS = ("docker_network", "docker_volume")
ENVIRONMENT = Environment(name="lab", folder="/nowhere")

scalars = st.sampled_from([None, "", 0, 1, "x", "y", True, False])
specs = st.dictionaries(
    st.sampled_from(["memory", "vcpus", "image", "labels"]),
    st.one_of(scalars, st.dictionaries(st.sampled_from(["k", "l"]), scalars, max_size=2)),
    max_size=3,
)


@st.composite
def declarations(draw: st.DrawFn) -> list[Declared]:
    """Volumes that need networks, or are rebuilt with them; a toy kind has no other kinds below it."""
    networks = [Key("docker_network", name, "web") for name in draw(st.sets(st.sampled_from("abc")))]
    volumes = [Key("docker_volume", name, "web") for name in draw(st.sets(st.sampled_from("abc")))]
    made = [Declared(key, draw(specs)) for key in networks]
    for key in volumes:
        needs = draw(st.lists(st.sampled_from(networks), max_size=2)) if networks else []
        made.append(Declared(key, draw(specs), tuple(Need(need, rebuilt_with=draw(st.booleans())) for need in needs)))
    return made


def layer(remove_orphans: bool) -> Layer:
    connection = SimpleNamespace(guest="web")
    return Layer(environment=ENVIRONMENT, connection=connection, kinds=KINDS, remove_orphans=remove_orphans)


def drifted(world: World, data: st.DataObject) -> None:
    """Somebody removes some objects, and edits others: what nobody ever wrote is no drift, but a default."""
    for key in sorted(world.there):
        edit = data.draw(st.sampled_from(["nothing", "spec", "removed"]))
        if edit == "removed":
            del world.there[key]
        elif edit == "spec":
            applied = world.there[key].applied or {}
            edited = {leaf: data.draw(scalars) for leaf in applied if not isinstance(applied[leaf], dict)}
            world.put(key, spec={**applied, **edited}, applied=applied)


@settings(max_examples=60)
@given(declarations(), declarations(), st.data(), st.booleans())
def test_check_mode_tells_exactly_what_the_run_then_changes(
    before: list[Declared], after: list[Declared], data: st.DataObject, remove: bool
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        world = World(declared=before).use(patch)
        layer(remove).converge()
        drifted(world, data)
        world.declared = after
        previewed = layer(remove).converge(check=True)
        done = layer(remove).converge()
        assert [(str(change), change.differences) for change in previewed] == [
            (str(change), change.differences) for change in done
        ]
        assert previewed.orphans == done.orphans
        assert not layer(remove).converge(check=True)
        assert not layer(remove).converge()


@settings(max_examples=60)
@given(declarations(), declarations(), st.data())
def test_one_declaration_after_another_ends_as_the_other_from_empty(
    first: list[Declared], second: list[Declared], data: st.DataObject
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        world = World(declared=first).use(patch)
        layer(True).converge()
        drifted(world, data)
        world.declared = second
        layer(True).converge()
        alone = World(declared=second).use(patch)
        layer(True).converge()
        assert states(world) == states(alone)


@st.composite
def projects(draw: st.DrawFn) -> tuple[list[Declared], set[Key]]:
    """Containers of which each may need earlier ones in some condition, and those of them that are jobs."""
    keys = [Key("container", name, "web") for name in draw(st.lists(st.sampled_from("abcd"), unique=True))]
    jobs = {key for key in keys if draw(st.booleans())}
    made = []
    for index, key in enumerate(keys):
        needed = draw(st.sets(st.sampled_from(keys[:index]))) if index else set()
        needs = (Need(other, "completed" if other in jobs else draw(conditions)) for other in sorted(needed))
        made.append(Declared(key, draw(specs), tuple(needs), rolling=("web/all", 1)))
    return made, jobs


conditions = st.sampled_from(["applied", "healthy"])


def containers(**options: Any) -> Layer:
    connection = SimpleNamespace(guest="web")
    return Layer(environment=ENVIRONMENT, connection=connection, kinds=("container",), wait=False, **options)


@settings(deadline=None, max_examples=60)
@given(projects())
def test_what_stops_does_so_before_what_it_needs_and_starts_as_it_was(
    project: tuple[list[Declared], set[Key]],
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        world = World(declared=project[0], jobs=project[1]).use(patch)
        containers().converge()
        before = dict(world.there)
        world.steps.clear()
        stopped = containers(running=False, only="stop").converge()
        assert sorted(world.steps) == sorted(f"stop {change.key}" for change in stopped)
        place = {step.removeprefix("stop "): index for index, step in enumerate(world.steps)}
        for change in stopped:
            needed = [str(need.key) for need in change.declared.needs] if change.declared else []
            assert all(place[str(change.key)] < place[other] for other in needed if other in place)
        assert not any(item.running for item in world.there.values())
        assert not containers(running=False, only="stop").converge()
        containers(only="start").converge()
        assert world.there == before
        assert not containers().converge()


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(1, 3), st.sampled_from(["nothing", "edited", "note lost"])), min_size=1))
def test_drift_that_is_ignored_stays_and_a_new_declaration_is_always_applied(history: list[tuple[int, str]]) -> None:
    app = Key("container", "app", "web")
    edited = False
    with pytest.MonkeyPatch.context() as patch:
        world, last = World().use(patch), 0
        for memory, meanwhile in history:
            world.declared = [Declared(app, {"memory": memory})]
            stays = edited and memory == last and app in world.notes
            containers(policy=lambda key, difference: "ignore").converge()
            assert world.there[app].spec["memory"] == (9 if stays else memory)
            edited = stays
            if meanwhile == "edited":
                world.there[app] = replace(world.there[app], spec={"memory": 9})
                edited = True
            elif meanwhile == "note lost":
                world.notes.clear()
            last = memory


def states(world: World) -> dict[Key, dict[Path, object]]:
    """What is there, without leaves that mean the same as not being there."""
    return {key: {path: leaf for path, leaf in leaves(item.spec) if leaf} for key, item in world.there.items()}
