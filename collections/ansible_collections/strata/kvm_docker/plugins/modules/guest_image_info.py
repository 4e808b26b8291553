#!/usr/bin/python
# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Front end of a look at the image store."""

from __future__ import annotations

DOCUMENTATION = r"""
module: guest_image_info
short_description: Look at the guest images in the image store
version_added: 0.1.0
author:
  - The Strata maintainers (@strata)
description:
  - Tells the guest images in the image store, which all environments share. One that lacks a part of its files is not
    told, as it would be made again.
  - It never changes anything, and reads sizes only.
extends_documentation_fragment:
  - strata.kvm_docker.attributes
  - strata.kvm_docker.attributes.info_module
  - strata.kvm_docker.attributes.platform
  - strata.kvm_docker.attributes.state_folder
options:
  recipe:
    description:
      - Tell only the image of this digest of a recipe or source, which is
        RV(strata.kvm_docker.guest_image#module:recipe), and C(image) of RV(strata.kvm_docker.guest_info#module:guests).
      - The store knows no names of images.
    type: str
requirements:
  - python >= 3.11
seealso:
  - module: strata.kvm_docker.guest_image
  - module: strata.kvm_docker.guest_info
"""

EXAMPLES = r"""
- name: Look at the image store
  strata.kvm_docker.guest_image_info:
  register: store

- name: Say which version of the engine each image has
  ansible.builtin.debug:
    msg: "{{ item.digest }}: {{ item.packages['docker.io'] | default('none') }}"
  loop: "{{ store.images }}"
  loop_control:
    label: "{{ item.recipe }}"
"""

RETURN = r"""
images:
  description:
    - The images by recipe, each as RV(strata.kvm_docker.guest_image#module:image) describes it. Two recipes may lead to
      one image.
  returned: success
  type: list
  elements: dict
  sample: [{recipe: 4d4cfc2352c8, digest: 8c30cc94ac5b, cmdline: root=/dev/vda rw}]
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest import image_store
from ansible_collections.strata.kvm_docker.plugins.module_utils.layers.kvm_view import image_view
from ansible_collections.strata.kvm_docker.plugins.module_utils.result import answer

ARGUMENT_SPEC: dict[str, dict[str, Any]] = {"recipe": {"type": "str"}, "state_folder": {"type": "path"}}


def run(module: AnsibleModule) -> dict[str, Any]:
    """The module's result."""
    wanted = module.params["recipe"]
    found = image_store.stored(Folders.of(module.params["state_folder"]))
    return {
        "changed": False,
        "images": [image_view(recipe, image) for recipe, image in found if wanted in (None, recipe)],
    }


def main() -> None:
    module = AnsibleModule(ARGUMENT_SPEC, supports_check_mode=True)
    answer(module, lambda: run(module))


if __name__ == "__main__":
    main()
