#!/usr/bin/python
# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Front end of a look at the guests of an environment."""

from __future__ import annotations

DOCUMENTATION = r"""
module: guest_info
short_description: Look at the guests of an environment
version_added: 0.1.0
author:
  - The Strata maintainers (@strata)
description:
  - Tells the guests of an environment as they are, with addresses, disks and published ports, and what is not as it was
    applied last.
  - It never changes anything. Guests of others are not told.
extends_documentation_fragment:
  - strata.kvm_docker.attributes
  - strata.kvm_docker.attributes.info_module
  - strata.kvm_docker.kvm
options:
  name:
    description: Tell this guest only.
    type: str
seealso:
  - module: strata.kvm_docker.host_info
"""

EXAMPLES = r"""
- name: Look at the guests
  strata.kvm_docker.guest_info:
    environment: shop
  register: shop

- name: Refuse to go on where one was edited
  ansible.builtin.assert:
    that: shop.guests | map(attribute='drift') | flatten | length == 0
"""

RETURN = r"""
guests:
  description: The guests by name.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name of the guest in the environment.
      type: str
      sample: web
    libvirt_name:
      description: Name of its domain.
      type: str
      sample: shop-web
    uuid:
      description: UUID of its domain.
      type: str
      sample: 5b0c9a5e-2b8f-5d0f-8a43-6a0f0f6f2c11
    running:
      description: Whether it runs.
      type: bool
      sample: true
    description:
      description: What the guest is for.
      type: str
      sample: the shop's front
    firmware:
      description: What it starts with, V(bios) or V(uefi).
      type: str
      sample: bios
    virt_type:
      description: V(kvm), or V(qemu) for software emulation.
      type: str
      sample: kvm
    vcpus:
      description: Virtual processors.
      type: int
      sample: 2
    vcpus_max:
      description: Up to how many can be plugged in while it runs.
      type: int
      sample: 2
    memory:
      description: Memory in bytes.
      type: int
      sample: 1073741824
    memory_max:
      description: Up to how much it can have while it runs, in bytes.
      type: int
      sample: 1073741824
    image:
      description: Digest of the recipe or source of its image.
      type: str
      sample: 9f2c4c0f6f0d3c1b4b1c57e0f2f0a3c1e8d7b6a5948372615041302f1e0d9c8b
    autostart:
      description: Whether it starts with the hypervisor.
      type: bool
      sample: true
    interfaces:
      description: Its interfaces, the one with the default route first.
      type: list
      elements: dict
      sample: [{network: lan, mac: "52:54:00:6a:1f:02", address: 10.80.0.11/24, gateway: 10.80.0.1, position: 1}]
    disks:
      description: Its disks; sizes in bytes.
      type: list
      elements: dict
      sample: [{name: web, size: 8589934592}]
    publish:
      description: Addresses on the hypervisor that lead to a port of the guest.
      type: dict
      sample: {"127.0.0.1:8080": 80}
    snapshots:
      description: Its snapshots, as M(strata.kvm_docker.snapshot) tells them.
      type: list
      elements: dict
    drift:
      description: Leaves that are not as they were applied last.
      type: list
      elements: dict
      contains:
        path:
          description: Dotted path of the leaf.
          type: str
          sample: memory
        applied:
          description: Its value as it was applied.
          type: raw
          sample: 1073741824
        found:
          description: Its value now.
          type: raw
          sample: 536870912
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.strata.kvm_docker.plugins.module_utils.layers.kvm_layer import LOOKING, Site, site_of
from ansible_collections.strata.kvm_docker.plugins.module_utils.layers.kvm_view import guest_view, snapshot_view
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.model import Observed
from ansible_collections.strata.kvm_docker.plugins.module_utils.result import answer

ARGUMENT_SPEC = LOOKING


def run(module: AnsibleModule) -> dict[str, Any]:
    """The module's result."""
    with site_of(module, may_be_absent=True) as site:
        others = site.observed("disk", "forward")
        found = site.own("guest", module.params["name"])
        return {"changed": False, "guests": [told(site, item, others) for item in found]}


def told(site: Site, item: Observed, others: list[Observed]) -> dict[str, Any]:
    """One guest, with its snapshots."""
    name = item.key.name
    snapshots = [snapshot_view(name, each) for each in site.snapshots(name)]
    return {**guest_view(site.environment, item, others), "snapshots": snapshots}


def main() -> None:
    module = AnsibleModule(ARGUMENT_SPEC, supports_check_mode=True)
    answer(module, lambda: run(module))


if __name__ == "__main__":
    main()
