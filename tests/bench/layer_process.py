# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Converges one layer in a process of its own, as a module does, and prints what it changed and how long it took.

layer_process.py engine SOCKET COMPOSE_FILE wait|go     the networks, volumes and containers of a Compose file
layer_process.py guests STATE_FOLDER IMAGES COUNT       the networks, pool, disks and guests of tests/kvm_lab.py
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TESTS), str(TESTS.parent / "collections")]

import kvm_lab  # noqa: E402 - the path is set just above
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.environment import (  # noqa: E402
    Environment,
    Guest,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.read_compose import read_compose  # noqa: E402
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.client import connect  # noqa: E402
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.engine import Engine  # noqa: E402
from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders  # noqa: E402
from ansible_collections.strata.kvm_docker.plugins.module_utils.inputs import ImageInput, Inputs  # noqa: E402
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm import embedded  # noqa: E402
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.hypervisor import open_hypervisor  # noqa: E402
from ansible_collections.strata.kvm_docker.plugins.module_utils.layers.layer import Layer  # noqa: E402

ENGINE = "local"
ENGINE_KINDS = ("docker_network", "docker_volume", "container")


def engine_layer(socket: str, file: str, wait: str) -> Layer:
    """The project of *file* on the engine at *socket*; its images are there already."""
    project = read_compose(file, "strata")
    references = {service.image for service in project.services.values()}
    images = {(ENGINE, name): ImageInput(reference=name, source=f"registry:{name}") for name in references}
    inputs = Inputs(images=images)
    return Layer(
        environment=Environment(
            name=project.name, folder="/", guests={ENGINE: Guest(name=ENGINE, image="none", compose=project)}
        ),
        connection=Engine(
            guest=ENGINE, environment=project.name, client=connect(f"unix://{socket}"), project=project, inputs=inputs
        ),
        kinds=ENGINE_KINDS,
        inputs=inputs,
        wait=wait == "wait",
    )


def guests_layer(root: str, images: str, count: str) -> Layer:
    """Tiny guests on the embedded hypervisor of a state folder."""
    folders = Folders(Path(root), Path(images))
    return Layer(
        environment=kvm_lab.environment("bench", [f"g{number}" for number in range(int(count))]),
        connection=open_hypervisor(embedded.uri(folders), folders),
        kinds=tuple(kvm_lab.KINDS),
        inputs=kvm_lab.INPUTS,
    )


def main() -> None:
    layer = {"engine": engine_layer, "guests": guests_layer}[sys.argv[1]](*sys.argv[2:])
    began = time.monotonic()
    made = layer.converge()
    seconds = time.monotonic() - began
    print(json.dumps({"seconds": seconds, "changes": [str(change) for change in made]}))


if __name__ == "__main__":
    main()
