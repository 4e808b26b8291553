#!/usr/bin/python
# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Front end of a look at an engine: what there is, as plain data."""

from __future__ import annotations

DOCUMENTATION = r"""
module: docker_info
short_description: Look at a Docker engine and what is on it
version_added: 0.1.0
author:
  - The Strata maintainers (@strata)
description:
  - Returns the version of an engine, what it says of itself, and its containers, networks, volumes and images as the
    engine shows them on inspection.
  - Environment variables that look like secrets, passwords in URLs and mount options of volumes are masked.
extends_documentation_fragment:
  - strata.kvm_docker.attributes
  - strata.kvm_docker.attributes.info_module
  - strata.kvm_docker.docker
options:
  subset:
    description: What to return beside the engine itself.
    type: list
    elements: str
    choices: [containers, networks, volumes, images]
    default: [containers, networks, volumes, images]
  environment:
    description:
      - Return only what carries the mark of this environment.
      - With O(guest), the environment of that guest, which must be up on this hypervisor.
    type: str
  project:
    description: Return only what was made for this Compose project; images are of none.
    type: str
  name:
    description: Return only objects of this name.
    type: str
"""

EXAMPLES = r"""
- name: Look at the engine of this machine
  strata.kvm_docker.docker_info:
    subset: []
  register: engine

- name: Say its version
  ansible.builtin.debug:
    var: engine.version

- name: Look at the containers of a project on a guest
  strata.kvm_docker.docker_info:
    environment: two_hosts
    guest: apps
    project: apps
    subset: [containers]
"""

RETURN = r"""
version:
  description: Version of the engine.
  returned: success
  type: str
  sample: 26.1.5+dfsg1
api_version:
  description: Version of its API that was agreed on.
  returned: success
  type: str
  sample: "1.45"
info:
  description: What the engine says of itself, C(docker info).
  returned: success
  type: dict
  sample: {Driver: overlay2, NCPU: 2}
containers:
  description: Containers, running or not, C(docker container inspect).
  returned: when in O(subset)
  type: list
  elements: dict
networks:
  description: Networks, C(docker network inspect).
  returned: when in O(subset)
  type: list
  elements: dict
volumes:
  description: Volumes, C(docker volume inspect).
  returned: when in O(subset)
  type: list
  elements: dict
images:
  description: Images, C(docker image inspect).
  returned: when in O(subset)
  type: list
  elements: dict
"""

from typing import Any

from ansible_collections.strata.kvm_docker.plugins.module_utils.layers.docker_layer import (
    CONNECTION,
    MUTUALLY_EXCLUSIVE,
    REQUIRED_BY,
    engine_of,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.layers.docker_view import Filter, listed, shown
from ansible_collections.strata.kvm_docker.plugins.module_utils.quiet_module import QuietModule
from ansible_collections.strata.kvm_docker.plugins.module_utils.result import answer

SUBSET = ["containers", "networks", "volumes", "images"]

ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    **CONNECTION,
    "subset": {"type": "list", "elements": "str", "choices": SUBSET, "default": SUBSET},
    "project": {"type": "str"},
    "name": {"type": "str"},
}


def run(params: dict[str, Any]) -> dict[str, Any]:
    """The module's result."""
    wanted = Filter(environment=params["environment"], project=params["project"], name=params["name"])
    with engine_of(params) as engine:
        return {
            "changed": False,
            "version": engine.version(),
            "api_version": engine.client.api_version,
            "info": shown(engine.client.info()),
            **{section: listed(engine, section, wanted) for section in params["subset"]},
        }


def main() -> None:
    module = QuietModule(
        ARGUMENT_SPEC, supports_check_mode=True, mutually_exclusive=MUTUALLY_EXCLUSIVE, required_by=REQUIRED_BY
    )
    answer(module, lambda: run(module.params))


if __name__ == "__main__":
    main()
