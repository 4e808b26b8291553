#!/usr/bin/python
# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Front end of the one loop: options to ``converge``, its outcome to a module's result."""

from __future__ import annotations

DOCUMENTATION = r"""
module: environment
short_description: Converge an environment of KVM guests, Docker engines and containers
version_added: 0.1.0
author:
  - The Strata maintainers (@strata)
description:
  - Reads a declaration and the Compose files that it names, observes the guests, engines and containers that are there,
    plans the changes between the two, and applies them in parallel, each after those that it needs.
  - Nothing is touched when the declaration has a mistake; every mistake of its files is reported at once.
  - Only objects that carry the mark of the environment are changed or removed.
  - A stranger with a declared name is an error.
  - While it works, an action plugin of the same name shows what it does; see O(progress_file).
  - The events of the last ten runs stay in the state folder until O(state=absent); C(strata timeline) draws them.
extends_documentation_fragment:
  - strata.kvm_docker.attributes
  - strata.kvm_docker.attributes.platform
  - strata.kvm_docker.attributes.state_folder
  - strata.kvm_docker.attributes.libraries
  - strata.kvm_docker.declaration
  - strata.kvm_docker.declaration.converging
attributes:
  check_mode:
    support: full
    details: The plan is computed the same way in and out of check mode, from an empty hypervisor too.
  diff_mode:
    support: full
    details: Secrets are masked.
  idempotent:
    support: full
requirements:
  - pycdlib >= 1.14, for guests with a stock image
options:
  lock_timeout:
    description: Seconds to wait while another run holds the lock of the environment; V(0) refuses at once.
    type: float
    default: 60
  wait_timeout:
    description:
      - Seconds to wait for one container until it runs and, where it has a health check, is healthy; of a job that
        others wait for, until it has ended. V(0) sets no limit. Then it is an error, with the container's last log
        lines.
    type: int
    default: 600
  lock:
    description:
      - What to do with the lock of the environment, the file C(<name>.environment.lock) beside O(declaration), which
        holds every outside input by digest.
      - V(require) stops before anything is touched when an input is not what is locked, and tells all that moved. What
        can only be known later is compared before it is used. Images of registries are pulled by the digest that is
        locked, wherever their tags stand.
      - V(create) makes the lock at the end of the run where there is none, and is V(require) where there is one.
      - V(update) resolves every input anew and makes the lock of that at the end of the run.
      - Not given, a lock that is there is required, and without one nothing is locked.
      - For O(state=present) only. In check mode nothing is written.
    type: str
    choices: [create, require, update]
  start:
    description:
      - How an environment begins of which no guest is there yet. Guests that are there are left as they are.
      - V(warm) restores a checkpoint of just these inputs, see M(strata.kvm_docker.checkpoint), and is an error where
        there is none, or it cannot be used. Nothing of it is left then.
      - V(auto) restores one where it can, and else builds all anew; RV(start) and a warning tell why.
      - V(cold) builds all anew.
      - For O(state=present) only.
    type: str
    choices: [auto, warm, cold]
    default: auto
  allow_clone:
    description:
      - Whether a checkpoint is used whose guests run in another state folder at the moment.
      - Both then have the same keys and the same open sessions.
    type: bool
    default: false
  progress_file:
    description:
      - Where to append progress while the module works, one JSON object a line, or V(-) to return it as RV(progress).
      - The action plugin sets this option; leave it out.
    type: path
seealso:
  - module: strata.kvm_docker.checkpoint
  - plugin: strata.kvm_docker.environment
    plugin_type: inventory
    description: Makes the guests of a declaration hosts of the inventory.
"""

EXAMPLES = r"""
- name: Bring an environment up
  strata.kvm_docker.environment:
    declaration: /srv/two_hosts/two_hosts.environment.yml

- name: Show what would change
  strata.kvm_docker.environment:
    declaration: /srv/two_hosts/two_hosts.environment.yml
    orphans: remove
  check_mode: true
  diff: true
  register: preview

- name: Refuse to go on when a guest would be replaced
  ansible.builtin.assert:
    that: preview.plan | selectattr('kind', 'eq', 'guest') | selectattr('action', 'eq', 'replace') | length == 0

- name: Agree to what moved, and show it
  strata.kvm_docker.environment:
    declaration: /srv/two_hosts/two_hosts.environment.yml
    lock: update
  diff: true

- name: Bring it up from its checkpoint, in seconds
  strata.kvm_docker.environment:
    declaration: /srv/two_hosts/two_hosts.environment.yml
    start: warm

- name: Remove it again
  strata.kvm_docker.environment:
    declaration: /srv/two_hosts/two_hosts.environment.yml
    state: absent
"""

