#!/usr/bin/python
# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Front end of the kind docker_network: one network from options."""

from __future__ import annotations

DOCUMENTATION = r"""
module: docker_network
short_description: Manage one network of a Docker engine
version_added: 0.1.0
author:
  - The Strata maintainers (@strata)
description:
  - Has a network on an engine as declared, every leaf of it compared with what is there, or has it gone.
  - An engine changes nothing of a network, so a changed one is made anew. Containers that are attached to it are
    attached again with their addresses and aliases.
  - A network with containers of somebody else on it is not made anew.
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
    description: Name of the network.
    type: str
    required: true
  state:
    description: Whether the network is to be there.
    type: str
    choices: [present, absent]
    default: present
  driver:
    description: Driver of the network.
    type: str
    default: bridge
  driver_opts:
    description: Options of the driver.
    type: dict
    default: {}
  ipam:
    description: Addresses of the network; the engine chooses a subnet where none is given.
    type: dict
    suboptions:
      driver:
        description: Driver that hands out addresses.
        type: str
        default: default
      config:
        description: Subnets, at most one of each version of IP.
        type: list
        elements: dict
        default: []
        suboptions:
          subnet:
            description: Subnet, for example V(10.20.0.0/24).
            type: str
            required: true
          gateway:
            description: Address of the gateway in it; the first one for a bridge where not given.
            type: str
          ip_range:
            description: Part of the subnet that containers get addresses of.
            type: str
          aux_addresses:
            description: Addresses that no container gets, by name.
            type: dict
            default: {}
  internal:
    description: Whether the network has no way out.
    type: bool
    default: false
  attachable:
    description: Whether containers of no service may attach to an overlay network.
    type: bool
    default: false
  enable_ipv6:
    description: Whether the network has IPv6.
    type: bool
    default: false
  labels:
    description: Labels. Those that begin with C(strata.) are ours.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Have a network with fixed addresses
  strata.kvm_docker.docker_network:
    name: backend
    internal: true
    ipam:
      config:
        - subnet: 10.20.0.0/24
          gateway: 10.20.0.1

- name: Have it on another machine
  strata.kvm_docker.docker_network:
    docker_host: ssh://deploy@apps.example
    name: backend

- name: Take over a network that somebody made by hand
  strata.kvm_docker.docker_network:
    name: legacy
    adopt: true

- name: Remove it
  strata.kvm_docker.docker_network:
    name: backend
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
      sample: docker_network
    name:
      description: Name of the object.
      type: str
      sample: backend
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
network:
  description: The network as the engine shows it, without the containers on it.
  returned: when it is there
  type: dict
  sample: {Name: backend, Driver: bridge, Internal: true}
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
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.object_options import network_of
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
    "driver": {"type": "str", "default": "bridge"},
    "driver_opts": {"type": "dict", "default": {}},
    "ipam": {
        "type": "dict",
        "options": {
            "driver": {"type": "str", "default": "default"},
            "config": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "subnet": {"type": "str", "required": True},
                    "gateway": {"type": "str"},
                    "ip_range": {"type": "str"},
                    "aux_addresses": {"type": "dict", "default": {}},
                },
            },
        },
    },
    "internal": {"type": "bool", "default": False},
    "attachable": {"type": "bool", "default": False},
    "enable_ipv6": {"type": "bool", "default": False},
    "labels": {"type": "dict", "default": {}},
}


def run(module: AnsibleModule) -> dict[str, Any]:
    """The module's result."""
    name, absent = module.params["name"], module.params["state"] == "absent"
    network = network_of(module.params)
    request = Request(
        project=alone(networks={} if absent else {name: network}),
        kinds=("docker_network",),
        speaks_for=speaks_for_one("docker_network", name),
        absent=absent,
    )
    with engine_of(module.params) as engine:
        result = converge(module, engine, request)
        view = found(engine, "docker_network", name)
        return result | ({"network": {key: view[key] for key in view if key != "Containers"}} if view else {})


def main() -> None:
    module = QuietModule(
        ARGUMENT_SPEC, supports_check_mode=True, mutually_exclusive=MUTUALLY_EXCLUSIVE, required_by=REQUIRED_BY
    )
    answer(module, lambda: run(module))


if __name__ == "__main__":
    main()
