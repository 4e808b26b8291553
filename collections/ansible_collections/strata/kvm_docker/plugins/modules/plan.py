#!/usr/bin/python
# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Front end of the one loop in its preview: the plan as data."""

from __future__ import annotations

DOCUMENTATION = r"""
module: plan
short_description: Tell what converging an environment would change
version_added: 0.1.0
author:
  - The Strata maintainers (@strata)
description:
  - Observes an environment and plans what the module M(strata.kvm_docker.environment) would do with the same options,
    by the same code, and changes nothing.
  - An environment of which nothing is there yet is planned whole.
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
    details: It never changes anything.
  diff_mode:
    support: full
  idempotent:
    support: full
seealso:
  - module: strata.kvm_docker.environment
  - module: strata.kvm_docker.drift
"""

EXAMPLES = r"""
- name: Plan
  strata.kvm_docker.plan:
    declaration: /srv/two_hosts/two_hosts.environment.yml
  register: preview

- name: Refuse to go on when a guest would be restarted or replaced
  ansible.builtin.assert:
    that: interrupted | length == 0
  vars:
    guests: "{{ preview.plan | selectattr('kind', 'eq', 'guest') }}"
    interrupted: "{{ guests | selectattr('action', 'in', ['restart', 'replace']) }}"

- name: Tell what would be lost with the environment
  strata.kvm_docker.plan:
    declaration: /srv/two_hosts/two_hosts.environment.yml
    state: absent

- name: Keep the plan for a review
  ansible.builtin.copy:
    content: "{{ preview.plan | to_nice_json }}"
    dest: /srv/two_hosts/plan.json
    mode: "0600"
"""

RETURN = r"""
environment:
  description: Name of the environment.
  returned: success
  type: str
  sample: two_hosts
summary:
  description: The plan in one line.
  returned: success
  type: str
  sample: "3 changes: 2 create, 1 replace"
plan:
  description:
    - Changes that would be made, in their order, as RV(strata.kvm_docker.environment#module:plan) describes them.
  returned: success
  type: list
  elements: dict
orphans:
  description: Objects of the environment that are no longer declared and would be left alone.
  returned: success
  type: list
  elements: str
unobserved:
  description: Guests that do not run, so that what is on their engines could not be planned.
  returned: success
  type: list
  elements: str
problems:
  description: Mistakes in the declaration, each with file, line, path and message.
  returned: when the declaration cannot be used
  type: list
  elements: dict
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.strata.kvm_docker.plugins.module_utils.environment_options import CONVERGING, converged
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan import show
from ansible_collections.strata.kvm_docker.plugins.module_utils.progress import Progress
from ansible_collections.strata.kvm_docker.plugins.module_utils.result import answer, changes_of

ARGUMENT_SPEC = CONVERGING


def planned(params: dict[str, Any], with_diff: bool) -> dict[str, Any]:
    """The module's result."""
    outcome = converged(params, True, Progress())
    return {
        **changes_of(outcome.plan, with_diff, outcome.mask.data),
        "changed": False,
        "environment": outcome.environment,
        "summary": show.summary(outcome.plan),
        "unobserved": list(outcome.unobserved),
    }


def main() -> None:
    module = AnsibleModule(ARGUMENT_SPEC, supports_check_mode=True)
    answer(module, lambda: planned(module.params, module._diff))


if __name__ == "__main__":
    main()
