# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which containers a service has no use for any more, and which of them are nobody's to remove unasked."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.compose import Project, Service
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.engine import Engine
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.surplus import surplus

LABELS = {"strata.container": "p-app-2", "strata.project": "p", "strata.service": "app", "strata.replica": "2"}


def engine(*services: Service, **fields: Any) -> Engine:
    nobody: Any = None
    project = Project(name="p", file="/nowhere", services={service.name: service for service in services})
    return Engine(**{"guest": "apps", "environment": "lab", "client": nobody, "project": project, **fields})


def app(**fields: Any) -> Service:
    return Service(name="app", image="app:1", **fields)


@pytest.mark.parametrize(
    ("service", "reason"),
    [
        (app(replicas=2), ""),
        (app(replicas=1), "app has 1 replica now"),
        (app(replicas=0), "app has 0 replicas now"),
        (app(replicas=1, container_name="app"), "app has 1 replica now"),
    ],
)
def test_a_replica_beyond_the_number_is_surplus(service: Service, reason: str) -> None:
    assert surplus(engine(service), "p-app-2", LABELS) == reason


@pytest.mark.parametrize(
    ("before", "service", "reason"),
    [
        ("app", app(container_name="app"), ""),
        ("app", app(container_name="web"), "its name is web now"),
        ("app", app(), "its name is p-app-1 now"),
        ("app", app(container_name="app", replicas=2), "its name is p-app-1 now"),
        ("p-app-1", app(container_name="app"), "its name is app now"),
    ],
)
def test_a_replica_that_is_declared_under_another_name_is_surplus(before: str, service: Service, reason: str) -> None:
    labels = {**LABELS, "strata.container": before, "strata.replica": "1"}
    assert surplus(engine(service), before, labels) == reason


@pytest.mark.parametrize(
    "labels",
    [
        {"strata.project": "q"},
        {"strata.layer": "docker"},
        {"strata.service": "db"},
        {"strata.container": "p-app-9"},
    ],
    ids=["of another project", "made by a module", "of a service that is gone", "renamed by somebody"],
)
def test_what_something_else_may_have_a_use_for_is_no_surplus(labels: dict[str, str]) -> None:
    assert surplus(engine(app()), "p-app-2", {**LABELS, **labels}) == ""


def test_what_a_module_made_is_surplus_to_a_module() -> None:
    assert surplus(engine(app(), by_module=True), "p-app-2", {**LABELS, "strata.layer": "docker"})


def test_without_a_project_nothing_is_surplus() -> None:
    assert surplus(engine(project=None), "p-app-2", LABELS) == ""


@pytest.mark.parametrize("mark", sorted(LABELS))
@pytest.mark.parametrize("value", [None, "nonsense"])
def test_a_mark_that_is_not_as_we_write_it_makes_no_surplus(mark: str, value: str | None) -> None:
    """Anybody can make a container with some of our labels."""
    labels = {**LABELS, mark: value} if value else {name: LABELS[name] for name in LABELS if name != mark}
    assert surplus(engine(app()), "p-app-2", labels) == ""
