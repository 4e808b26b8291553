#!/usr/bin/python
# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Front end of a look at the disks of the guests of an environment."""

from __future__ import annotations

DOCUMENTATION = r"""
module: disk_info
short_description: Look at the disks of guests
version_added: 0.1.0
author:
  - The Strata maintainers (@strata)
description:
  - Tells the disks of an environment as they are, first disks and data disks of its guests, and those that were kept
    when their guest was removed.
  - It never changes anything. Files of others are not told.
extends_documentation_fragment:
  - strata.kvm_docker.attributes
  - strata.kvm_docker.attributes.info_module
  - strata.kvm_docker.kvm
options:
  guest:
    description: Tell the disks of this guest only, whether it is there or not.
    type: str
  name:
    description: Tell this data disk of O(guest) only.
    type: str
seealso:
  - module: strata.kvm_docker.disk
  - module: strata.kvm_docker.storage_pool_info
"""

EXAMPLES = r"""
- name: Look at the disks of a guest
  strata.kvm_docker.disk_info:
    environment: shop
    guest: db
  register: db

- name: Say how large they are together
  ansible.builtin.debug:
    msg: "{{ db.disks | map(attribute='size') | sum }} bytes"
"""

RETURN = r"""
disks:
  description:
    - The disks by name, each as RV(strata.kvm_docker.disk#module:disk) describes it.
    - The first disk of a guest is named like the guest, and has C(image), the digest of the recipe or source of its
      image, in place of C(pool) and C(keep).
  returned: success
  type: list
  elements: dict
  sample: [{name: db.data, size: 21474836480, pool: "", keep: true}]
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.disk_files import disk_name
from ansible_collections.strata.kvm_docker.plugins.module_utils.layers.kvm_layer import LOOKING, site_of
from ansible_collections.strata.kvm_docker.plugins.module_utils.layers.kvm_view import disk_view, is_disk_of
from ansible_collections.strata.kvm_docker.plugins.module_utils.result import answer

ARGUMENT_SPEC: dict[str, dict[str, Any]] = {**LOOKING, "guest": {"type": "str"}}


def run(module: AnsibleModule) -> dict[str, Any]:
    """The module's result."""
    guest, name = module.params["guest"], module.params["name"]
    with site_of(module, may_be_absent=True) as site:
        found = site.own("disk", disk_name(guest, name) if name else None)
        told = [disk_view(item) for item in found if guest is None or is_disk_of(item, guest)]
        return {"changed": False, "disks": told}


def main() -> None:
    module = AnsibleModule(ARGUMENT_SPEC, supports_check_mode=True, required_by={"name": ["guest"]})
    answer(module, lambda: run(module))


if __name__ == "__main__":
    main()
