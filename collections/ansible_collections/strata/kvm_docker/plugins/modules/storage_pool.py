#!/usr/bin/python
# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Front end of the kind pool: one storage pool from options."""

from __future__ import annotations

DOCUMENTATION = r"""
module: storage_pool
short_description: Manage one libvirt storage pool in a folder of your own
version_added: 0.1.0
author:
  - The Strata maintainers (@strata)
description:
  - Has a libvirt storage pool of type C(dir), or has its definition gone.
  - The folder may hold files of others, and stays with all that is in it when the pool is removed.
  - A pool that a guest uses, or that holds disks of another environment, is not removed.
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
  name:
    description: Name of the pool in the environment.
    type: str
    required: true
  state:
    description:
      - Whether the pool is to be there, and active.
      - V(absent) is refused while disks of the environment's guests lie in it.
    type: str
    choices: [present, absent]
    default: present
  path:
    description:
      - Folder of the pool; made where it is not there, and never removed. A relative path starts at the working folder.
      - Required with O(state=present). A pool does not move to another folder.
    type: str
  autostart:
    description: Start the pool when the hypervisor starts.
    type: bool
    default: true
seealso:
  - module: strata.kvm_docker.storage_pool_info
"""

EXAMPLES = r"""
- name: Have a pool on the fast disk
  strata.kvm_docker.storage_pool:
    environment: shop
    name: fast
    path: /srv/fast

- name: Take over the pool shop-legacy that somebody made in this folder
  strata.kvm_docker.storage_pool:
    environment: shop
    name: legacy
    path: /srv/legacy
    adopt: true

- name: Remove it; the files stay
  strata.kvm_docker.storage_pool:
    environment: shop
    name: fast
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
      sample: pool
    name:
      description: Name of the object.
      type: str
      sample: fast
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
pool:
  description: The pool as libvirt has it.
  returned: when it is there
  type: dict
  contains:
    name:
      description: Its name in the environment.
      type: str
      sample: fast
    libvirt_name:
      description: Its name in libvirt.
      type: str
      sample: shop-fast
    uuid:
      description: Its UUID.
      type: str
      sample: 5b0c9a5e-2b8f-5d0f-8a43-6a0f0f6f2c11
    running:
      description: Whether it is active.
      type: bool
      sample: true
    path:
      description: Its folder.
      type: str
      sample: /srv/fast
    autostart:
      description: Whether it starts with the hypervisor.
      type: bool
      sample: true
  sample: {name: fast, libvirt_name: shop-fast, running: true, path: /srv/fast, autostart: true}
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
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.environment import StoragePool
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.option_spec import option_spec
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.read_options import Place
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import StrataError
from ansible_collections.strata.kvm_docker.plugins.module_utils.layers.kvm_layer import ADOPT, CHANGING, Site, site_of
from ansible_collections.strata.kvm_docker.plugins.module_utils.layers.kvm_view import pool_view
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.model import Key
from ansible_collections.strata.kvm_docker.plugins.module_utils.result import answer, changes_of

MODEL = option_spec(StoragePool)

ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    **CHANGING,
    **ADOPT,
    "name": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    **MODEL,
    "path": {"type": "str"},
}


def run(module: AnsibleModule) -> dict[str, Any]:
    """The module's result."""
    params, absent = module.params, module.params["state"] == "absent"
    place, key = Place("pools", params["name"]), Key("pool", params["name"])
    with site_of(module, may_be_absent=absent) as site:
        if absent:
            _refuse_in_use(site, params["name"])
        options = {option: params[option] for option in MODEL}
        layer = site.layer(
            site.without(place) if absent else site.with_object(place, options),
            ("pool",),
            speaks_for=lambda item: item.key == key,
            remove_orphans=absent,
            adopt=params["adopt"],
        )
        result = changes_of(layer.converge(module.check_mode), module._diff)
        found = site.find("pool", params["name"])
        return result | ({"pool": pool_view(found)} if found else {})


def _refuse_in_use(site: Site, name: str) -> None:
    """Its guests would not start any more, and nobody would see the files of their disks."""
    guests = site.existing.environment.guests
    disks = [item for item in site.observed("disk") if item.owned and item.spec.get("pool") == name]
    held = sorted(disk.key.name for disk in disks if not disk.keep or disk.key.name.partition(".")[0] in guests)
    if held:
        raise StrataError(
            f"pool {name}: disk {', '.join(held)} lies in it, so it was not removed. Remove the disk, or its guest, "
            "first."
        )


def main() -> None:
    module = AnsibleModule(ARGUMENT_SPEC, supports_check_mode=True, required_if=[("state", "present", ("path",))])
    answer(module, lambda: run(module))


if __name__ == "__main__":
    main()
