# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures of the modules of the Docker layer: a real engine, a busybox on it, an environment for each test."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import lab
import pytest
from packages import busybox_program

for folder in ("docker", "docker_image"):
    sys.path.insert(0, str(Path(__file__).parents[1] / folder))

from container_lab import import_image  # noqa: E402
from docker_module import IMAGE, Modules  # noqa: E402

if TYPE_CHECKING:
    import docker


@pytest.fixture(scope="session")
def busybox() -> Path:
    """Debian's static busybox."""
    return busybox_program()


@pytest.fixture(scope="session")
def client(lab_engine: lab.LabEngine, busybox: Path) -> Iterator[docker.APIClient]:
    """The API of the lab's engine, on which busybox is."""
    client = lab_engine.client()
    import_image(client, busybox, IMAGE)
    yield client
    client.close()


@pytest.fixture(scope="session")
def state() -> Iterator[Path]:
    """A state folder with a short path."""
    with lab.root_folder() as folder:
        yield folder


@pytest.fixture
def modules(lab_engine: lab.LabEngine, client: docker.APIClient, state: Path) -> Iterator[Modules]:
    """Modules on the lab's engine; what they and a test left there is removed."""
    yield Modules(defaults={"docker_host": f"unix://{lab_engine.socket}", "state_folder": str(state)})
    for row in client.containers(all=True):
        client.remove_container(row["Id"], force=True, v=True)
    for network in client.networks():
        if network["Name"] not in ("bridge", "host", "none"):
            client.remove_network(network["Id"])
    for volume in client.volumes()["Volumes"] or ():
        client.remove_volume(volume["Name"])
    for image in client.images(all=True):
        for name in [tag for tag in image["RepoTags"] or () if not tag.startswith(("strata-test/", "<none>"))]:
            client.remove_image(name, force=True)
