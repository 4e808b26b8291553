#!/usr/bin/python
# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Front end of the layer on an engine: a Compose project from options or files."""

from __future__ import annotations

DOCUMENTATION = r"""
module: container
short_description: Manage the containers of a Compose project on a Docker engine
version_added: 0.1.0
author:
  - The Strata maintainers (@strata)
description:
  - Has the images, networks, volumes and containers of a project as declared, in the terms of the Compose
    Specification, all in one call. Every leaf of what is there is compared, so edits by others are noticed.
  - What does not depend on each other is worked on in parallel. Replicas of a service are replaced one after the other,
    as C(deploy.update_config) says; what is created, C(depends_on) conditions are waited for.
  - Only objects that carry the mark of the environment are changed or removed. What was made for the project before and
    is no longer declared is an orphan.
extends_documentation_fragment:
  - strata.kvm_docker.attributes
  - strata.kvm_docker.docker
  - strata.kvm_docker.docker.changing
  - strata.kvm_docker.docker.adopt
attributes:
  check_mode:
    support: full
    details: The same plan is computed in and out of check mode.
  diff_mode:
    support: full
    details: Secrets are masked.
  idempotent:
    support: full
requirements:
  - ruamel.yaml >= 0.18
options:
  project_name:
    description: Name of the project, the first part of the names of its containers, networks and volumes.
    type: str
    required: true
  project_folder:
    description: Folder that relative paths start at; the current one where not given.
    type: path
  services:
    description: The services, as below C(services) in a Compose file. A C($) is a character like any other here.
    type: dict
  networks:
    description: The networks, as below C(networks) in a Compose file.
    type: dict
  volumes:
    description: The volumes, as below C(volumes) in a Compose file.
    type: dict
  secrets:
    description: The secrets, as below C(secrets) in a Compose file.
    type: dict
  configs:
    description: The configs, as below C(configs) in a Compose file.
    type: dict
  files:
    description:
      - Compose files in place of the sections, the later ones over the earlier.
      - Variables in them come from the file C(.env) beside the first one.
    type: list
    elements: path
  profiles:
    description: Profiles that are active.
    type: list
    elements: str
    default: []
  state:
    description:
      - V(present) has everything as declared, and the containers running.
      - V(absent) removes the containers and networks of the project, and its volumes where O(remove_volumes) is set. It
        takes no declaration.
      - V(started) starts the declared containers that are there and do not run, V(stopped) stops those that run. Both
        leave all else as it is.
    type: str
    choices: [present, absent, started, stopped]
    default: present
  orphans:
    description:
      - What happens to objects of the project that are no longer declared.
      - V(report) leaves them alone, returns them as RV(orphans) and warns; V(remove) removes them, volumes only where
        O(remove_volumes) is set.
      - Containers beyond the declared number of replicas are none; they are removed in any case.
    type: str
    choices: [report, remove]
    default: report
  remove_volumes:
    description:
      - Whether volumes go, with their data, where other objects of the project go. Those with C(keep) in their
        C(x-strata) stay.
    type: bool
    default: false
  wait:
    description: Whether to wait at the end until every container runs and, where it has a health check, is healthy.
    type: bool
    default: true
  wait_timeout:
    description:
      - Seconds to wait for one container, at the end and where another one waits for its health or its end; V(0) sets
        no limit. Then it is an error, with the container's last log lines.
    type: int
    default: 600
"""

EXAMPLES = r"""
- name: Run a web server and a cache
  strata.kvm_docker.container:
    project_name: shop
    services:
      web:
        image: nginx:1.27
        ports: ["8080:80"]
        depends_on: [cache]
        deploy:
          replicas: 2
      cache:
        image: redis:7
        volumes: ["data:/data"]
        healthcheck:
          test: [CMD, redis-cli, ping]
    volumes:
      data: {}

- name: Run what Compose files say, on another machine
  strata.kvm_docker.container:
    docker_host: ssh://deploy@apps.example
    project_name: shop
    project_folder: /srv/shop
    files: [compose.yaml, compose.production.yaml]
    orphans: remove

- name: Remove it, but keep the data
  strata.kvm_docker.container:
    project_name: shop
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
      sample: container
    name:
      description: Name of the object.
      type: str
      sample: shop-web-1
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
  description: Objects of the project that are no longer declared and were left alone.
  returned: success
  type: list
  elements: str
  sample: ["container local/shop-old-1"]
containers:
  description: The containers of the project as they are.
  returned: success
  type: list
  elements: dict
  sample:
    - {name: shop-cache-1, service: cache, state: running, health: healthy, ports: []}
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
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.engine import WAIT_TIMEOUT
from ansible_collections.strata.kvm_docker.plugins.module_utils.layers.docker_layer import (
    ADOPT,
    CHANGING,
    MUTUALLY_EXCLUSIVE,
    REQUIRED_BY,
    converge,
    engine_of,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.layers.docker_project import SECTIONS, request_of
from ansible_collections.strata.kvm_docker.plugins.module_utils.quiet_module import QuietModule
from ansible_collections.strata.kvm_docker.plugins.module_utils.report import container_rows
from ansible_collections.strata.kvm_docker.plugins.module_utils.result import answer, warn_of_orphans

ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    **CHANGING,
    **ADOPT,
    "project_name": {"type": "str", "required": True},
    "project_folder": {"type": "path"},
    "services": {"type": "dict"},
    "networks": {"type": "dict"},
    "volumes": {"type": "dict"},
    "secrets": {"type": "dict", "no_log": False},
    "configs": {"type": "dict"},
    "files": {"type": "list", "elements": "path"},
    "profiles": {"type": "list", "elements": "str", "default": []},
    "state": {"type": "str", "choices": ["present", "absent", "started", "stopped"], "default": "present"},
    "orphans": {"type": "str", "choices": ["report", "remove"], "default": "report"},
    "remove_volumes": {"type": "bool", "default": False},
    "wait": {"type": "bool", "default": True},
    "wait_timeout": {"type": "int", "default": WAIT_TIMEOUT},
}
REMEDY = "With orphans: remove they go, volumes only with remove_volumes: true beside it."


def run(module: AnsibleModule) -> dict[str, Any]:
    """The module's result."""
    request = request_of(module.params)
    with engine_of(module.params) as engine:
        result = converge(module, engine, request)
        warn_of_orphans(module, result["orphans"], REMEDY)
        return {**result, "containers": container_rows(engine, module.params["project_name"])}


def main() -> None:
    module = QuietModule(
        ARGUMENT_SPEC,
        supports_check_mode=True,
        mutually_exclusive=[*MUTUALLY_EXCLUSIVE, *(("files", section) for section in SECTIONS)],
        required_by=REQUIRED_BY,
        required_if=[("state", state, ("files", "services"), True) for state in ("present", "started", "stopped")],
    )
    answer(module, lambda: run(module))


if __name__ == "__main__":
    main()
