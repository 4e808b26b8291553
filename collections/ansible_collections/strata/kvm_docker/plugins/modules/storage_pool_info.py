#!/usr/bin/python
# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Front end of a look at the storage pools of an environment."""

from __future__ import annotations

DOCUMENTATION = r"""
module: storage_pool_info
short_description: Look at the storage pools of an environment
version_added: 0.1.0
author:
  - The Strata maintainers (@strata)
description:
  - Tells the libvirt storage pools of an environment as they are, those of M(strata.kvm_docker.storage_pool) and the
    environment's own one, which is named like the environment and holds the disks of its guests.
  - It never changes anything. Pools of others are not told.
extends_documentation_fragment:
  - strata.kvm_docker.attributes
  - strata.kvm_docker.attributes.info_module
  - strata.kvm_docker.kvm
options:
  name:
    description: Tell this pool only.
    type: str
seealso:
  - module: strata.kvm_docker.storage_pool
  - module: strata.kvm_docker.disk_info
"""

EXAMPLES = r"""
- name: Look at the pools
  strata.kvm_docker.storage_pool_info:
    environment: shop
  register: shop

- name: Say where the files are
  ansible.builtin.debug:
    msg: "{{ shop.pools | items2dict(key_name='name', value_name='path') }}"
"""

RETURN = r"""
pools:
  description: The pools by name, each as RV(strata.kvm_docker.storage_pool#module:pool) describes it.
  returned: success
  type: list
  elements: dict
  sample: [{name: fast, libvirt_name: shop-fast, running: true, path: /srv/fast, autostart: true}]
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.strata.kvm_docker.plugins.module_utils.layers.kvm_layer import LOOKING, site_of
from ansible_collections.strata.kvm_docker.plugins.module_utils.layers.kvm_view import pool_view
from ansible_collections.strata.kvm_docker.plugins.module_utils.result import answer

ARGUMENT_SPEC = LOOKING


def run(module: AnsibleModule) -> dict[str, Any]:
    """The module's result."""
    with site_of(module, may_be_absent=True) as site:
        found = site.own("pool", module.params["name"])
        return {"changed": False, "pools": [pool_view(item) for item in found]}


def main() -> None:
    module = AnsibleModule(ARGUMENT_SPEC, supports_check_mode=True)
    answer(module, lambda: run(module))


if __name__ == "__main__":
    main()
