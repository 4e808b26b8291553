# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Laws of whole runs over one layer: previews tell what runs do, and the way there leaves no trace."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.environment import Environment
from ansible_collections.strata.kvm_docker.plugins.module_utils.layer import Layer
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


def states(world: World) -> dict[Key, dict[Path, object]]:
    """What is there, without leaves that mean the same as not being there."""
    return {key: {path: leaf for path, leaf in leaves(item.spec) if leaf} for key, item in world.there.items()}
