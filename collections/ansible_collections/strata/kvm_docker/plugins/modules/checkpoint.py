#!/usr/bin/python
# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Front end of checkpoints: a whole environment kept as it is, to start from or go back to in seconds, or forgotten."""

from __future__ import annotations

DOCUMENTATION = r"""
module: checkpoint
short_description: Keep a whole environment to start warm from and to go back to
version_added: 0.1.0
author:
  - The Strata maintainers (@strata)
description:
  - Keeps memory, disks and keys of all guests of an environment, at one moment, with everything in them running.
  - A checkpoint is known by a digest of what it was made from, which is every declared object, the lock, the guest
    images, engine layers, and libvirt, QEMU and the processor. M(strata.kvm_docker.environment) restores the one of
    just these inputs where no guest is there yet (O(strata.kvm_docker.environment#module:start)).
  - With O(state=restored) an environment goes back to it, all guests to one moment.
  - All guests stand still while their memory is written. They must be as declared, and go on afterwards.
  - Whoever can read a checkpoint can read every secret that the guests have in memory.
extends_documentation_fragment:
  - strata.kvm_docker.attributes
  - strata.kvm_docker.attributes.platform
  - strata.kvm_docker.attributes.state_folder
  - strata.kvm_docker.attributes.libraries
  - strata.kvm_docker.declaration
attributes:
  check_mode:
    support: full
    details: Tells the same change as the run. No guest stands still. What is to be restored is verified.
  diff_mode:
    support: none
    details: A checkpoint is there or not.
  idempotent:
    support: partial
    details:
      - One that is there is kept. Remove it first to have it made anew.
      - With O(state=restored) it goes back each time, as what guests have written since cannot be told.
options:
  state:
    description:
      - V(present) has a checkpoint of the environment as it is declared now.
      - V(restored) goes back to it. Guests that run are switched off at once, and all that they have written since is
        lost. They come back as in a warm start, and whatever is not as declared then is put right.
      - With V(restored) nothing is touched where no checkpoint of just these inputs is there, where a file of it is
        damaged, where a guest or disk is somebody else's, and where a data disk is declared with C(keep).
      - V(absent) removes those of the environment.
    type: str
    choices: [present, restored, absent]
    default: present
  digest:
    description:
      - With O(state=absent), the first characters of the digest of those that are removed. Empty for all.
    type: str
    default: ""
  allow_clone:
    description:
      - With O(state=restored), whether a checkpoint is used whose guests run in another state folder at the moment.
    type: bool
    default: false
  lock_timeout:
    description: Seconds to wait while another run holds the lock of the environment; V(0) refuses at once.
    type: float
    default: 60
notes:
  - E(STRATA_CHECKPOINTS) places checkpoints elsewhere than in the state folder.
  - A guest with UEFI firmware is refused, as its variables are not in a checkpoint.
seealso:
  - module: strata.kvm_docker.environment
  - module: strata.kvm_docker.snapshot
"""

EXAMPLES = r"""
- name: Keep the environment as it came up
  strata.kvm_docker.checkpoint:
    declaration: /srv/two_hosts/two_hosts.environment.yml

- name: Remove it
  strata.kvm_docker.environment:
    declaration: /srv/two_hosts/two_hosts.environment.yml
    state: absent

- name: Have it again, in seconds
  strata.kvm_docker.environment:
    declaration: /srv/two_hosts/two_hosts.environment.yml
    start: warm

- name: Go back to it, whatever was done to the guests since
  strata.kvm_docker.checkpoint:
    declaration: /srv/two_hosts/two_hosts.environment.yml
    state: restored

- name: Forget all checkpoints of it
  strata.kvm_docker.checkpoint:
    declaration: /srv/two_hosts/two_hosts.environment.yml
    state: absent
"""

