#!/usr/bin/python
# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Front end of the kind disk: one data disk of a guest from options."""

from __future__ import annotations

DOCUMENTATION = r"""
module: disk
short_description: Manage one data disk of a KVM guest
version_added: 0.1.0
author:
  - The Strata maintainers (@strata)
description:
  - Has a data disk of a guest as declared, plugged into it, or has it taken away and removed.
  - A guest that runs gets it, or lets it go, while it runs; one that does not let go is restarted. A guest that is off
    stays off.
  - The guest finds it as C(/dev/disk/by-id/virtio-<name>).
extends_documentation_fragment:
  - strata.kvm_docker.attributes
  - strata.kvm_docker.kvm
  - strata.kvm_docker.kvm.changing
  - strata.kvm_docker.kvm.adopt
attributes:
  check_mode:
    support: full
    details: The same plan is computed in and out of check mode. Nothing is left behind, not even a lock.
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  guest:
    description: Name of the guest in the environment, which must be there.
    type: str
    required: true
  name:
    description: Name of the disk on the guest.
    type: str
    required: true
  state:
    description:
      - V(present) has the disk on the guest.
      - V(absent) has it gone from the guest, and its file removed unless it was declared with O(keep=true).
    type: str
    choices: [present, absent]
    default: present
  size:
    description: Size, written as V(5 GiB); it can grow later, and never shrinks. Required with O(state=present).
    type: str
  pool:
    description: Name of a pool, see M(strata.kvm_docker.storage_pool); the environment's own pool where not given.
    type: str
  mount:
    description: Refused; mounting a disk inside of the guest is for the module M(strata.kvm_docker.environment).
    type: str
  keep:
    description: Its file outlives the guest and the environment, and the next disk of this name finds it again.
    type: bool
    default: false
seealso:
  - module: strata.kvm_docker.disk_info
"""

EXAMPLES = r"""
- name: Have a disk for data that outlives the guest
  strata.kvm_docker.disk:
    environment: shop
    guest: db
    name: data
    size: 20 GiB
    keep: true

- name: Take over a file that was put there as db.archive.qcow2, with the data in it
  strata.kvm_docker.disk:
    environment: shop
    guest: db
    name: archive
    size: 20 GiB
    adopt: true

- name: Take it away; with keep its file stays
  strata.kvm_docker.disk:
    environment: shop
    guest: db
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
      description: Kind of the object, V(disk), V(guest) or V(pool).
      type: str
      sample: disk
    name:
      description: Name of the object; a data disk is named C(<guest>.<disk>).
      type: str
      sample: db.data
    guest:
      description: Empty; objects of the hypervisor are on no engine.
      type: str
      sample: ""
    action:
      description: One of V(create), V(update), V(restart), V(start), V(delete).
      type: str
      sample: create
    reason:
      description: Why.
      type: str
      sample: not there
    differences:
      description:
        - Leaves that are not as declared, each with path, before, after, cause (V(declaration) or V(drift)) and effect.
      type: list
      elements: dict
orphans:
  description: Objects that the call is about, are no longer declared and were left alone; as a rule there are none.
  returned: success
  type: list
  elements: str
  sample: []
disk:
  description: The disk as it is there.
  returned: when its file is there
  type: dict
  contains:
    name:
      description: Its name among all disks of the environment.
      type: str
      sample: db.data
    size:
      description: Size in bytes.
      type: int
      sample: 21474836480
    pool:
      description: Its pool; empty for the environment's own.
      type: str
      sample: ""
    keep:
      description: Whether its file outlives the guest.
      type: bool
      sample: true
    path:
      description: Its file.
      type: str
      sample: /var/lib/strata/pools/shop/db.data.qcow2
  sample: {name: db.data, size: 21474836480, pool: "", keep: true}
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
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.environment import Disk
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.option_spec import option_spec
from ansible_collections.strata.kvm_docker.plugins.module_utils.layers.kvm_disk import DiskRun
from ansible_collections.strata.kvm_docker.plugins.module_utils.layers.kvm_layer import ADOPT, CHANGING, site_of
from ansible_collections.strata.kvm_docker.plugins.module_utils.layers.kvm_view import disk_view
from ansible_collections.strata.kvm_docker.plugins.module_utils.result import answer, changes_of

MODEL = option_spec(Disk)

ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    **CHANGING,
    **ADOPT,
    "guest": {"type": "str", "required": True},
    "name": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    **MODEL,
    "size": {"type": "str"},
}


def run(module: AnsibleModule) -> dict[str, Any]:
    """The module's result."""
    params, absent = module.params, module.params["state"] == "absent"
    with site_of(module, may_be_absent=absent) as site:
        disk = DiskRun(site=site, guest=params["guest"], name=params["name"], adopt=params["adopt"])
        made = disk.absent() if absent else disk.present({option: params[option] for option in MODEL})
        found = site.find("disk", disk.key.name)
        return changes_of(made, module._diff) | ({"disk": disk_view(found)} if found else {})


def main() -> None:
    module = AnsibleModule(ARGUMENT_SPEC, supports_check_mode=True, required_if=[("state", "present", ("size",))])
    answer(module, lambda: run(module))


if __name__ == "__main__":
    main()
