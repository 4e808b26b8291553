#!/usr/bin/python
# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Front end of a look at the networks of an environment."""

from __future__ import annotations

DOCUMENTATION = r"""
module: guest_network_info
short_description: Look at the networks of an environment
version_added: 0.1.0
author:
  - The Strata maintainers (@strata)
description:
  - Tells the libvirt networks of an environment as they are, with reservations and DNS names, those of guests included.
  - It never changes anything. Networks of others are not told.
extends_documentation_fragment:
  - strata.kvm_docker.attributes
  - strata.kvm_docker.attributes.info_module
  - strata.kvm_docker.kvm
options:
  name:
    description: Tell this network only.
    type: str
seealso:
  - module: strata.kvm_docker.guest_network
"""

EXAMPLES = r"""
- name: Look at the networks
  strata.kvm_docker.guest_network_info:
    environment: shop
  register: shop

- name: Refuse to go on where one does not run
  ansible.builtin.assert:
    that: shop.networks | rejectattr('running') | length == 0
"""

RETURN = r"""
networks:
  description: The networks by name, each as RV(strata.kvm_docker.guest_network#module:network) describes it.
  returned: success
  type: list
  elements: dict
  sample: [{name: lan, libvirt_name: shop-lan, running: true, cidr: 10.80.0.0/24}]
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.strata.kvm_docker.plugins.module_utils.layers.kvm_layer import LOOKING, site_of
from ansible_collections.strata.kvm_docker.plugins.module_utils.layers.kvm_view import network_view
from ansible_collections.strata.kvm_docker.plugins.module_utils.result import answer

ARGUMENT_SPEC = LOOKING


def run(module: AnsibleModule) -> dict[str, Any]:
    """The module's result."""
    with site_of(module, may_be_absent=True) as site:
        found = site.own("network", module.params["name"])
        return {"changed": False, "networks": [network_view(site.environment, item) for item in found]}


def main() -> None:
    module = AnsibleModule(ARGUMENT_SPEC, supports_check_mode=True)
    answer(module, lambda: run(module))


if __name__ == "__main__":
    main()
