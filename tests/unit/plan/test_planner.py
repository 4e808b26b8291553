# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Planning: which changes, in which order, for which reason."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import ForeignObjectError, StrataError
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.model import (
    Declared,
    Difference,
    Effect,
    Key,
    Need,
    Observed,
    Plan,
    Policy,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.planner import order
from ansible_collections.strata.kvm_docker.plugins.module_utils.resources import plan

GUEST = Key("guest", "web")
NETWORK = Key("docker_network", "front", "web")
FIRST = Key("container", "app-1", "web")
SECOND = Key("container", "app-2", "web")


def replace_all(_key: Key, difference: Difference) -> Effect:
    return Effect.IN_PLACE if difference.path == ("memory",) else Effect.REPLACE


def declare(key: Key, *needs: Need, rolling: tuple[str, int] | None = None, **spec: Any) -> Declared:
    return Declared(key, spec, needs, rolling)


def make(declared: Sequence[Declared], observed: Sequence[Observed] = (), **options: Any) -> Plan:
    return plan(declared, observed, replace_all, **options)


def steps(made: Plan) -> list[str]:
    return [f"{change.action} {change.key}" for change in made]


def test_everything_is_created_from_empty_in_the_order_of_its_needs() -> None:
    made = make([declare(FIRST, Need(NETWORK)), declare(NETWORK, Need(GUEST)), declare(GUEST)])
    assert steps(made) == ["create guest web", "create docker_network web/front", "create container web/app-1"]


def test_nothing_is_planned_when_all_is_as_declared() -> None:
    assert not make([declare(GUEST, memory=1)], [Observed(GUEST, {"memory": 1})])


def test_an_object_that_is_not_running_is_started() -> None:
    assert steps(make([declare(GUEST)], [Observed(GUEST, {}, running=False)])) == ["start guest web"]


def test_what_lives_on_a_replaced_object_is_created_anew() -> None:
    made = make(
        [declare(GUEST, image="b"), declare(FIRST, Need(GUEST, lives_on=True))],
        [Observed(GUEST, {"image": "a"}), Observed(FIRST, {})],
    )
    assert steps(made) == ["replace guest web", "create container web/app-1"]
    assert made.changes[1].reason == "guest web is made anew"


def test_what_is_rebuilt_with_a_replaced_object_is_replaced() -> None:
    made = make(
        [declare(NETWORK, subnet="b"), declare(FIRST, Need(NETWORK, rebuilt_with=True))],
        [Observed(NETWORK, {"subnet": "a"}), Observed(FIRST, {})],
    )
    assert steps(made) == ["replace docker_network web/front", "replace container web/app-1"]


def test_what_is_rebuilt_with_an_object_stays_when_that_is_updated_in_place() -> None:
    made = make(
        [declare(NETWORK, memory=2), declare(FIRST, Need(NETWORK, rebuilt_with=True))],
        [Observed(NETWORK, {"memory": 1}), Observed(FIRST, {})],
    )
    assert steps(made) == ["update docker_network web/front"]


def test_the_strongest_difference_decides_and_is_named() -> None:
    (change,) = make([declare(FIRST, memory=2, image="b")], [Observed(FIRST, {"memory": 1, "image": "a"})])
    assert (change.action, change.reason) == ("replace", "image changed")
    assert len(change.differences) == 2


def test_drift_is_named_as_drift() -> None:
    (change,) = make([declare(FIRST, memory=1)], [Observed(FIRST, {"memory": 9}, applied={"memory": 1})])
    assert (change.action, change.reason) == ("update", "memory drifted")


def test_a_half_made_object_is_replaced() -> None:
    (change,) = make([declare(FIRST)], [Observed(FIRST, {}, broken="left by an interrupted run")])
    assert (change.action, change.reason) == ("replace", "left by an interrupted run")


def test_a_stranger_with_our_name_is_refused_before_anything_is_planned() -> None:
    with pytest.raises(ForeignObjectError, match="guest web: exists already and does not belong"):
        make([declare(GUEST)], [Observed(GUEST, {}, owned=False)])


def test_a_stranger_with_another_name_is_left_alone() -> None:
    made = make([], [Observed(GUEST, {}, owned=False)], remove_orphans=True)
    assert not made
    assert made.orphans == ()


def test_orphans_are_reported_and_kept_by_default() -> None:
    made = make([], [Observed(GUEST, {})])
    assert (steps(made), made.orphans) == ([], (GUEST,))


def test_a_surplus_goes_before_anything_is_made_whatever_happens_to_orphans() -> None:
    surplus = Observed(SECOND, {}, surplus="app has 1 replica now")
    made = make([declare(FIRST, image="b")], [Observed(FIRST, {"image": "a"}), surplus, Observed(NETWORK, {})])
    assert [str(change) for change in made] == [
        "delete container web/app-2: app has 1 replica now",
        "replace container web/app-1: image changed",
    ]
    assert made.orphans == (NETWORK,)


def test_a_surplus_of_somebody_else_is_left_alone_and_one_that_is_declared_is_none() -> None:
    theirs = Observed(SECOND, {}, owned=False, surplus="app has 1 replica now")
    made = make([declare(FIRST)], [Observed(FIRST, {}, surplus="its name is app-2 now"), theirs], remove_orphans=True)
    assert (steps(made), made.orphans) == ([], ())


def test_orphans_are_deleted_from_the_top_layer_down_and_before_anything_is_made() -> None:
    pool = Key("pool", "home")
    made = make([declare(Key("network", "lan"))], [Observed(pool, {}), Observed(GUEST, {})], remove_orphans=True)
    assert steps(made) == ["delete guest web", "delete pool home", "create network lan"]
    assert made.changes[2].needs == (Need(GUEST), Need(pool))


def test_a_volume_that_no_service_mounts_any_more_goes_after_the_container_that_held_it() -> None:
    volume, network = Key("docker_volume", "data", "web"), Key("docker_network", "old", "web")
    made = make(
        [declare(FIRST, mounts="none")],
        [Observed(FIRST, {"mounts": "data"}), Observed(volume, {}), Observed(network, {})],
        remove_orphans=True,
    )
    assert steps(made) == [
        "delete docker_network web/old",
        "replace container web/app-1",
        "delete docker_volume web/data",
    ]


def test_what_is_on_a_replaced_guest_is_no_orphan() -> None:
    made = make([declare(GUEST, image="b")], [Observed(GUEST, {"image": "a"}), Observed(FIRST, {})])
    assert made.orphans == ()


@pytest.mark.parametrize("held", [NETWORK, Key("docker_volume", "data", "web")], ids=lambda key: key.kind)
def test_what_is_made_anew_is_so_before_a_container_that_lets_go_of_it_is_changed(held: Key) -> None:
    made = make(
        [declare(FIRST, version="2"), declare(held, labels="b")],
        [Observed(FIRST, {"version": "1"}, holds=frozenset({held})), Observed(held, {"labels": "a"})],
    )
    assert steps(made) == [f"replace {held}", f"replace {FIRST}"]
    assert made.changes[1].needs == (Need(held),)


def test_what_goes_for_good_goes_after_the_container_that_lets_go_of_it() -> None:
    data = Key("docker_volume", "data", "web")
    observed = [Observed(FIRST, {"version": "1"}, holds=frozenset({data})), Observed(data, {})]
    made = make([declare(FIRST, version="2")], observed, remove_orphans=True)
    assert steps(made) == [f"replace {FIRST}", f"delete {data}"]
    assert made.changes[0].needs == ()


def test_replicas_are_replaced_one_after_the_other() -> None:
    group = ("web/app", 1)
    made = make(
        [declare(FIRST, rolling=group, image="b"), declare(SECOND, rolling=group, image="b")],
        [Observed(FIRST, {"image": "a"}), Observed(SECOND, {"image": "a"})],
    )
    assert made.changes[1].needs == (Need(FIRST, "healthy"),)


def test_replicas_are_created_side_by_side() -> None:
    group = ("web/app", 1)
    made = make([declare(FIRST, rolling=group), declare(SECOND, rolling=group)])
    assert all(change.needs == () for change in made)


def test_nothing_is_planned_on_a_guest_whose_engine_cannot_be_looked_at() -> None:
    made = make([declare(GUEST), declare(FIRST)], [Observed(GUEST, {}, running=False)], unobserved=["web"])
    assert (steps(made), made.unobserved) == (["start guest web"], ("web",))


def test_declared_objects_are_told_after_those_that_they_need_with_those_needs() -> None:
    healthy, elsewhere = Need(FIRST, "healthy"), Need(Key("network", "lan"))
    declared = [declare(SECOND, healthy, Need(GUEST)), declare(FIRST, Need(GUEST)), declare(GUEST, elsewhere)]
    assert list(order(declared).items()) == [(GUEST, ()), (FIRST, (Need(GUEST),)), (SECOND, (healthy, Need(GUEST)))]


def test_a_dependency_cycle_is_told() -> None:
    with pytest.raises(StrataError, match=r"dependency cycle: .*app-1"):
        make([declare(FIRST, Need(SECOND)), declare(SECOND, Need(FIRST))])


def test_a_plan_always_reads_the_same() -> None:
    items = [declare(Key("guest", name)) for name in "cab"]
    assert steps(make(items)) == steps(make(items[::-1])) == ["create guest a", "create guest b", "create guest c"]


def test_what_runs_and_is_not_to_is_stopped() -> None:
    item = Declared(GUEST, {"vcpus": 1}, running=False)
    assert [change.action for change in make([item], [Observed(GUEST, {"vcpus": 1})])] == ["stop"]
    assert not make([item], [Observed(GUEST, {"vcpus": 1}, running=False)])


@pytest.mark.parametrize("policy", ["report", "ignore"])
def test_what_a_policy_leaves_off_stays_off_whatever_else_differs(policy: Policy) -> None:
    item, off = Declared(GUEST, {"vcpus": 2}), Observed(GUEST, {"vcpus": 1}, {"vcpus": 1}, running=False)
    made = plan(
        [item],
        [off],
        lambda *_: Effect.RESTART,
        policy=lambda key, found: policy if found.path == ("running",) else "repair",
    )
    (change,) = made
    assert (change.action, change.declared and change.declared.running) == ("update", False)
    assert made.left_off == {GUEST}
    assert len(made.reported) == (1 if policy == "report" else 0)


def test_a_stranger_is_taken_over_only_where_somebody_agrees() -> None:
    app = Key("container", "app-1", "web")
    stranger = [Observed(app, {"image": "x"}, owned=False)]
    with pytest.raises(ForeignObjectError, match="adopt: true"):
        make([declare(app)], stranger)
    made = make([declare(app)], stranger, adopt=True)
    assert [str(change) for change in made] == ["replace container web/app-1: adopted: somebody else made it"]


def test_a_stranger_that_is_not_replaced_is_compared_and_is_ours_even_where_nothing_differs() -> None:
    disk = Key("disk", "web")
    for size, paths in ((1, [("memory",)]), (2, [])):
        (change,) = make([declare(disk, memory=2)], [Observed(disk, {"memory": size}, owned=False)], adopt=True)
        assert str(change) == "update disk web: adopted: somebody else made it"
        assert [difference.path for difference in change.differences] == paths
    for running, action in ((True, "restart"), (False, "start")):
        stranger = Observed(GUEST, {}, owned=False, running=running)
        assert [change.action for change in make([declare(GUEST)], [stranger], adopt=True)] == [action]


@pytest.mark.parametrize(
    ("stranger", "why"),
    [
        (Observed(GUEST, {}, owned=False, obstacle="it runs. Shut it down."), "it runs. Shut it down."),
        (Observed(GUEST, {}, owned=False, broken="its header is damaged"), "its header is damaged. Repair it"),
        (Observed(GUEST, {"image": "a"}, owned=False), "image is a, and b is declared: what is there would be lost"),
        (
            Observed(GUEST, {"image": "b", "memory": 1}, {"memory": 1}, owned=False),
            "memory is 1, and none is declared: what is there would be lost",
        ),
        (
            Observed(GUEST, {"image": "b"}, owned=False, handle="without its disk"),
            "disk web, which it lives on, is not there",
        ),
    ],
)
@pytest.mark.parametrize("adopt", [False, True])
def test_a_stranger_in_whose_way_something_is_is_refused_with_that_and_not_with_the_option(
    stranger: Observed, why: str, adopt: bool
) -> None:
    disk = Key("disk", "web")
    there = [stranger] if stranger.handle else [stranger, Observed(disk, {})]
    with pytest.raises(ForeignObjectError) as refused:
        make([declare(disk), declare(GUEST, Need(disk, lives_on=True), image="b")], there, adopt=adopt)
    assert f"guest web cannot be taken over: {why}" in str(refused.value)
    assert "adopt: true" not in str(refused.value)


def test_what_an_effect_refuses_of_a_stranger_is_why_it_is_not_taken_over() -> None:
    def refuse(key: Key, difference: Difference) -> Effect:
        raise StrataError(f"{key}: it cannot shrink")

    stranger = Observed(GUEST, {"memory": 9}, owned=False)
    with pytest.raises(ForeignObjectError, match=r"guest web cannot be taken over: it cannot shrink$"):
        plan([declare(GUEST, memory=1)], [stranger], refuse)


@pytest.mark.parametrize("adopt", [False, True])
def test_what_is_of_a_kind_that_is_never_taken_over_is_refused_without_naming_the_option(adopt: bool) -> None:
    forward = Key("forward", "127.0.0.1:80")
    with pytest.raises(ForeignObjectError) as refused:
        make([declare(forward)], [Observed(forward, {}, owned=False)], adopt=adopt)
    assert "adopt" not in str(refused.value)


def test_replicas_take_turns_in_the_order_of_their_numbers_also_where_they_are_updated_in_place() -> None:
    keys = [Key("container", f"app-{index}", "web") for index in (10, 2, 1)]
    declared = [Declared(key, {"memory": 2}, rolling=("web/app", 1)) for key in keys]
    observed = [Observed(key, {"memory": 1}, {"memory": 1}) for key in keys]
    made = plan(declared, observed, lambda _key, _difference: Effect.IN_PLACE)
    assert [(change.key.name, [need.key.name for need in change.needs]) for change in made] == [
        ("app-1", []),
        ("app-2", ["app-1"]),
        ("app-10", ["app-2"]),
    ]


def test_a_plan_of_one_action_only_leaves_everything_else_as_it_is() -> None:
    lan = Key("network", "lan")
    declared = [declare(lan), Declared(GUEST, {"vcpus": 2}, needs=(Need(lan),))]
    observed = [Observed(GUEST, {"vcpus": 1}, {"vcpus": 1}, running=False)]
    made = plan(declared, observed, lambda _key, _difference: Effect.RESTART).only("start")
    assert [(str(change.key), change.differences, change.needs) for change in made] == [("guest web", (), ())]
