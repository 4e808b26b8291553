# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks that a ``pull_policy`` can be kept. No I/O."""

from __future__ import annotations

from collections.abc import Iterator

from ..errors import Problem
from .compose import Project, Service
from .environment import Environment, Guest
from .reference import familiar
from .sources import Sources


def check_pulls(environment: Environment, guest: Guest, project: Project, sources: Sources) -> Iterator[Problem]:
    """``always`` is for images of registries; two services must not ask for one image in two ways."""
    here = {familiar(name) for name in environment.container_images}
    for name, service in project.services.items():
        if service.pull_policy == "always":
            for message in _hindrances(service, project, here):
                yield sources.compose_problem(guest.name, ("services", name, "pull_policy"), message)


def _hindrances(service: Service, project: Project, here: set[str]) -> Iterator[str]:
    image = familiar(service.image)
    users = [other for other in project.services.values() if familiar(other.image) == image]
    built = next((other.name for other in users if other.build), None)
    never = next((other.name for other in users if other.pull_policy == "never"), None)
    if built:
        yield f"service {built} builds {service.image}, so it is not pulled; take pull_policy away, or build"
    elif image in here:
        yield f"{service.image} is in container_images, so it is not pulled; take pull_policy away, or that entry"
    elif never:
        yield f"service {never} has 'never' for the same image; give both the same"
