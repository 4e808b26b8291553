#!/usr/bin/python
# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Front end of the embedded hypervisor: started or stopped, and which libvirt it is."""

from __future__ import annotations

DOCUMENTATION = r"""
module: hypervisor
short_description: Start or stop the libvirt that runs the guests
version_added: 0.1.0
author:
  - The Strata maintainers (@strata)
description:
  - Where a libvirt answers it is used as it is; Strata neither configures nor stops it.
  - Where none answers, Strata starts one of its own, libvirtd with virtlogd and dnsmasq in a network namespace and a
    mount namespace of their own, with slirp4netns as the guests' way out. The network, firewall and libvirt
    configuration of the machine stay untouched.
  - Starting it again repairs what died of it; guests that run meanwhile keep running.
extends_documentation_fragment:
  - strata.kvm_docker.attributes
  - strata.kvm_docker.attributes.platform
  - strata.kvm_docker.attributes.state_folder
  - strata.kvm_docker.attributes.libraries
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
    details: There is nothing to compare but whether it runs.
  idempotent:
    support: full
options:
  state:
    description:
      - V(started) has a libvirt that answers, and starts the embedded one where none does.
      - V(stopped) ends the embedded one. It fails while guests or networks are defined in it, unless O(force) is set.
        A libvirt that is not ours is left alone.
    type: str
    choices: [started, stopped]
    default: started
  force:
    description:
      - With O(state=stopped), stop it with all guests that run in it, at once. Domains, networks and disks stay in the
        state folder for the next start.
    type: bool
    default: false
  uri:
    description:
      - V(auto) is the embedded hypervisor where it was started before, else V(qemu:///system) where it answers, else
        the embedded one.
      - V(embedded) is always the embedded one.
      - Anything else is a URI as libvirt has them; it must answer.
    type: str
    default: auto
notes:
  - The embedded hypervisor needs root and, on Debian, the packages libvirt-daemon-system, qemu-system-x86, qemu-utils,
    slirp4netns, dnsmasq-base, iptables and socat; what is missing is named.
  - Its guests are reached through the network namespace that RV(netns) stands for, C(nsenter --net=FILE COMMAND).
seealso:
  - module: strata.kvm_docker.environment
"""

EXAMPLES = r"""
- name: Have a hypervisor
  strata.kvm_docker.hypervisor:
  register: hypervisor

- name: Say which one it is
  ansible.builtin.debug:
    msg: "{{ hypervisor.uri }} is libvirt {{ hypervisor.libvirt_version }}"

- name: Use the embedded one even where a libvirt answers
  strata.kvm_docker.hypervisor:
    uri: embedded

- name: End it with all guests in it
  strata.kvm_docker.hypervisor:
    state: stopped
    force: true
"""

RETURN = r"""
uri:
  description: URI of the libvirt that runs the guests, or of the embedded one that was stopped.
  returned: when there is one
  type: str
  sample: qemu:///system?socket=/var/lib/strata/hypervisor/run/libvirt/libvirt-sock
embedded:
  description: Whether it is the embedded one.
  returned: success
  type: bool
  sample: true
netns:
  description: File that stands for the guests' network namespace.
  returned: when it is the embedded one and runs
  type: str
  sample: /var/lib/strata/hypervisor/netns
libvirt_version:
  description: Version of libvirt.
  returned: when it runs
  type: str
  sample: 9.0.0
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import StrataError
from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm import embedded
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.hypervisor import find_uri, open_hypervisor
from ansible_collections.strata.kvm_docker.plugins.module_utils.progress import Progress
from ansible_collections.strata.kvm_docker.plugins.module_utils.result import answer

ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "state": {"type": "str", "choices": ["started", "stopped"], "default": "started"},
    "uri": {"type": "str", "default": "auto"},
    "force": {"type": "bool", "default": False},
    "state_folder": {"type": "path"},
}


def started(uri: str, folders: Folders, check: bool) -> dict[str, Any]:
    """Have a libvirt that answers; the module's result."""
    found = find_uri(uri, folders) or embedded.uri(folders)
    own = found == embedded.uri(folders)
    changed = own and not embedded.is_running(folders)
    result = {"changed": changed, "uri": found, "embedded": own}
    if changed and check:
        return result
    if own:
        embedded.start(folders, Progress())
    return result | described(found, folders)


def described(uri: str, folders: Folders) -> dict[str, Any]:
    """What a libvirt that answers says of itself; not QEMU's version, for which it would look into every emulator that
    is installed, which takes seconds."""
    hypervisor = open_hypervisor(uri, folders)
    try:
        found = {"libvirt_version": hypervisor.version()}
        return found | ({"netns": str(hypervisor.netns)} if hypervisor.netns else {})
    finally:
        hypervisor.close()


def stopped(uri: str, folders: Folders, check: bool, force: bool) -> dict[str, Any]:
    """End the embedded hypervisor, if it is the one that *uri* stands for; the module's result."""
    found = find_uri(uri, folders)
    own = found == embedded.uri(folders)
    changed = own and embedded.exists(folders)
    if changed and not force and embedded.holds_definitions(folders):
        raise StrataError(
            f"guests or networks are defined in the embedded hypervisor in {folders.root}: remove their environments "
            "first, or stop it with force: true, which cuts their power."
        )
    if changed and not check:
        embedded.stop(folders)
    return {"changed": changed, "embedded": own} | ({"uri": found} if found else {})


def run(module: AnsibleModule) -> dict[str, Any]:
    """The module's result."""
    uri, folders = module.params["uri"], Folders.of(module.params["state_folder"])
    if module.params["state"] == "started":
        return started(uri, folders, module.check_mode)
    return stopped(uri, folders, module.check_mode, module.params["force"])


def main() -> None:
    module = AnsibleModule(ARGUMENT_SPEC, supports_check_mode=True)
    answer(module, lambda: run(module))


if __name__ == "__main__":
    main()
