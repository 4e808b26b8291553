#!/usr/bin/python
# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Front end of the one loop in its preview: what is not as it was declared."""

from __future__ import annotations

DOCUMENTATION = r"""
module: drift
short_description: Tell what of an environment drifted from its declaration
version_added: 0.1.0
author:
  - The Strata maintainers (@strata)
description:
  - Observes every object of an environment, down to the leaves of its containers, and tells what was edited, stopped or
    removed behind the declaration's back. It changes nothing.
  - Drift is told from a new declaration by what was last applied, which is written on every object.
  - The section C(drift) of the declaration says for which leaves drift is repaired by the module
    M(strata.kvm_docker.environment), only reported, or ignored.
extends_documentation_fragment:
  - strata.kvm_docker.attributes
  - strata.kvm_docker.attributes.info_module
  - strata.kvm_docker.attributes.platform
  - strata.kvm_docker.attributes.state_folder
  - strata.kvm_docker.attributes.libraries
  - strata.kvm_docker.declaration
options:
  fail_on_drift:
    description: Whether the module fails where something drifted, for pipelines.
    type: bool
    default: false
seealso:
  - module: strata.kvm_docker.environment
  - module: strata.kvm_docker.plan
"""

EXAMPLES = r"""
- name: Look for drift
  strata.kvm_docker.drift:
    declaration: /srv/two_hosts/two_hosts.environment.yml
  register: found

- name: Show it
  ansible.builtin.debug:
    msg: "{{ found.table }}"

- name: End a pipeline where something drifted
  strata.kvm_docker.drift:
    declaration: /srv/two_hosts/two_hosts.environment.yml
    fail_on_drift: true
"""

RETURN = r"""
environment:
  description: Name of the environment.
  returned: success, and where it fails because something drifted
  type: str
  sample: two_hosts
drifted:
  description:
    - Whether anything drifted. Changes of the declaration that were not applied yet are no drift, but for objects that
      are new in it, which are V(missing).
  returned: success, and where it fails because something drifted
  type: bool
findings:
  description: Objects that are not as declared, drift first.
  returned: success, and where it fails because something drifted
  type: list
  elements: dict
  contains:
    kind:
      description: Kind of the object.
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
    state:
      description:
        - V(changed), V(missing), V(stopped) or V(broken) is drift. That an object which is declared and not there was
          removed cannot be told from that it was never made; it is V(missing) in both cases.
        - V(undeclared) and V(pending) are no drift but changes of the declaration that were not applied yet; an object
          that is V(undeclared) carries our mark and was taken out of it.
      type: str
      sample: changed
    policy:
      description: V(repair) or V(report); what the declaration ignores is not returned.
      type: str
      sample: repair
    effect:
      description: What repairing it would take.
      type: str
      sample: in place
    differences:
      description:
        - Leaves that are not as declared; C(before) is there, C(after) is declared. Secrets are masked.
      type: list
      elements: dict
table:
  description: The findings as lines for a person.
  returned: success, and where it fails because something drifted
  type: list
  elements: str
unobserved:
  description: Guests that do not run, so that their engines could not be looked at.
  returned: success, and where it fails because something drifted
  type: list
  elements: str
problems:
  description: Mistakes in the declaration, each with file, line, path and message.
  returned: when the declaration cannot be used
  type: list
  elements: dict
"""

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.strata.kvm_docker.plugins.module_utils.converge import Options, converge
from ansible_collections.strata.kvm_docker.plugins.module_utils.environment_options import DECLARATION
from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.drift import findings, table
from ansible_collections.strata.kvm_docker.plugins.module_utils.progress import Progress
from ansible_collections.strata.kvm_docker.plugins.module_utils.result import answer

ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    **DECLARATION,
    "fail_on_drift": {"type": "bool", "default": False},
}


def looked_for(params: dict[str, Any]) -> dict[str, Any]:
    """The module's result."""
    options = Options(folders=Folders.of(params["state_folder"]), progress=Progress(), check=True, replace_guests=True)
    outcome = converge(Path(params["declaration"]), "present", options)
    found = findings(outcome.plan)
    return {
        "changed": False,
        "environment": outcome.environment,
        "drifted": any(finding.is_drift for finding in found),
        "findings": outcome.mask.data([finding.as_data() for finding in found]),
        "table": outcome.mask.data(table(found)),
        "unobserved": list(outcome.unobserved),
    }


def main() -> None:
    module = AnsibleModule(ARGUMENT_SPEC, supports_check_mode=True)

    def work() -> dict[str, Any]:
        result = looked_for(module.params)
        if result["drifted"] and module.params["fail_on_drift"]:
            module.fail_json(msg="\n".join([f"{result['environment']} drifted:", *result["table"]]), **result)
        return result

    answer(module, work)


if __name__ == "__main__":
    main()
