#!/usr/bin/python
# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Front end of a look at the snapshots of guests."""

from __future__ import annotations

DOCUMENTATION = r"""
module: snapshot_info
short_description: Look at the snapshots of guests
version_added: 0.1.0
author:
  - The Strata maintainers (@strata)
description:
  - Tells the snapshots of the guests of an environment.
  - It never changes anything. Guests of others are not told.
extends_documentation_fragment:
  - strata.kvm_docker.attributes
  - strata.kvm_docker.attributes.info_module
  - strata.kvm_docker.kvm
options:
  guest:
    description: Tell the snapshots of this guest only.
    type: str
  name:
    description: Tell snapshots of this name only.
    type: str
seealso:
  - module: strata.kvm_docker.snapshot
"""

EXAMPLES = r"""
- name: Look at the snapshots of a guest
  strata.kvm_docker.snapshot_info:
    environment: shop
    guest: web
  register: web

- name: Refuse to go on without one to go back to
  ansible.builtin.assert:
    that: web.snapshots | selectattr('internal') | length > 0
"""

RETURN = r"""
snapshots:
  description:
    - The snapshots by guest, the oldest first, each as RV(strata.kvm_docker.snapshot#module:snapshots) describes it.
  returned: success
  type: list
  elements: dict
  sample: [{guest: web, name: before-upgrade, running: true, current: true, internal: true}]
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.strata.kvm_docker.plugins.module_utils.layers.kvm_layer import LOOKING, site_of
from ansible_collections.strata.kvm_docker.plugins.module_utils.layers.kvm_view import snapshot_view
from ansible_collections.strata.kvm_docker.plugins.module_utils.result import answer

ARGUMENT_SPEC: dict[str, dict[str, Any]] = {**LOOKING, "guest": {"type": "str"}}


def run(module: AnsibleModule) -> dict[str, Any]:
    """The module's result."""
    name = module.params["name"]
    with site_of(module, may_be_absent=True) as site:
        guests = [item.key.name for item in site.own("guest", module.params["guest"])]
        found = [(guest, item) for guest in guests for item in site.snapshots(guest) if name in (None, item.name)]
        return {"changed": False, "snapshots": [snapshot_view(guest, item) for guest, item in found]}


def main() -> None:
    module = AnsibleModule(ARGUMENT_SPEC, supports_check_mode=True)
    answer(module, lambda: run(module))


if __name__ == "__main__":
    main()
