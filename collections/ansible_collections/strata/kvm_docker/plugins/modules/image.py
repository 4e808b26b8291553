#!/usr/bin/python
# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Front end of the kind image: one image, built, loaded from an archive or pulled, from options."""

from __future__ import annotations

DOCUMENTATION = r"""
module: image
short_description: Manage one image of a Docker engine
version_added: 0.1.0
author:
  - The Strata maintainers (@strata)
description:
  - Has an image on an engine under its name, built from a folder, loaded from an archive or pulled from a registry.
  - What an image is made from is compared, by a digest of the build context and its base images, or by the image in the
    archive; so nothing is built again that is there, and a changed file or a moved tag is noticed.
  - Images that it replaced are removed once no container uses them.
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
options:
  name:
    description: Name of the image, with its tag.
    type: str
    required: true
  state:
    description: Whether the image is to be there.
    type: str
    choices: [present, absent]
    default: present
  build:
    description: Build it on the engine.
    type: dict
    suboptions:
      context:
        description: Folder on the machine that the module runs on; its C(.dockerignore) is obeyed.
        type: path
        required: true
      dockerfile:
        description: Path of the Dockerfile, relative to the context.
        type: str
        default: Dockerfile
      dockerfile_inline:
        description: Text of the Dockerfile, in place of a file.
        type: str
      args:
        description: Arguments of the build.
        type: dict
        default: {}
      target:
        description: Stage to build.
        type: str
      labels:
        description: Labels of the image.
        type: dict
        default: {}
  archive:
    description:
      - Load it from this archive, as C(docker save) makes it, or an OCI image layout in a tar.
      - A file on the machine that the module runs on.
    type: path
  sha256:
    description: Digest that O(archive) must have.
    type: str
  pull_policy:
    description:
      - For an image that is neither built nor loaded, V(missing) pulls it where the engine has none of its name.
      - V(never) fails where it has none.
    type: str
    choices: [missing, never]
    default: missing
"""

EXAMPLES = r"""
- name: Build an image
  strata.kvm_docker.image:
    name: team/app:1.0
    build:
      context: /srv/app
      args:
        VERSION: "1.0"

- name: Load one from an archive
  strata.kvm_docker.image:
    name: redis:7
    archive: /srv/images/redis.tar
    sha256: "{{ lookup('ansible.builtin.file', '/srv/images/redis.sha256') }}"

- name: Have one of a registry
  strata.kvm_docker.image:
    name: registry.example/team/app:1.0

- name: Remove it
  strata.kvm_docker.image:
    name: team/app:1.0
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
      sample: image
    name:
      description: Name of the object.
      type: str
      sample: team/app:1.0
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
image:
  description: The image as the engine shows it.
  returned: when it is there
  type: dict
  sample: {Id: "sha256:5b0bcabd1ed2", RepoTags: ["team/app:1.0"], Size: 5242880}
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
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.environment import ContainerImage
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.object_options import image_service
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.reference import familiar
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import ImageError
from ansible_collections.strata.kvm_docker.plugins.module_utils.layers.docker_layer import (
    ADOPT,
    CHANGING,
    MUTUALLY_EXCLUSIVE,
    REQUIRED_BY,
    Request,
    alone,
    converge,
    engine_of,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.layers.docker_view import found
from ansible_collections.strata.kvm_docker.plugins.module_utils.quiet_module import QuietModule
from ansible_collections.strata.kvm_docker.plugins.module_utils.result import answer

ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    **CHANGING,
    **ADOPT,
    "name": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "build": {
        "type": "dict",
        "options": {
            "context": {"type": "path", "required": True},
            "dockerfile": {"type": "str", "default": "Dockerfile"},
            "dockerfile_inline": {"type": "str"},
            "args": {"type": "dict", "default": {}},
            "target": {"type": "str"},
            "labels": {"type": "dict", "default": {}},
        },
    },
    "archive": {"type": "path"},
    "sha256": {"type": "str"},
    "pull_policy": {"type": "str", "choices": ["missing", "never"], "default": "missing"},
}


def request_of(params: dict[str, Any]) -> Request:
    """The image, and the images that it is built from."""
    service, absent = image_service(params), params["state"] == "absent"
    archive = ContainerImage(archive=params["archive"], sha256=params["sha256"])
    return Request(
        project=alone(services={} if absent else {service.name: service}),
        kinds=("image",),
        speaks_for=lambda item: familiar(item.key.name) == familiar(service.image),
        container_images={service.image: archive} if params["archive"] and not absent else {},
        absent=absent,
    )


def run(module: AnsibleModule) -> dict[str, Any]:
    """The module's result."""
    name, request = module.params["name"], request_of(module.params)
    with engine_of(module.params) as engine:
        view = found(engine, "image", name)
        if view is None and request.project.services and _must_be_there(module.params):
            raise ImageError(f"image {name}: {engine.where} does not have it, and pull_policy is never. Load it first.")
        result = converge(module, engine, request)
        view = found(engine, "image", name)
        return result | ({"image": view} if view else {})


def _must_be_there(params: dict[str, Any]) -> bool:
    return params["pull_policy"] == "never" and not params["build"] and not params["archive"]


def main() -> None:
    module = QuietModule(
        ARGUMENT_SPEC,
        supports_check_mode=True,
        mutually_exclusive=[*MUTUALLY_EXCLUSIVE, ("build", "archive")],
        required_by={**REQUIRED_BY, "sha256": ("archive",)},
    )
    answer(module, lambda: run(module))


if __name__ == "__main__":
    main()
