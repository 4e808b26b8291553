# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The loop itself: rounds, proof, failures, and what a run may only do with somebody's consent."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils import convergence as loop
from ansible_collections.strata.kvm_docker.plugins.module_utils.convergence import Convergence
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.environment import (
    Attachment,
    DriftRule,
    Environment,
    Guest,
    GuestNetwork,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker import registry
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.applied_notes import AppliedNotes
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import (
    ConsentError,
    ConvergeError,
    ForeignObjectError,
    StrataError,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders
from ansible_collections.strata.kvm_docker.plugins.module_utils.inputs import Inputs
from ansible_collections.strata.kvm_docker.plugins.module_utils.layers import layer as layer_module
from ansible_collections.strata.kvm_docker.plugins.module_utils.layers.layer import Layer
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.model import Change, Declared, Key, Need, Observed
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.secrets import Seal
from ansible_collections.strata.kvm_docker.plugins.module_utils.progress import Progress
from toy_world import World

LAN, DISK, WEB = Key("network", "lan"), Key("disk", "web"), Key("guest", "web")
VOLUME, APP = Key("docker_volume", "data", "web"), Key("container", "app-1", "web")
ENVIRONMENT = Environment(
    name="lab",
    folder="/nowhere",
    networks={"lan": GuestNetwork(cidr=IPv4Network("10.9.0.0/24"))},
    guests={"web": Guest(name="web", image="i", networks={"lan": Attachment(address=IPv4Address("10.9.0.5"))})},
)
DECLARED = [
    Declared(LAN, {"cidr": "10.9.0.0/24"}),
    Declared(DISK, {"image": "one"}),
    Declared(WEB, {"vcpus": 1, "image": "one"}, needs=(Need(DISK, lives_on=True), Need(LAN))),
    Declared(VOLUME, {}, needs=(Need(WEB, lives_on=True),)),
    Declared(APP, {"memory": 1}, needs=(Need(WEB, lives_on=True), Need(VOLUME))),
]


class Session:
    """Hands out engines of guests that run; another one cannot be asked for."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.hypervisor: Any = SimpleNamespace()

    def connection(self, key: Key) -> Any:
        return self.engine(key.guest) if key.guest else self.hypervisor

    def engine(self, guest: str) -> Any:
        assert self.world.there[Key("guest", guest)].running, f"the engine of {guest} cannot be looked at"
        return SimpleNamespace(guest=guest, project=None, inputs=Inputs())

    def forget(self, guest: str) -> None:
        self.world.steps.append(f"forget {guest}")


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(loop, "unsettled", lambda engine, wanted: [])
    monkeypatch.setattr(loop, "domain_problem", lambda hypervisor, environment, guest: "")
    return World(declared=list(DECLARED)).use(monkeypatch)


def run(world: World, environment: Environment = ENVIRONMENT, **options: Any) -> Convergence:
    made: Any = {"environment": environment, "inputs": Inputs(), "session": Session(world), "progress": Progress()}
    return Convergence(**made, probe=lambda inputs: "qemu", **options)


def up(world: World) -> None:
    for item in DECLARED:
        world.put(item.key)


def words(plan: Any) -> list[str]:
    return [f"{change.action} {change.key}" for change in plan]


def test_an_empty_world_is_made_whole_and_then_nothing_is_left(world: World) -> None:
    assert words(run(world).converge()) == [f"create {item.key}" for item in DECLARED]
    assert not run(world).converge()


def test_notes_of_containers_go_with_their_guest(world: World, tmp_path: Path) -> None:
    up(world)
    notes = AppliedNotes.of(ENVIRONMENT.name, Folders(tmp_path), "web")
    notes.write("1", DECLARED[-1], Seal())
    session: Any = Session(world)
    session.hypervisor = SimpleNamespace(folders=Folders(tmp_path))
    made = run(world)
    made.session = session
    made.apply(Change(WEB, "restart", "memory changed", declared=DECLARED[2]))
    assert notes.read("1", Seal()) is not None
    made.apply(Change(WEB, "delete", "not declared"))
    assert notes.read("1", Seal()) is None


def test_what_the_shared_store_has_is_not_made_again(world: World) -> None:
    image, other = Key("guest_image", "i"), Key("guest_image", "somebody_elses")
    world.declared.append(Declared(image, {"digest": "one"}))
    up(world)
    world.put(image)
    world.put(other)
    made = run(world).converge()
    assert (words(made), made.orphans) == ([], ())


def test_a_preview_tells_what_the_run_then_does(world: World) -> None:
    previewed = words(run(world).converge(check=True))
    assert previewed == words(run(world).converge())
    assert previewed


def test_what_is_on_a_guest_that_was_off_is_planned_in_a_second_round(world: World) -> None:
    up(world)
    world.put(WEB, running=False)
    world.put(APP, spec={"memory": 9})
    before = run(world).converge(check=True)
    assert (words(before), before.unobserved) == (["start guest web"], ("web",))
    assert words(run(world).converge()) == ["start guest web", "update container web/app-1"]


def test_a_guest_that_is_adopted_keeps_what_is_on_its_engine(world: World) -> None:
    up(world)
    for key in (DISK, WEB):
        world.there[key] = Observed(key, world.there[key].spec, owned=False, running=key != WEB)
    with pytest.raises(ForeignObjectError, match=r"disk web: .*adopt: true"):
        run(world).converge(check=True)
    before = run(world, adopt=True).converge(check=True)
    assert (words(before), before.unobserved) == (["update disk web", "start guest web"], ("web",))
    assert words(run(world, adopt=True).converge()) == ["update disk web", "start guest web"]
    assert APP in world.there
    assert not run(world).converge()


def test_a_guest_whose_network_is_down_is_not_asked_before_that_is_up(world: World) -> None:
    up(world)
    world.put(LAN, running=False)
    before = run(world).converge(check=True)
    assert (words(before), before.unobserved) == (["start network lan"], ("web",))
    assert words(run(world).converge()) == ["start network lan"]


def test_what_does_not_come_to_rest_is_an_error_that_tells_what_is_left(world: World) -> None:
    up(world)
    world.restless.add(APP)
    world.put(APP, spec={"memory": 9})
    with pytest.raises(StrataError, match="does not come to rest; still to do:\nupdate container web/app-1"):
        run(world).converge()


def test_a_failed_run_tells_what_it_had_changed(world: World) -> None:
    world.failing.add(VOLUME)
    with pytest.raises(ConvergeError) as failed:
        run(world).converge()
    assert words(failed.value.made) == ["create network lan", "create disk web", "create guest web"]
    world.failing.clear()
    assert words(run(world).converge()) == ["create docker_volume web/data", "create container web/app-1"]


def test_a_disk_is_replaced_only_with_consent_and_refused_before_anything_is_touched(world: World) -> None:
    up(world)
    world.put(DISK, spec={"image": "other"}, applied={"image": "other"})
    world.put(LAN, spec={"cidr": "10.1.0.0/24"})
    for check in (False, True):
        with pytest.raises(ConsentError, match="replace_guests: true") as refused:
            run(world).converge(check)
        assert words(refused.value.plan) == ["replace disk web"]
    assert world.steps == []
    made = words(run(world, replace_guests=True).converge())
    assert made[:3] == ["replace network lan", "replace disk web", "create guest web"]


def test_starting_starts_and_leaves_what_differs(world: World) -> None:
    up(world)
    world.put(WEB, spec={"vcpus": 9}, running=False)
    world.put(APP, spec={"memory": 9}, running=False)
    del world.there[VOLUME]
    assert words(run(world, only="start").converge()) == ["start guest web", "start container web/app-1"]
    assert world.there[APP].spec == {"memory": 9}
    assert VOLUME not in world.there


def test_policies_of_the_declaration_are_heeded(world: World) -> None:
    up(world)
    world.put(APP, spec={"memory": 9})
    rule = DriftRule(object="container web/*", path="memory", policy="report")
    made = run(world, replace(ENVIRONMENT, drift=(rule,))).converge()
    assert not made
    assert [(drift.key, drift.difference.path) for drift in made.reported] == [(APP, ("memory",))]


def test_a_container_that_a_policy_leaves_off_is_not_waited_for(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    up(world)
    world.put(APP, spec={"memory": 9}, running=False)
    waited: list[Key] = []
    monkeypatch.setattr(loop, "unsettled", lambda engine, wanted: waited.extend(item.key for item in wanted) or [])
    rule = DriftRule(object="container web/*", path="running", policy="ignore")
    assert words(run(world, replace(ENVIRONMENT, drift=(rule,))).converge()) == ["update container web/app-1"]
    assert (world.there[APP].running, waited) == (False, [])


@pytest.mark.parametrize("policy", ["ignore", "report"])
def test_a_guest_that_a_policy_leaves_off_is_looked_at_once_and_told(world: World, policy: Any) -> None:
    up(world)
    world.put(WEB, running=False)
    del world.there[APP]
    rule = DriftRule(object="guest *", path="running", policy=policy)
    made = run(world, replace(ENVIRONMENT, drift=(rule,))).converge()
    assert (words(made), made.unobserved, world.looks) == ([], ("web",), 1)


def layer(world: World, *kinds: str, **options: Any) -> Layer:
    connection = SimpleNamespace(guest="web")
    return Layer(environment=ENVIRONMENT, connection=connection, kinds=kinds, **options)


def test_a_layer_of_what_lies_in_the_shared_store_makes_it_once(world: World) -> None:
    world.declared = [Declared(Key("guest_image", "i"), {"digest": "one"})]
    assert words(layer(world, "guest_image").converge()) == ["create guest_image i"]
    assert not layer(world, "guest_image").converge()


def test_what_a_module_made_on_a_guest_is_no_orphan_and_is_not_taken(world: World) -> None:
    up(world)
    other = Key("docker_volume", "other", "web")
    world.there[other] = Observed(other, {}, project="shop", by_module=True)
    assert not run(world, remove_orphans=True).converge()
    world.there[VOLUME] = Observed(VOLUME, {}, project="shop", by_module=True)
    with pytest.raises(ForeignObjectError, match="docker_volume web/data of project shop: exists already"):
        run(world, remove_orphans=True).converge()
    assert {other, VOLUME} <= set(world.there)


def test_a_layer_on_its_own_is_checked_made_and_then_unchanged(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    kinds = ("docker_volume", "docker_network")
    previewed = words(layer(world, *kinds).converge(check=True))
    assert previewed == words(layer(world, *kinds).converge()) == ["create docker_volume web/data"]
    assert not layer(world, *kinds).converge(check=True)
    assert not layer(world, *kinds).converge()


def test_a_layer_leaves_what_its_declaration_does_not_speak_for(world: World) -> None:
    other = Key("docker_volume", "other", "web")
    world.put(other)
    about = {"speaks_for": lambda item: item.key == VOLUME, "remove_orphans": True}
    world.put(VOLUME)
    world.declared = []
    assert words(layer(world, "docker_volume", **about).converge()) == ["delete docker_volume web/data"]
    assert set(world.there) == {other}


def test_removing_what_is_not_ours_is_an_error(world: World) -> None:
    world.declared = []
    world.there[VOLUME] = Observed(VOLUME, {}, owned=False)
    with pytest.raises(ForeignObjectError, match="docker_volume web/data: does not belong"):
        layer(world, "docker_volume", remove_orphans=True).converge()


def test_a_layer_that_is_not_to_run_is_stopped_whatever_else_differs(world: World) -> None:
    up(world)
    world.put(WEB, spec={"image": "other"})
    stop = {"running": False, "only": "stop"}
    assert words(Layer(environment=ENVIRONMENT, connection=None, kinds=("guest",), **stop).converge()) == [
        "stop guest web"
    ]
    assert (world.there[WEB].running, world.there[WEB].spec) == (False, {"image": "other"})


def only(world: World, action: str) -> Layer:
    return layer(world, "container", running=action == "start", only=action)


@pytest.fixture
def replicated(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """Two replicas of a service that waits for the health of a database and for a job."""
    db, job, one, two = (Key("container", name, "web") for name in ("db", "job", "app-1", "app-2"))
    needs = (Need(db, "healthy"), Need(job, "completed"))
    world.declared = [
        Declared(one, {}, needs, rolling=("web/app", 1)),
        Declared(two, {}, needs, rolling=("web/app", 1)),
        Declared(db, {}),
        Declared(job, {}, (Need(db, "healthy"),)),
    ]
    world.jobs = {job}
    monkeypatch.setattr(layer_module, "unsettled", lambda connection, declared: [])
    layer(world, "container").converge()
    return world


def test_containers_are_stopped_before_those_that_they_need_and_nothing_is_waited_for(replicated: World) -> None:
    replicated.steps.clear()
    stopped = words(only(replicated, "stop").converge())
    assert stopped == [f"stop container web/{name}" for name in ("app-2", "app-1", "db")]
    assert replicated.steps[-1] == "stop container web/db"
    assert len(replicated.steps) == 3
    assert not only(replicated, "stop").converge()


def test_what_is_started_again_waits_for_what_it_needs_and_a_job_that_succeeded_is_not_run_again(
    replicated: World,
) -> None:
    only(replicated, "stop").converge()
    replicated.steps.clear()
    started = words(only(replicated, "start").converge())
    assert started == [f"start container web/{name}" for name in ("db", "app-1", "app-2")]
    assert replicated.steps[:2] == ["start container web/db", "healthy container web/db"]
    assert not layer(replicated, "container").converge()


def test_a_job_that_still_runs_is_stopped(replicated: World) -> None:
    replicated.put(Key("container", "job", "web"))
    assert "stop container web/job" in words(only(replicated, "stop").converge())


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Guests whose tags were asked for."""
    guests: list[str] = []
    monkeypatch.setattr(registry, "ask", lambda engine, which: guests.append(engine.guest) or {})
    return guests


def test_registries_are_asked_once_a_run_in_check_mode_too(world: World, asked: list[str]) -> None:
    up(world)
    world.put(APP, spec={"memory": 9})
    run(world).converge(check=True)
    assert asked == ["web"]
    run(world).converge()
    assert asked == ["web", "web"]


def test_registries_are_not_asked_where_nothing_but_starting_is_to_be_done(world: World, asked: list[str]) -> None:
    up(world)
    run(world, only="start").converge()
    assert asked == []


def test_registries_are_asked_after_the_engine_has_its_settings(world: World, asked: list[str]) -> None:
    settings = Key("engine", "docker", "web")
    world.declared.append(Declared(settings, {"settings": {"insecure-registries": ["registry.lan:5000"]}}))
    up(world)
    world.put(settings, spec={"settings": {}})
    run(world).converge(check=True)
    assert asked == []
    run(world).converge()
    assert asked == ["web"]
