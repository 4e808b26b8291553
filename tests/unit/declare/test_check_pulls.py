# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A ``pull_policy`` that cannot be kept is refused."""

from __future__ import annotations

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.check_pulls import check_pulls
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.compose import Build, Project, Service
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.environment import (
    ContainerImage,
    Environment,
    Guest,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.sources import Sources


def problems(*services: Service, **here: ContainerImage) -> list[str]:
    project = Project(name="p", file="/p/compose.yaml", services={service.name: service for service in services})
    guest = Guest(name="web", image="i", compose=project)
    environment = Environment(name="e", folder="/p", guests={"web": guest}, container_images=here)
    return [str(problem) for problem in check_pulls(environment, guest, project, Sources())]


ALWAYS = Service(name="a", image="app", pull_policy="always")


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (Service(name="b", image="docker.io/library/app:latest", build=Build(context="/p")), "service b builds app"),
        (Service(name="b", image="app:latest", pull_policy="never"), "service b has 'never' for the same image"),
    ],
)
def test_always_is_refused_where_another_service_builds_the_image_or_forbids_it(other: Service, words: str) -> None:
    (found,) = problems(ALWAYS, other)
    assert "services.a.pull_policy" in found
    assert words in found


def test_always_is_refused_for_an_image_of_container_images() -> None:
    (found,) = problems(ALWAYS, app=ContainerImage(archive="app.tar"))
    assert "app is in container_images, so it is not pulled" in found


def test_what_is_pulled_from_a_registry_may_be_pulled_always() -> None:
    assert problems(ALWAYS, Service(name="b", image="other", build=Build(context="/p"))) == []
    assert problems(Service(name="a", image="app"), app=ContainerImage(archive="app.tar")) == []