RETURN = r"""
environment:
  description: Name of the environment.
  returned: success
  type: str
  sample: two_hosts
digest:
  description: What the checkpoint of these inputs is known by.
  returned: when state is present, or it is restored and not in check mode
  type: str
  sample: 5bd3e8e0f3a94d9c7f0c7c2d5b9f1d53c5a5f1c3e2b8a6d4f0e1c2b3a4958677
plan:
  description: What was done, or in check mode would be, in order.
  returned: when state is restored
  type: list
  elements: dict
  contains:
    kind:
      description: Kind of the object.
      type: str
      sample: guest
    name:
      description: Name of the object.
      type: str
      sample: web
    guest:
      description: The guest on whose engine it is; empty for an object of the hypervisor.
      type: str
      sample: ""
    action:
      description: One of V(create), V(update), V(restart), V(replace), V(start), V(stop), V(delete).
      type: str
      sample: replace
    reason:
      description: Why.
      type: str
      sample: from checkpoint 5bd3e8e0f3a9
    differences:
      description: Of what is put right beside guests and disks, leaves that are not as declared. Secrets are masked.
      type: list
      elements: dict
orphans:
  description: Objects of the environment that are not declared and were left alone.
  returned: when state is restored
  type: list
  elements: str
  sample: []
removed:
  description: Digests of those that were removed, or would be.
  returned: when state is absent
  type: list
  elements: str
  sample: []
checkpoints:
  description: Those of the environment that there are now, the newest first, without damaged ones.
  returned: success
  type: list
  elements: dict
  contains:
    digest:
      description: What it is known by.
      type: str
      sample: 5bd3e8e0f3a94d9c7f0c7c2d5b9f1d53c5a5f1c3e2b8a6d4f0e1c2b3a4958677
    made:
      description: When, in UTC.
      type: str
      sample: "2026-11-22T15:00:00+00:00"
    size:
      description: Bytes of its files.
      type: int
      sample: 1523500000
    guests:
      description: Names of its guests.
      type: list
      elements: str
      sample: [web, apps]
problems:
  description: Mistakes in the declaration, each with file, line, path and message.
  returned: when the declaration cannot be used
  type: list
  elements: dict
"""

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.strata.kvm_docker.plugins.module_utils.checkpoint import command
from ansible_collections.strata.kvm_docker.plugins.module_utils.converge import Options, Outcome
from ansible_collections.strata.kvm_docker.plugins.module_utils.environment_options import DECLARATION
from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders
from ansible_collections.strata.kvm_docker.plugins.module_utils.locks import TIMEOUT
from ansible_collections.strata.kvm_docker.plugins.module_utils.progress import Progress
from ansible_collections.strata.kvm_docker.plugins.module_utils.result import answer, changes_of, warn_of_orphans

ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    **DECLARATION,
    "state": {"type": "str", "choices": ["present", "restored", "absent"], "default": "present"},
    "digest": {"type": "str", "default": ""},
    "allow_clone": {"type": "bool", "default": False},
    "lock_timeout": {"type": "float", "default": TIMEOUT},
}


def run(module: AnsibleModule) -> dict[str, Any]:
    """The module's result."""
    params = module.params
    declaration, folders = Path(params["declaration"]), Folders.of(params["state_folder"])
    options = Options(
        folders=folders,
        progress=Progress(),
        check=module.check_mode,
        lock_timeout=params["lock_timeout"],
        allow_clone=params["allow_clone"],
    )
    if params["state"] == "present":
        had = command.have_checkpoint(declaration, options)
        result: dict[str, Any] = {"changed": had.changed, "digest": had.digest}
    elif params["state"] == "restored":
        result = restored(module, command.restore_checkpoint(declaration, options))
    else:
        removed = command.remove_checkpoints(declaration, options, params["digest"])
        result = {"changed": bool(removed), "removed": removed}
    kept = command.checkpoints(declaration, folders)
    for words in kept.damaged if params["state"] != "absent" else ():
        module.warn(words)
    return {**result, "environment": kept.environment, "checkpoints": [one.data for one in kept.whole]}


def restored(module: AnsibleModule, outcome: Outcome) -> dict[str, Any]:
    """What is told of an environment that went back; its warnings go to the user."""
    for warning in outcome.warnings:
        module.warn(warning)
    result = changes_of(outcome.plan, False, outcome.mask.data)
    warn_of_orphans(module, result["orphans"], "With orphans: remove of the module environment they go.")
    return {**result, **({"digest": outcome.started.checkpoint} if outcome.started else {})}


def main() -> None:
    module = AnsibleModule(ARGUMENT_SPEC, supports_check_mode=True)
    answer(module, lambda: run(module))


if __name__ == "__main__":
    main()
