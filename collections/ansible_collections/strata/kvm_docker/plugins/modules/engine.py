#!/usr/bin/python
# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Front end of the kind engine: daemon.json from options."""

from __future__ import annotations

DOCUMENTATION = r"""
module: engine
short_description: Manage the settings of a Docker engine
version_added: 0.1.0
author:
  - The Strata maintainers (@strata)
description:
  - Has C(/etc/docker/daemon.json) say what is declared, setting by setting, and the engine take it over, by a reload
    where it reloads every changed setting, else by a restart.
  - The whole file is ours then. One that somebody else wrote is an error, unless O(adopt) is set.
  - The engine's own program checks the settings before they are put in place. Where the engine does not start with
    them, the old ones are put back, and the module fails with the end of its journal.
  - Containers that the engine stops with itself, and that have no restart policy, are started again.
extends_documentation_fragment:
  - strata.kvm_docker.attributes
  - strata.kvm_docker.docker
  - strata.kvm_docker.docker.changing
attributes:
  check_mode:
    support: full
    details: The same plan is computed in and out of check mode.
  diff_mode:
    support: full
    details: Secrets are masked.
  idempotent:
    support: full
options:
  settings:
    description: What C(daemon.json) is to say, as dockerd's reference has it.
    type: dict
    default: {}
  state:
    description: V(present) has the settings; V(absent) has the file say nothing.
    type: str
    choices: [present, absent]
    default: present
  adopt:
    description: Whether a C(daemon.json) that somebody else wrote is replaced. It is an error otherwise.
    type: bool
    default: false
  restart_command:
    description:
      - Command line that restarts the engine and returns when it answers again, on a machine where it is no service of
        systemd. Every change is a restart then.
      - Where it is not given and there is no such service, the module fails before it touches anything.
    type: str
notes:
  - Needs root on the engine's machine.
  - The engine must be the one behind C(/var/run/docker.sock) of its machine; another one has its C(daemon.json)
    elsewhere and is refused.
"""

EXAMPLES = r"""
- name: Rotate logs of containers
  strata.kvm_docker.engine:
    settings:
      log-driver: local
      log-opts:
        max-size: 10m

- name: On an engine of another machine
  strata.kvm_docker.engine:
    docker_host: ssh://root@apps.example
    settings:
      live-restore: true

- name: On an engine that systemd does not run
  strata.kvm_docker.engine:
    settings:
      debug: true
    restart_command: service docker restart
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
      sample: engine
    name:
      description: Name of the object.
      type: str
      sample: docker
    guest:
      description: The engine in short, V(local), its host or its guest.
      type: str
      sample: local
    action:
      description: One of V(create), V(update), V(restart), V(replace), V(start), V(stop), V(delete).
      type: str
      sample: create
    reason:
      description: Why.
      type: str
      sample: not there
    differences:
      description:
        - Leaves that are not as declared, each with path, before, after, cause (V(declaration) or V(drift)) and effect.
          Secrets are masked.
      type: list
      elements: dict
orphans:
  description: Objects that the call is about, are no longer declared and were left alone; as a rule there are none.
  returned: success
  type: list
  elements: str
  sample: []
version:
  description: Version of the engine.
  returned: success
  type: str
  sample: 26.1.5+dfsg1
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
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.docker_host import require_usual
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.engine import Engine
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.restart import require_command
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import ForeignObjectError
from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders
from ansible_collections.strata.kvm_docker.plugins.module_utils.layers.docker_layer import (
    ADOPT,
    CHANGING,
    MUTUALLY_EXCLUSIVE,
    REQUIRED_BY,
    Request,
    alone,
    converge,
    engine_of,
    layer_of,
    target_of,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.quiet_module import QuietModule
from ansible_collections.strata.kvm_docker.plugins.module_utils.result import answer

ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    **CHANGING,
    **ADOPT,
    "settings": {"type": "dict", "default": {}},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "restart_command": {"type": "str"},
}


def run(module: AnsibleModule) -> dict[str, Any]:
    """The module's result."""
    written = module.params["settings"]
    settings = {} if module.params["state"] == "absent" else written
    request = Request(project=alone(), kinds=("engine",), settings=settings)
    with engine_of(module.params) as engine:
        require_usual(target_of(module.params), engine, Folders.own(module.params["state_folder"]))
        engine.restart_command = module.params["restart_command"]
        require_command(engine)
        if not module.params["adopt"]:
            refuse_foreign(module.params, engine, request)
        return {**converge(module, engine, request), "version": engine.version()}


def refuse_foreign(params: dict[str, Any], engine: Engine, request: Request) -> None:
    """A file without our mark beside it that says something else is somebody's."""
    layer = layer_of(params, engine, request)
    written = {item.key for item in layer.observed() if item.applied is None and item.spec["settings"]}
    if written & layer.plan().keys():
        raise ForeignObjectError(
            f"{engine.where}: its daemon.json says something else, and somebody else wrote it; it was not touched. "
            "Take its settings into the declaration, or give adopt: true to replace the file."
        )


def main() -> None:
    module = QuietModule(
        ARGUMENT_SPEC,
        supports_check_mode=True,
        mutually_exclusive=MUTUALLY_EXCLUSIVE,
        required_by=REQUIRED_BY,
    )
    answer(module, lambda: run(module))


if __name__ == "__main__":
    main()
