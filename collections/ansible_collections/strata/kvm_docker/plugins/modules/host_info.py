#!/usr/bin/python
# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Front end of what a machine can hold: its libvirt, whether KVM works, capacities, environments."""

from __future__ import annotations

DOCUMENTATION = r"""
module: host_info
short_description: Tell what a hypervisor can hold
version_added: 0.1.0
author:
  - The Strata maintainers (@strata)
description:
  - Tells which libvirt runs the guests, whether KVM really works, memory, processors and free disk space, the subnets
    and ports that are taken, and the environments that are there.
  - It starts nothing that stays. Without a libvirt that answers it tells the rest.
extends_documentation_fragment:
  - strata.kvm_docker.attributes
  - strata.kvm_docker.attributes.info_module
  - strata.kvm_docker.attributes.platform
  - strata.kvm_docker.attributes.state_folder
  - strata.kvm_docker.attributes.libraries
options:
  uri:
    description:
      - V(auto) is the embedded hypervisor where it was started before, else V(qemu:///system) where it answers.
      - Anything else is a URI as libvirt has them.
    type: str
    default: auto
  probe:
    description:
      - Whether KVM is tried by starting a kernel on it, which takes some seconds the first time. The answer is kept in
        the state folder.
    type: bool
    default: true
seealso:
  - module: strata.kvm_docker.hypervisor
  - module: strata.kvm_docker.guest_info
"""

EXAMPLES = r"""
- name: Look at the machine
  strata.kvm_docker.host_info:
  register: host

- name: Refuse to go on without KVM
  ansible.builtin.assert:
    that: host.accelerator.virt_type == 'kvm'
    fail_msg: "{{ host.accelerator.reason }}"
"""

RETURN = r"""
uri:
  description: URI of the libvirt that runs the guests; empty where none answers.
  returned: success
  type: str
  sample: qemu:///system
libvirt_version:
  description: Version of libvirt.
  returned: where it answers
  type: str
  sample: 9.0.0
accelerator:
  description: What guests run on, and how that was found out.
  returned: when O(probe) is set
  type: dict
  contains:
    virt_type:
      description: V(kvm), or V(qemu) for software emulation.
      type: str
      sample: kvm
    reason:
      description: Why it is that one.
      type: str
      sample: vmlinuz-6.12.0 booted on KVM in 0.9 s
memory:
  description: Memory of the machine in bytes.
  returned: success
  type: int
  sample: 25769803776
cpus:
  description: Processors of the machine.
  returned: success
  type: int
  sample: 2
free_disk:
  description: Bytes that are free where disks are kept.
  returned: success
  type: int
  sample: 85899345920
routes:
  description: Subnets that the machine has a route to, by which new networks may not be; each with its device.
  returned: where libvirt answers
  type: list
  elements: dict
  sample: [{destination: 10.0.0.0/24, device: eth0}]
listening:
  description: TCP ports of the loopback that somebody listens on.
  returned: where libvirt answers
  type: list
  elements: int
environments:
  description: Environments that have networks here, with their subnets.
  returned: where libvirt answers
  type: dict
  sample: {two_hosts: [10.80.0.0/24]}
"""

import os
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm import accelerator, host
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.hypervisor import find_uri, open_hypervisor
from ansible_collections.strata.kvm_docker.plugins.module_utils.requirements import require
from ansible_collections.strata.kvm_docker.plugins.module_utils.result import answer

ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "uri": {"type": "str", "default": "auto"},
    "probe": {"type": "bool", "default": True},
    "state_folder": {"type": "path"},
}


def described(params: dict[str, Any]) -> dict[str, Any]:
    """The module's result."""
    require("libvirt")
    folders = Folders.of(params["state_folder"])
    result = {
        "changed": False,
        "uri": "",
        "memory": host.memory(),
        "cpus": os.cpu_count(),
        "free_disk": host.free_disk(folders.root),
    }
    if params["probe"]:
        found = accelerator.probe(folders, None, "auto")
        result["accelerator"] = {"virt_type": found.virt_type, "reason": found.reason}
    uri = find_uri(params["uri"], folders)
    return result | (_of_libvirt(uri, folders) if uri else {})


def _of_libvirt(uri: str, folders: Folders) -> dict[str, Any]:
    hypervisor = open_hypervisor(uri, folders)
    try:
        facts = host.facts(hypervisor, "")
        return {
            "uri": hypervisor.uri,
            "libvirt_version": hypervisor.version(),
            "routes": [{"destination": str(network), "device": device} for network, device in facts.routes],
            "listening": sorted(facts.listening),
            "environments": {name: [str(cidr) for cidr in found] for name, found in facts.networks.items()},
        }
    finally:
        hypervisor.close()


def main() -> None:
    module = AnsibleModule(ARGUMENT_SPEC, supports_check_mode=True)
    answer(module, lambda: described(module.params))


if __name__ == "__main__":
    main()
