# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Laws that hold for any declared and any observed state."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import ForeignObjectError
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.model import (
    Change,
    Declared,
    Difference,
    Effect,
    Key,
    Need,
    Observed,
    Plan,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.resources import ENGINE_KINDS, HYPERVISOR_KINDS, plan
from ansible_collections.strata.kvm_docker.plugins.module_utils.resources import KINDS as TRAITS
from hypothesis import assume, given
from hypothesis import strategies as st

World = dict[Key, Observed]
KINDS = tuple(TRAITS)

names = st.sampled_from(["a", "b", "c"])
hypervisor_keys = st.builds(Key, st.sampled_from(HYPERVISOR_KINDS), names)
engine_keys = st.builds(Key, st.sampled_from(ENGINE_KINDS), names, names)
keys = st.one_of(hypervisor_keys, engine_keys)
scalars = st.one_of(st.none(), st.booleans(), st.integers(0, 3), st.sampled_from(["", "x", "y"]))
values = st.one_of(scalars, st.lists(st.sampled_from(["p", "q"]), max_size=2))
specs = st.dictionaries(
    st.sampled_from(["memory", "image", "labels"]),
    st.one_of(values, st.dictionaries(st.sampled_from(["k", "l"]), values, max_size=2)),
    max_size=3,
)


@st.composite
def declarations(draw: st.DrawFn) -> list[Declared]:
    """Objects that need only objects of lower rank, so that there is no cycle."""
    chosen = sorted(draw(st.sets(keys, max_size=8)), key=lambda key: (KINDS.index(key.kind), key))
    made = []
    for index, key in enumerate(chosen):
        targets = draw(st.lists(st.sampled_from(chosen[:index]), max_size=2)) if index else []
        needs = tuple(
            Need(target, lives_on=draw(st.booleans()), rebuilt_with=draw(st.booleans())) for target in targets
        )
        replica = key.kind == "container" and not any(target.kind == "container" for target in targets)
        rolling = draw(st.sampled_from([None, ("group", 1), ("group", 2)])) if replica else None
        made.append(Declared(key, draw(specs), needs, rolling))
    return made


@st.composite
def worlds(draw: st.DrawFn) -> World:
    chosen = draw(st.sets(keys, max_size=8))
    return {
        key: Observed(
            key,
            draw(specs),
            draw(st.one_of(st.none(), specs)),
            owned=draw(st.integers(0, 9)) > 0,
            running=draw(st.booleans()),
            broken=draw(st.sampled_from(["", "", "", "half-made"])),
            surplus=draw(st.sampled_from(["", "", "app has 1 replica now"])),
        )
        for key in chosen
    }


def effect(_key: Key, difference: Difference) -> Effect:
    return {"memory": Effect.IN_PLACE, "labels": Effect.RESTART}.get(difference.path[0], Effect.REPLACE)


def applied(world: World, changes: tuple[Change, ...]) -> World:
    """What the world looks like after *changes*; whatever is on a guest vanishes when that is made anew."""
    after = dict(world)
    for change in changes:
        if change.key.kind == "guest" and change.action in ("create", "replace", "delete"):
            after = {key: item for key, item in after.items() if key.guest != change.key.name}
        if change.declared is None:
            after.pop(change.key, None)
        else:
            after[change.key] = Observed(change.key, change.declared.spec, change.declared.spec)
    return after


@given(declarations(), worlds(), st.booleans())
def test_planning_after_applying_a_plan_gives_an_empty_plan(
    declared: list[Declared], world: World, remove: bool
) -> None:
    try:
        first = plan(declared, world.values(), effect, remove_orphans=remove)
    except ForeignObjectError:
        assume(False)
        raise
    hosts = {Key("guest", item.key.guest) for item in declared}
    assume(not any(change.action == "delete" and change.key in hosts for change in first))
    after = applied(world, first.changes)
    assert not plan(declared, after.values(), effect, remove_orphans=remove)


@given(declarations(), worlds())
def test_no_plan_touches_an_object_that_is_not_owned(declared: list[Declared], world: World) -> None:
    foreign = {key for key, item in world.items() if not item.owned}
    try:
        made = plan(declared, world.values(), effect, remove_orphans=True)
    except ForeignObjectError as error:
        named = [key for key in foreign if str(key) in str(error)]
        assert set(named) >= foreign & {item.key for item in declared}
    else:
        assert not foreign & made.keys()


@given(declarations().filter(bool), worlds(), st.data())
def test_strangers_are_taken_over_where_the_error_named_the_option(
    declared: list[Declared], world: World, data: st.DataObject
) -> None:
    item = data.draw(st.sampled_from(declared))
    world[item.key] = replace(world.get(item.key, Observed(item.key, data.draw(specs))), owned=False)
    with pytest.raises(ForeignObjectError) as refused:
        plan(declared, world.values(), effect)
    if "adopt: true" not in str(refused.value):
        with pytest.raises(ForeignObjectError, match="cannot be taken over"):
            plan(declared, world.values(), effect, adopt=True)
        return
    made = plan(declared, world.values(), effect, adopt=True)
    assert {change.key for change in made if "adopted" in change.reason} == {
        item.key for item in declared if item.key in world and not world[item.key].owned
    }
    assert not plan(declared, applied(world, made.changes).values(), effect, adopt=True)


@given(declarations(), worlds())
def test_every_step_comes_after_the_steps_that_it_needs(declared: list[Declared], world: World) -> None:
    assume(not any(not item.owned for item in world.values()))
    seen: set[Key] = set()
    made = plan(declared, world.values(), effect, remove_orphans=True)
    for change in made:
        assert {need.key for need in change.needs} & made.keys() <= seen
        seen.add(change.key)


@given(declarations(), worlds(), st.randoms())
def test_a_plan_does_not_depend_on_the_order_of_its_inputs(declared: list[Declared], world: World, random: Any) -> None:
    assume(not any(not item.owned for item in world.values()))
    shuffled, observed = list(declared), list(world.values())
    random.shuffle(shuffled)
    random.shuffle(observed)
    assert plan(declared, world.values(), effect) == plan(shuffled, observed, effect)


@given(declarations(), worlds())
def test_orphans_are_only_reported_unless_they_are_to_be_removed(declared: list[Declared], world: World) -> None:
    assume(not any(not item.owned for item in world.values()))
    kept = plan(declared, world.values(), effect)
    removed = plan(declared, world.values(), effect, remove_orphans=True)
    surplus = {key for key in deleted(kept) | set(kept.orphans) if world[key].surplus}
    assert deleted(kept) == surplus
    assert deleted(removed) == surplus | set(kept.orphans)
    assert not removed.orphans


def deleted(made: Plan) -> set[Key]:
    return {change.key for change in made if change.action == "delete"}
