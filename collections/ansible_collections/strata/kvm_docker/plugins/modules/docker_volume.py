#!/usr/bin/python
# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Front end of the kind docker_volume: one volume from options."""

from __future__ import annotations

DOCUMENTATION = r"""
module: docker_volume
short_description: Manage one volume of a Docker engine
version_added: 0.1.0
author:
  - The Strata maintainers (@strata)
description:
  - Has a volume on an engine as declared, or has it gone with its data.
  - An engine cannot change a volume. A changed declaration is refused, unless O(recreate) is set; then the volume is
    made anew and its data copied, through a second volume, so that a run that is interrupted loses nothing.
extends_documentation_fragment:
  - strata.kvm_docker.attributes
  - strata.kvm_docker.docker
  - strata.kvm_docker.docker.changing
  - strata.kvm_docker.docker.adopt
attributes:
  check_mode:
    support: full
    details: The same plan is computed in and out of check mode.
  diff_mode:
    support: full
    details: Secrets are masked.
  idempotent:
    support: full
options:
  name:
    description: Name of the volume.
    type: str
    required: true
  state:
    description: Whether the volume is to be there. V(absent) removes its data, and is refused for one with O(keep).
    type: str
    choices: [present, absent]
    default: present
  driver:
    description: Driver of the volume.
    type: str
    default: local
  driver_opts:
    description: Options of the driver. What is mounted with a password says so in V(o), which no output shows.
    type: dict
    default: {}
  labels:
    description: Labels. Those that begin with C(strata.) are ours.
    type: dict
    default: {}
  keep:
    description:
      - Whether the volume outlives its declaration; nothing of ours removes it then. It is a label of the volume, so to
        change it for one that is there takes O(recreate).
    type: bool
    default: false
  recreate:
    description:
      - Whether a volume whose declaration changed is made anew, with its data copied.
      - No container may have it mounted then, whether it runs or not.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Have a volume
  strata.kvm_docker.docker_volume:
    name: data

- name: Give it a label, which takes another volume; its data is copied
  strata.kvm_docker.docker_volume:
    name: data
    labels:
      backup: daily
    recreate: true

- name: Remove it with its data
  strata.kvm_docker.docker_volume:
    name: data
    state: absent
"""

RETURN = r"""
plan:
  description: Changes that were made, or would be made in check mode, in their order.
  returned: success, and where it failed after changes
  type: list
  elements: dict
  contains:
    kind:
      description: Kind of the object.
      type: str
      sample: docker_volume
    name:
      description: Name of the object.
      type: str
      sample: data
    guest:
      description: The engine in short, V(local), its host or its guest.
      type: str
      sample: local
    action:
      description: One of V(create), V(update), V(restart), V(replace), V(start), V(stop), V(delete).
      type: str
      sample: create
    reason:
      description: Why.
      type: str
      sample: not there
    differences:
      description:
        - Leaves that are not as declared, each with path, before, after, cause (V(declaration) or V(drift)) and effect.
          Secrets are masked.
      type: list
      elements: dict
orphans:
  description: Objects that the call is about, are no longer declared and were left alone; as a rule there are none.
  returned: success
  type: list
  elements: str
  sample: []
volume:
  description: The volume as the engine shows it.
  returned: when it is there
  type: dict
  sample: {Name: data, Driver: local, Mountpoint: /var/lib/docker/volumes/data/_data}
problems:
  description: Mistakes in the declaration, each with file, line, path and message.
  returned: when the declaration cannot be used
  type: list
  elements: dict
failures:
  description: Changes that failed, each with the object and its error.
  returned: when a change failed
  type: list
  elements: dict
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.object_options import volume_of
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.docker_volume import refuse_kept
from ansible_collections.strata.kvm_docker.plugins.module_utils.layers.docker_layer import (
    ADOPT,
    CHANGING,
    MUTUALLY_EXCLUSIVE,
    REQUIRED_BY,
    Request,
    alone,
    converge,
    engine_of,
    speaks_for_one,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.layers.docker_view import found
from ansible_collections.strata.kvm_docker.plugins.module_utils.quiet_module import QuietModule
from ansible_collections.strata.kvm_docker.plugins.module_utils.result import answer

ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    **CHANGING,
    **ADOPT,
    "name": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "driver": {"type": "str", "default": "local"},
    "driver_opts": {"type": "dict", "default": {}},
    "labels": {"type": "dict", "default": {}},
    "keep": {"type": "bool", "default": False},
    "recreate": {"type": "bool", "default": False},
}


def run(module: AnsibleModule) -> dict[str, Any]:
    """The module's result."""
    name, absent = module.params["name"], module.params["state"] == "absent"
    volume = volume_of(module.params)
    request = Request(
        project=alone(volumes={} if absent else {name: volume}),
        kinds=("docker_volume",),
        speaks_for=speaks_for_one("docker_volume", name),
        absent=absent,
    )
    with engine_of(module.params) as engine:
        if absent:
            refuse_kept(engine, name)
        result = converge(module, engine, request)
        view = found(engine, "docker_volume", name)
        return result | ({"volume": view} if view else {})


def main() -> None:
    module = QuietModule(
        ARGUMENT_SPEC,
        supports_check_mode=True,
        mutually_exclusive=MUTUALLY_EXCLUSIVE,
        required_by=REQUIRED_BY,
    )
    answer(module, lambda: run(module))


if __name__ == "__main__":
    main()
