#!/usr/bin/python
# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Front end of the kind guest: one guest from options, with its disks, reservation and forwards."""

from __future__ import annotations

DOCUMENTATION = r"""
module: guest
short_description: Manage one KVM guest with a Docker engine
version_added: 0.1.0
author:
  - The Strata maintainers (@strata)
description:
  - Has a guest as declared, with its image, disks, DHCP reservations, DNS names and published ports, or has it gone.
  - Its networks and pools must be there, see M(strata.kvm_docker.guest_network) and M(strata.kvm_docker.storage_pool).
    Of a network only what belongs to the guest is changed.
  - What a running guest can take over is changed while it runs; else it is restarted, and the plan says so.
extends_documentation_fragment:
  - strata.kvm_docker.attributes
  - strata.kvm_docker.kvm
  - strata.kvm_docker.kvm.changing
  - strata.kvm_docker.kvm.adopt
attributes:
  check_mode:
    support: full
    details: The same plan is computed in and out of check mode. Nothing is left behind, not even a lock.
  diff_mode:
    support: full
  idempotent:
    support: full
requirements:
  - pycdlib >= 1.14, for a stock image (O(source))
options:
  name:
    description: Name of the guest, which is its host name too.
    type: str
    required: true
  state:
    description:
      - V(present) has the guest as declared and running.
      - V(absent) has it gone with its disks, but for those with V(keep=true), its snapshots and firmware variables.
        Keys of the environment and images stay.
      - V(started) and V(stopped) leave it as it is but for whether it runs, whatever other options describe.
        V(started) waits as O(wait) and O(boot_timeout) say.
    type: str
    choices: [present, absent, started, stopped]
    default: present
  build:
    description:
      - Build its image from Debian packages, or take it from the image store.
      - A guest that is there keeps its image where neither this nor O(source) is given.
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
        description: Package mirror; the machine's usual mirror where not given.
        type: str
  source:
    description: Path or URL of a stock cloud image, qcow2 or raw. A relative path starts at the working folder.
    type: str
  sha256:
    description: Digest that O(source) must have; required for a URL.
    type: str
  replace_guests:
    description: Whether a guest whose image changed is made anew, with its first disk and every volume on its engine.
    type: bool
    default: false
  description:
    description: What the guest is for, as C(virsh desc) shows it.
    type: str
  vcpus:
    description: Virtual processors.
    type: int
    default: 1
  vcpus_max:
    description: Up to how many O(vcpus) can grow while the guest runs; as many as O(vcpus) where not given.
    type: int
  memory:
    description: Memory, written as V(768 MiB) or V(1g); V(1 GiB) where not given.
    type: str
  memory_max:
    description: Up to how much O(memory) can change while the guest runs; as much as O(memory) where not given.
    type: str
  firmware:
    description: What the virtual machine starts with; V(uefi) needs OVMF on the hypervisor.
    type: str
    choices: [bios, uefi]
    default: bios
  disk:
    description: Size of the first disk, written as V(6 GiB); V(8 GiB) where not given. It grows, and never shrinks.
    type: str
  disks:
    description:
      - Data disks by name, each with V(size), and V(pool) and V(keep) where these are not the defaults.
      - Those that are there stay where this is not given. V({}) takes all away from the guest; their files stay.
    type: dict
  networks:
    description:
      - Interfaces by network, each with V(address), and V(mac) and V(link) where these are not the defaults. The first
        one carries the default route.
      - Required with O(state=present).
    type: dict
  publish:
    description: Ports of the hypervisor's loopback, each with the guest's port that it leads to.
    type: dict
  autostart:
    description: Whether libvirt starts the guest with the machine.
    type: bool
    default: true
  virt_type:
    description: V(auto) uses KVM where a kernel really boots on it, else QEMU's software emulation.
    type: str
    choices: [auto, kvm, qemu]
    default: auto
  wait:
    description: What of a guest that is to run must answer before the module ends.
    type: str
    choices: [engine, ssh, none]
    default: engine
  boot_timeout:
    description: Seconds until it must answer after power-on.
    type: int
    default: 300
notes:
  - A data disk that is to be mounted in the guest is for the module M(strata.kvm_docker.environment); V(mount) is
    refused here.
  - Engine settings are for the module M(strata.kvm_docker.engine).
"""

