# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A project of a test's own on the session's engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from container_lab import IMAGE, Stack, import_image, project
from packages import busybox_program

if TYPE_CHECKING:
    import docker
    from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.compose import Service


@pytest.fixture(scope="session")
def busybox() -> Path:
    """Debian's static busybox."""
    return busybox_program()


@pytest.fixture(scope="session")
def image(engine_client: docker.APIClient, busybox: Path) -> str:
    """An image with an entrypoint, a command, an environment and a label of its own."""
    defaults = ['ENTRYPOINT ["/bin/busybox"]', 'CMD ["sleep", "3600"]', "ENV FROM=image", "LABEL from=image"]
    import_image(engine_client, busybox, IMAGE, defaults)
    return IMAGE


@pytest.fixture
def stack(
    engine_client: docker.APIClient, image: str, request: pytest.FixtureRequest
) -> Iterator[Callable[..., Stack]]:
    """Makes projects of given services, each named after its environment; all is removed at the end."""
    made: list[Stack] = []

    def make(name: str, *services: Service, **fields: object) -> Stack:
        stack = Stack(client=engine_client, name=name, project=project(name, *services, **fields))
        stack.mark_image()
        made.append(stack)
        return stack

    yield make
    for stack in made:
        stack.remove()
