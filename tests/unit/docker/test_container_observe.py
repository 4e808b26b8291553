# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an engine shows of a container, as a canonical tree and as verdicts."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.compose import Service, ServiceNetwork
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.container_body import create_body, endpoint
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.container_observe import (
    Surroundings,
    broken,
    image_source,
    observed_spec,
    running,
    succeeded,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.health import failure
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.image_marks import ListedImage, mark
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.labels import applied, marks
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.model import Declared, Key
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.secrets import Seal
from simulated_engine import IDENTITY, inspected, spec

APP = Service(name="app", image="app:1", networks={"default": ServiceNetwork(aliases=("web",))})


def shown(state: dict[str, Any] | None = None, restarts: int = 0) -> dict[str, Any]:
    tree = spec(APP)
    labels = marks("lab", Declared(Key("container", "p-app-1", "apps"), tree), Seal())
    found = inspected(create_body(tree, labels, (1, 45)), {"p_default": endpoint(tree, "p_default", (1, 45))})
    full = {"Restarting": False, "ExitCode": 0, **found["State"], **(state or {})}
    return {**found, "State": full, "RestartCount": restarts}


def listed(identity: str, *tags: str, **labels: str) -> dict[str, ListedImage]:
    return {identity: ListedImage.of({"Id": identity, "RepoTags": list(tags), "Labels": labels})}


def test_aliases_that_the_engine_adds_do_not_count() -> None:
    found = shown()
    assert IDENTITY[:12] in found["NetworkSettings"]["Networks"]["p_default"]["Aliases"]
    assert observed_spec(found, Surroundings(), {})["Networking"]["Endpoints"]["p_default"]["Aliases"] == ["app", "web"]


def test_a_namespace_is_shared_by_name_as_long_as_its_container_is_there() -> None:
    found = shown()
    found["HostConfig"]["NetworkMode"] = "container:abc"
    around = Surroundings(names={"abc": "p-app-1"})
    assert observed_spec(found, around, {})["HostConfig"]["NetworkMode"] == "container:p-app-1"
    assert observed_spec(found, Surroundings(), {})["HostConfig"]["NetworkMode"] == "container:abc"


def test_the_source_of_an_image_that_we_put_there_is_the_declared_one_or_its_id() -> None:
    found = shown()
    for source, expected in (("archive:1", "archive:1"), ("archive:2", "image:sha256:1")):
        images = listed("sha256:1", "app:1", mark("lab", "app:1", "archive:1"))
        around = Surroundings(environment="lab", images=images, sources={"app:1": source})
        assert image_source(found, around) == expected


def test_a_stranger_s_image_is_known_by_its_id_and_an_unlisted_one_by_the_label_that_its_container_has() -> None:
    found = shown()
    assert image_source(found, Surroundings(images=listed("sha256:1", "app:1"))) == "image:sha256:1"
    assert image_source(found, Surroundings()) == "recipe:1"


def test_a_container_on_a_network_that_was_removed_is_broken() -> None:
    assert broken(shown(), Surroundings(networks=frozenset({"n1"}))) == ""
    assert broken(shown(), Surroundings(networks=frozenset({"n2"}))) == "its network p_default was removed"
    assert broken(shown({"Status": "dead"}), Surroundings(networks=frozenset({"n1"}))) == "it is dead"


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ({}, (True, False)),
        ({"Paused": True}, (False, False)),
        ({"Status": "exited", "Running": False, "ExitCode": 0}, (False, True)),
        ({"Status": "exited", "Running": False, "ExitCode": 1}, (False, False)),
        ({"Status": "created", "Running": False}, (False, False)),
    ],
)
def test_who_runs_and_who_has_succeeded(state: dict[str, Any], expected: tuple[bool, bool]) -> None:
    assert (running(shown(state)), succeeded(shown(state))) == expected


def test_a_mark_that_cannot_be_read_is_none() -> None:
    assert applied({"strata.applied": "{"}) is None
    assert applied({"strata.applied": "[]"}) is None
    assert applied(None) is None


UNHEALTHY = {"Status": "unhealthy", "Log": [{"Output": "old"}, {"Output": "no\n"}]}


@pytest.mark.parametrize(
    ("state", "restarts", "job", "verdict"),
    [
        ({"Health": {"Status": "starting"}}, 0, False, ""),
        ({"Health": {"Status": "healthy"}}, 9, False, ""),
        ({"Health": {**UNHEALTHY, "FailingStreak": 3}}, 0, False, "says: no"),
        ({"Health": {**UNHEALTHY, "FailingStreak": 0}}, 0, False, ""),
        ({"Status": "exited", "ExitCode": 137, "OOMKilled": True}, 0, False, "exited with code 137 (out of memory)."),
        ({"Status": "exited", "ExitCode": 0}, 0, False, "exited with code 0."),
        ({"Status": "exited", "ExitCode": 0}, 0, True, ""),
        ({"Status": "exited", "ExitCode": 2}, 0, True, "exited with code 2."),
        ({"Status": "restarting", "Restarting": True, "ExitCode": 1}, 2, False, ""),
        ({"Status": "restarting", "Restarting": True, "ExitCode": 1}, 3, False, "keeps crashing: restarted 3 times"),
        ({"Status": "restarting", "Restarting": True, "Health": {"Status": "unhealthy"}}, 1, False, ""),
        ({"Status": "paused", "Paused": True}, 0, False, "is paused"),
        ({"Status": "created"}, 0, False, "is created, not started"),
    ],
)
def test_a_wait_fails_at_once_when_it_cannot_succeed_any_more(
    state: dict[str, Any], restarts: int, job: bool, verdict: str
) -> None:
    found = failure(shown(state, restarts), job)
    assert verdict in found
    assert bool(found) is bool(verdict)