EXAMPLES = r"""
- name: Have a network
  strata.kvm_docker.guest_network:
    environment: shop
    name: lan
    cidr: 10.80.0.0/24

- name: Have a guest on it
  strata.kvm_docker.guest:
    environment: shop
    name: web
    build:
      suite: trixie
    memory: 1 GiB
    networks:
      lan: {address: 10.80.0.11}
    publish: {8080: 80}

- name: Take over the domain shop-legacy that somebody made over this image, with its disks
  strata.kvm_docker.guest:
    environment: shop
    name: legacy
    source: /srv/images/debian-13.qcow2
    networks:
      lan: {address: 10.80.0.12}
    adopt: true

- name: Shut it down
  strata.kvm_docker.guest:
    environment: shop
    name: web
    state: stopped

- name: Remove it
  strata.kvm_docker.guest:
    environment: shop
    name: web
    state: absent
"""

RETURN = r"""
plan:
  description: Changes that were made, or would be made in check mode.
  returned: success, and where it failed after changes
  type: list
  elements: dict
  contains:
    kind:
      description: Kind of the object, V(guest), V(disk), V(network), V(pool), V(forward) or V(guest_image).
      type: str
      sample: guest
    name:
      description: Name of the object.
      type: str
      sample: web
    guest:
      description: Empty; objects of the hypervisor are on no engine.
      type: str
      sample: ""
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
      type: list
      elements: dict
orphans:
  description: Objects of the guest that are no longer declared and were left alone, such as files of data disks.
  returned: success
  type: list
  elements: str
  sample: [disk web.data]
guest:
  description: The guest, as M(strata.kvm_docker.guest_info) tells it.
  returned: when it is there
  type: dict
  sample: {name: web, libvirt_name: shop-web, running: true, vcpus: 1, memory: 1073741824}
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
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.environment import Guest, GuestImage
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.option_spec import option_spec
from ansible_collections.strata.kvm_docker.plugins.module_utils.layers.kvm_guest import GuestRun
from ansible_collections.strata.kvm_docker.plugins.module_utils.layers.kvm_layer import ADOPT, CHANGING, Site, site_of
from ansible_collections.strata.kvm_docker.plugins.module_utils.layers.kvm_view import guest_view
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.model import Plan
from ansible_collections.strata.kvm_docker.plugins.module_utils.quiet_module import QuietModule
from ansible_collections.strata.kvm_docker.plugins.module_utils.result import answer, changes_of

#: What runs on its engine, and its groups in an inventory, are for others to declare.
MODEL = option_spec(Guest, leave_out=("name", "image", "engine", "compose", "profiles", "groups"))
IMAGE = option_spec(GuestImage, leave_out=("preload",))

ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    **CHANGING,
    **ADOPT,
    "name": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["present", "absent", "started", "stopped"], "default": "present"},
    **IMAGE,
    **MODEL,
    "virt_type": {"type": "str", "choices": ["auto", "kvm", "qemu"], "default": "auto"},
    "wait": {"type": "str", "choices": ["engine", "ssh", "none"], "default": "engine"},
    "replace_guests": {"type": "bool", "default": False},
}


def run(module: AnsibleModule) -> dict[str, Any]:
    """The module's result."""
    params = module.params
    with site_of(module, may_be_absent=params["state"] == "absent") as site:
        guest = GuestRun(
            site=site,
            name=params["name"],
            wait=params["wait"],
            boot_timeout=params["boot_timeout"],
            virt_type=params["virt_type"],
            replace_guests=params["replace_guests"],
            adopt=params["adopt"],
        )
        result = changes_of(converged(guest, params), module._diff)
        return result | described(site, params["name"])


def converged(guest: GuestRun, params: dict[str, Any]) -> Plan:
    """The changes that bring *guest* to its state."""
    if params["state"] == "absent":
        return guest.absent()
    if params["state"] == "present":
        options, image = ({option: params[option] for option in spec} for spec in (MODEL, IMAGE))
        return guest.present(guest.declared(options, image))
    return guest.only("start" if params["state"] == "started" else "stop")


def described(site: Site, name: str) -> dict[str, Any]:
    """The guest as it is now."""
    found = site.find("guest", name)
    return {"guest": guest_view(site.environment, found, site.observed("disk", "forward"))} if found else {}


def main() -> None:
    module = QuietModule(
        ARGUMENT_SPEC,
        supports_check_mode=True,
        mutually_exclusive=[("build", "source"), ("build", "sha256")],
        required_if=[("state", "present", ("networks",))],
    )
    answer(module, lambda: run(module))


if __name__ == "__main__":
    main()
