#!/usr/bin/python
# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Front end of the image store: options to a guest image, the stored image to a module's result."""

from __future__ import annotations

DOCUMENTATION = r"""
module: guest_image
short_description: Put a guest image into the image store
version_added: 0.1.0
author:
  - The Strata maintainers (@strata)
description:
  - Builds an image of a Debian guest with a Docker engine from packages.
  - Or takes a stock cloud image from a file or URL.
  - An image is made once; environments that declare the same image find it in the store and build nothing.
  - Two builds of one recipe at one state of the package mirror are equal bit for bit.
  - Needs no root mount, no loop device and no running libvirt.
extends_documentation_fragment:
  - strata.kvm_docker.attributes
  - strata.kvm_docker.attributes.platform
  - strata.kvm_docker.attributes.state_folder
attributes:
  check_mode:
    support: full
    details: Looks the image up in the store; a source without O(sha256) is read to know its digest.
  diff_mode:
    support: none
  idempotent:
    support: full
    details: A newer state of the package mirror does not make an image that is there out of date.
options:
  name:
    description: What the declaration calls the image; only messages show it.
    type: str
    required: true
  build:
    description: Build the image from Debian packages.
    type: dict
    suboptions:
      suite:
        description: Debian suite, for example V(trixie).
        type: str
        required: true
      packages:
        description: Packages beyond the system, SSH server and Docker engine that every image has.
        type: list
        elements: str
      mirror:
        description:
          - Package mirror that everything comes from.
          - The Debian archives that apt of this machine uses where not given, updates and security updates included.
        type: str
  source:
    description:
      - Path or URL of a stock cloud image, qcow2 or raw.
      - A relative path starts at the working folder.
    type: str
  sha256:
    description: Digest that O(source) must have; required for a URL.
    type: str
requirements:
  - python >= 3.11
  - pydantic >= 2.8
  - mmdebstrap and e2fsprogs, for O(build)
  - qemu-img
seealso:
  - module: strata.kvm_docker.environment
  - module: strata.kvm_docker.guest_image_info
"""

EXAMPLES = r"""
- name: Build the image of a Docker host
  strata.kvm_docker.guest_image:
    name: debian13
    build:
      suite: trixie
      packages: [nfs-common]

- name: Take a stock cloud image
  strata.kvm_docker.guest_image:
    name: cloud
    source: /srv/images/debian-13-genericcloud-amd64.qcow2
    sha256: "{{ lookup('ansible.builtin.file', '/srv/images/debian-13.sha256') }}"
"""

RETURN = r"""
recipe:
  description: Digest of the recipe, or of the source; what environments refer to the image by.
  returned: success
  type: str
  sample: 4d4cfc2352c8daf299e27daadb3f9245b7c0ea666c69d154fbf94e7c773305cd
image:
  description: The image in the store.
  returned: when it is there
  type: dict
  contains:
    recipe:
      description: Digest of the recipe or source that led to it.
      type: str
      sample: 4d4cfc2352c8daf299e27daadb3f9245b7c0ea666c69d154fbf94e7c773305cd
    digest:
      description: SHA-256 over the content of the image.
      type: str
      sample: 8c30cc94ac5b9efa0b1c2c8a93d8af84d1fde0b74482965a4fea325157089a6d
    disk:
      description: Path of the disk, qcow2.
      type: str
      sample: /var/lib/strata/images/8c30cc94ac5b/disk.qcow2
    kernel:
      description: Path of the kernel that guests are booted with; empty for a stock image.
      type: str
      sample: /var/lib/strata/images/8c30cc94ac5b/vmlinuz
    initrd:
      description: Path of the initial RAM file system; empty for a stock image.
      type: str
      sample: /var/lib/strata/images/8c30cc94ac5b/initrd.img
    cmdline:
      description: Command line of the kernel.
      type: str
      sample: root=/dev/vda rw
    packages:
      description: Versions of the installed packages, by name; empty for a stock image.
      type: dict
      sample: {docker.io: 26.1.5+dfsg1-9+b9}
"""

import os
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.check_images import check_images
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.environment import GuestImage
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.option_spec import option_spec
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.read_options import Place, read_options
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.sources import Sources
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import (
    DeclarationError,
    ImageError,
    StrataError,
    os_errors,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest import guest_image, image_store
from ansible_collections.strata.kvm_docker.plugins.module_utils.layers.kvm_view import image_view
from ansible_collections.strata.kvm_docker.plugins.module_utils.quiet_module import QuietModule
from ansible_collections.strata.kvm_docker.plugins.module_utils.result import answer

IMAGE = option_spec(GuestImage, leave_out=("preload",))

ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "name": {"type": "str", "required": True},
    **IMAGE,
    "state_folder": {"type": "path"},
}


def image_of(params: dict[str, Any], folder: str) -> GuestImage:
    """The image that the options describe, below *folder*; raises :class:`DeclarationError`."""
    place = Place("images", params["name"])
    environment = read_options("images", folder, place, {option: params[option] for option in IMAGE})
    problems = list(check_images(environment, Sources()))
    if problems:
        raise DeclarationError(place.problems(problems))
    return environment.images[place.name]


def run(module: AnsibleModule) -> dict[str, Any]:
    """The module's result; an error begins with the image's name, or with the option that is wrong."""
    folder = os.getcwd()
    image = image_of(module.params, folder)
    try:
        with os_errors():
            return stored(module, image, folder)
    except StrataError as error:
        raise ImageError(f"image {module.params['name']}: {error}") from error


def stored(module: AnsibleModule, image: GuestImage, folder: str) -> dict[str, Any]:
    """Have *image* in the store, unless only to be checked; returns the module's result."""
    folders = Folders.of(module.params["state_folder"])
    recipe = guest_image.recipe_digest(image, folder)
    present = image_store.resolve(folders, recipe)
    result: dict[str, Any] = {"changed": present is None, "recipe": recipe}
    if present is None and not module.check_mode:
        present = guest_image.obtain(image, folder, folders, lambda message, fraction: None)
    if present:
        result["image"] = image_view(recipe, present)
    return result


def main() -> None:
    module = QuietModule(
        ARGUMENT_SPEC,
        supports_check_mode=True,
        mutually_exclusive=[("build", "source"), ("build", "sha256")],
        required_one_of=[("build", "source")],
    )
    answer(module, lambda: run(module))


if __name__ == "__main__":
    main()