RETURN = r"""
environment:
  description: Name of the environment.
  returned: success
  type: str
  sample: two_hosts
plan:
  description:
    - Changes that were made, or would be made in check mode, in their order.
    - Where it failed, those that had been made before, or those that were refused.
  returned: success, and where it failed after changes
  type: list
  elements: dict
  contains:
    kind:
      description: Kind of the object, from V(network) to V(container).
      type: str
      sample: container
    name:
      description: Name of the object.
      type: str
      sample: apps-app-1
    guest:
      description: Guest whose engine it lives on; empty for an object of the hypervisor.
      type: str
      sample: apps
    action:
      description: One of V(create), V(update), V(restart), V(replace), V(start), V(stop), V(delete).
      type: str
      sample: replace
    reason:
      description: Why.
      type: str
      sample: its image is new
    differences:
      description:
        - Leaves that are not as declared, each with path, before, after, cause (V(declaration) or V(drift)) and effect
          (V(in place), V(restart) or V(replace)). Secrets are masked.
      type: list
      elements: dict
orphans:
  description: Objects of the environment that are no longer declared and were left alone.
  returned: success
  type: list
  elements: str
  sample: ["container apps/apps-old-1"]
unobserved:
  description:
    - Guests whose engine was not looked at, so that nothing is said about what is on it. A warning names those that are
      left as they are, off by a policy for drift, say.
    - In check mode those that would be started or put right first, too.
  returned: success
  type: list
  elements: str
  sample: []
guests:
  description: The guests as they are, with what runs on their engines.
  returned: success
  type: list
  elements: dict
  sample:
    - name: apps
      address: 10.80.0.12
      engine: 26.1.5
      published: ["127.0.0.1:8080"]
      containers:
        - {name: apps-redis-1, service: redis, state: running, health: healthy, ports: []}
start:
  description: How guests began that were not there.
  returned: success, where a checkpoint was asked for or was there
  type: dict
  contains:
    how:
      description: V(warm) or V(cold).
      type: str
      sample: warm
    checkpoint:
      description: Digest of the checkpoint that was restored.
      type: str
      sample: 5bd3e8e0f3a94d9c7f0c7c2d5b9f1d53c5a5f1c3e2b8a6d4f0e1c2b3a4958677
    reason:
      description: Why it was cold, although there was a checkpoint.
      type: str
      sample: ""
lock:
  description: The lock of the environment.
  returned: success, where there is a lock or one is made
  type: dict
  contains:
    path:
      description: Path of its file.
      type: str
      sample: /srv/two_hosts/two_hosts.environment.lock
    changed:
      description: Whether the file was written, or would be in check mode.
      type: bool
    moved:
      description: Inputs that are not what the lock said, each with path, locked and now.
      type: list
      elements: dict
      sample: [{path: container_images.redis:7.manifest, locked: "sha256:aa...", now: "sha256:bb..."}]
    unknown:
      description: Paths of digests that the lock does not hold yet.
      type: list
      elements: str
moved:
  description: Inputs that are not what is locked, each with path, locked and now; V(null) stands for what is not there.
  returned: when an input is not what is locked
  type: list
  elements: dict
seconds:
  description: Seconds that each phase took.
  returned: success
  type: dict
  sample: {observe: 0.4, plan: 0.01, apply: 0.0}
progress:
  description: Progress events, where O(progress_file) is V(-).
  returned: when asked for
  type: list
  elements: dict
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

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.strata.kvm_docker.plugins.module_utils.converge import Outcome
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.engine import WAIT_TIMEOUT
from ansible_collections.strata.kvm_docker.plugins.module_utils.environment_options import CONVERGING, converged
from ansible_collections.strata.kvm_docker.plugins.module_utils.locks import TIMEOUT
from ansible_collections.strata.kvm_docker.plugins.module_utils.progress import Event, Progress, to_file
from ansible_collections.strata.kvm_docker.plugins.module_utils.result import answer, changes_of, warn_of_orphans

ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    **CONVERGING,
    "lock_timeout": {"type": "float", "default": TIMEOUT},
    "wait_timeout": {"type": "int", "default": WAIT_TIMEOUT},
    "lock": {"type": "str", "choices": ["create", "require", "update"]},
    "start": {"type": "str", "choices": ["auto", "warm", "cold"], "default": "auto"},
    "allow_clone": {"type": "bool", "default": False},
    "progress_file": {"type": "path"},
}
REMEDY = "With orphans: remove (of the playbooks: -e strata_orphans=remove) they go, volumes with their data."


def result_of(outcome: Outcome, with_diff: bool) -> dict[str, Any]:
    """The module's result for *outcome*."""
    result = {
        **changes_of(outcome.plan, with_diff, outcome.mask.data),
        "changed": outcome.changed,
        "environment": outcome.environment,
        "unobserved": list(outcome.unobserved),
        "guests": outcome.guests,
        "seconds": outcome.seconds,
    }
    if outcome.started:
        result["start"] = asdict(outcome.started)
    if outcome.lock:
        result["lock"] = outcome.lock.data
        if with_diff and outcome.lock.changed:
            result["diff"].append(outcome.lock.diff)
    return result


def told(module: AnsibleModule, outcome: Outcome) -> dict[str, Any]:
    """The module's result for *outcome*, whose warnings go to the user."""
    for warning in outcome.warnings:
        module.warn(warning)
    result = result_of(outcome, module._diff)
    warn_of_orphans(module, result["orphans"], REMEDY)
    return result


def sink_of(target: str | None, events: list[dict[str, Any]]) -> Callable[[Event], None]:
    """Where events go: nowhere, into *events* (target ``-``), or to the end of the file *target*."""
    if not target:
        return lambda event: None
    if target == "-":
        return lambda event: events.append(asdict(event))
    return to_file(Path(target))


def main() -> None:
    module = AnsibleModule(ARGUMENT_SPEC, supports_check_mode=True)
    events: list[dict[str, Any]] = []
    extra: dict[str, Any] = {"progress": events} if module.params["progress_file"] == "-" else {}

    def work() -> dict[str, Any]:
        progress = Progress(sink_of(module.params["progress_file"], events))
        return told(module, converged(module.params, module.check_mode, progress))

    answer(module, work, extra)


if __name__ == "__main__":
    main()
