#!/usr/bin/python
# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Front end of snapshots: a guest's state kept, gone back to, or forgotten."""

from __future__ import annotations

DOCUMENTATION = r"""
module: snapshot
short_description: Manage one snapshot of a KVM guest
version_added: 0.1.0
author:
  - The Strata maintainers (@strata)
description:
  - Has a snapshot of a guest, goes back to one, or has it gone.
  - A snapshot holds all disks that the guest can write, its definition and, where it runs, its memory. It is kept
    inside of the guest's disks, and goes with them.
  - The guest stands still while its memory is written.
extends_documentation_fragment:
  - strata.kvm_docker.attributes
  - strata.kvm_docker.kvm
  - strata.kvm_docker.kvm.changing
attributes:
  check_mode:
    support: full
    details: Tells the same change as the run. Nothing is left behind, not even a lock.
  diff_mode:
    support: none
    details: A snapshot is there or not.
  idempotent:
    support: partial
    details: With O(state=reverted) it goes back each time, as what a guest has written since cannot be told.
options:
  guest:
    description: Name of the guest in the environment.
    type: str
    required: true
  name:
    description: Name of the snapshot.
    type: str
    required: true
  description:
    description: What the snapshot is for; only a new one gets it.
    type: str
    default: ""
  state:
    description:
      - V(present) has a snapshot of this name; one that is there is kept as it is.
      - V(reverted) puts the guest back to it, and has it off or running as it was then. What it wrote since is lost.
      - V(absent) has the snapshot gone; those that were made after it stay.
    type: str
    choices: [present, reverted, absent]
    default: present
notes:
  - A guest with UEFI firmware is refused, as libvirt 9.0 cannot keep its variables in such a snapshot.
seealso:
  - module: strata.kvm_docker.snapshot_info
"""

EXAMPLES = r"""
- name: Keep the guest as it is now
  strata.kvm_docker.snapshot:
    environment: shop
    guest: web
    name: before-upgrade

- name: Go back
  strata.kvm_docker.snapshot:
    environment: shop
    guest: web
    name: before-upgrade
    state: reverted

- name: Forget it
  strata.kvm_docker.snapshot:
    environment: shop
    guest: web
    name: before-upgrade
    state: absent
"""

RETURN = r"""
plan:
  description: What was done, or would be done in check mode; at most one entry.
  returned: success
  type: list
  elements: dict
  contains:
    kind:
      description: Always V(snapshot).
      type: str
      sample: snapshot
    name:
      description: Name of the snapshot.
      type: str
      sample: before-upgrade
    guest:
      description: Name of the guest.
      type: str
      sample: web
    action:
      description: One of V(create), V(revert), V(delete).
      type: str
      sample: create
    reason:
      description: Why.
      type: str
      sample: not there
    differences:
      description: Empty; a snapshot is made, gone back to or deleted as a whole.
      type: list
      elements: dict
snapshots:
  description: Snapshots of the guest that there are now, the oldest first.
  returned: success
  type: list
  elements: dict
  contains:
    guest:
      description: Name of the guest.
      type: str
      sample: web
    name:
      description: Name of the snapshot.
      type: str
      sample: before-upgrade
    description:
      description: What it is for.
      type: str
      sample: ""
    running:
      description: Whether it holds the memory of a running guest.
      type: bool
      sample: true
    current:
      description: Whether the guest's state comes from it.
      type: bool
      sample: true
    internal:
      description: Whether it is inside of the guest's own disks; only such a one is reverted to.
      type: bool
      sample: true
    created:
      description: When it was made, in UTC.
      type: str
      sample: "2026-11-21T15:00:00+00:00"
    parent:
      description: The snapshot that it was made on top of.
      type: str
      sample: null
"""

from typing import Any, Literal

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm import snapshot
from ansible_collections.strata.kvm_docker.plugins.module_utils.layers.kvm_layer import CHANGING, Site, site_of
from ansible_collections.strata.kvm_docker.plugins.module_utils.layers.kvm_view import snapshot_view
from ansible_collections.strata.kvm_docker.plugins.module_utils.result import answer

ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    **CHANGING,
    "guest": {"type": "str", "required": True},
    "name": {"type": "str", "required": True},
    "description": {"type": "str", "default": ""},
    "state": {"type": "str", "choices": ["present", "reverted", "absent"], "default": "present"},
}

Act = Literal["create", "revert", "delete"]
ACTS: dict[str, tuple[Act, str]] = {
    "present": ("create", "not there"),
    "reverted": ("revert", "asked for"),
    "absent": ("delete", "no longer wanted"),
}


def run(module: AnsibleModule) -> dict[str, Any]:
    """The module's result."""
    params = module.params
    guest, name = params["guest"], params["name"]
    action, reason = ACTS[params["state"]]
    with site_of(module, may_be_absent=action == "delete") as site:
        due = is_due(site, guest, name, action)
        if due and not module.check_mode:
            act(site, guest, name, action, params["description"])
        what = {"kind": "snapshot", "name": name, "guest": guest}
        change = {**what, "action": action, "reason": reason, "differences": []}
        return {
            "changed": due,
            "plan": [change] if due else [],
            "snapshots": [snapshot_view(guest, item) for item in site.snapshots(guest)],
        }


def is_due(site: Site, guest: str, name: str, action: Act) -> bool:
    """Whether *action* would change anything; raises what it would raise."""
    found = site.snapshots(guest)
    if action == "create":
        site.require_there("guest", guest)
        due = snapshot.creation(found, name)
        if due:
            snapshot.refuse(site.hypervisor, site.environment, guest)
        return due
    return snapshot.reversion(found, name, guest) if action == "revert" else snapshot.deletion(found, name)


def act(site: Site, guest: str, name: str, action: Act, description: str) -> None:
    """Do *action* to the snapshot."""
    where = site.hypervisor, site.environment, guest, name
    if action == "create":
        snapshot.create(*where, description)
    elif action == "revert":
        snapshot.revert(*where, site.progress)
    else:
        snapshot.delete(*where)


def main() -> None:
    module = AnsibleModule(ARGUMENT_SPEC, supports_check_mode=True)
    answer(module, lambda: run(module))


if __name__ == "__main__":
    main()
