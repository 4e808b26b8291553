#!/usr/bin/python
# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Front end of the kind network: one network of guests from options."""

from __future__ import annotations

DOCUMENTATION = r"""
module: guest_network
short_description: Manage one libvirt network that guests attach to
version_added: 0.1.0
author:
  - The Strata maintainers (@strata)
description:
  - Has a libvirt network as declared, every leaf of it compared with what is there, or has it gone.
  - The guests of the environment that are on the network have their DHCP reservations and DNS names without being told
    here.
  - DHCP ranges and reservations and DNS names are changed while the network runs. What needs a restart of the network
    keeps guests attached, with their addresses.
  - A network with guests on it is not removed.
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
options:
  name:
    description: Name of the network in the environment.
    type: str
    required: true
  state:
    description:
      - V(present) has the network as declared and running, V(absent) has it gone.
      - V(started) and V(stopped) leave it as it is but for whether it runs; other options are not looked at.
    type: str
    choices: [present, absent, started, stopped]
    default: present
  cidr:
    description:
      - Subnet, for example V(10.80.0.0/24). Its first address is the hypervisor's, gateway and resolver of the guests.
      - Required with O(state=present).
    type: str
  forward:
    description: How guests reach the world beyond the network; V(open) routes without a firewall rule of libvirt's.
    type: str
    choices: [nat, route, open, isolated]
    default: nat
  domain:
    description: DNS domain of the network; the guests' names resolve in it.
    type: str
  mtu:
    description: Largest packet on the network in bytes; the kernel's 1500 where not given.
    type: int
  autostart:
    description: Start the network when the hypervisor starts.
    type: bool
    default: true
  dhcp:
    description: The DHCP server of the network. Guests of the environment have their reservations by themselves.
    type: dict
    suboptions:
      ranges:
        description: Addresses for machines without a reservation; without a range these get none.
        type: list
        elements: dict
        suboptions:
          start:
            description: First address of the range.
            type: str
            required: true
          end:
            description: Last address of the range.
            type: str
            required: true
      hosts:
        description: Reservations by host name, each with V(mac) and V(address).
        type: dict
  dns:
    description: The name server of the network. The guests' names are answered by themselves.
    type: dict
    suboptions:
      enable:
        description: Whether there is a name server; without one guests have no resolver on this network.
        type: bool
        default: true
      hosts:
        description: Further names, each with its address.
        type: dict
      forwarders:
        description: Name servers that are asked for other names, in place of the hypervisor's own.
        type: list
        elements: str
  nat_ports:
    description: Ports of the hypervisor that connections of guests leave from, with O(forward=nat); 1024 to 65535 else.
    type: dict
    suboptions:
      start:
        description: First port of the range.
        type: int
        required: true
      end:
        description: Last port of the range.
        type: int
        required: true
seealso:
  - module: strata.kvm_docker.guest_network_info
"""

EXAMPLES = r"""
- name: Have a network with a range for visitors and a reservation
  strata.kvm_docker.guest_network:
    environment: shop
    name: lan
    cidr: 10.80.0.0/24
    domain: shop.internal
    dhcp:
      ranges:
        - {start: 10.80.0.100, end: 10.80.0.199}
      hosts:
        printer: {mac: "52:54:00:00:00:07", address: 10.80.0.7}

- name: Take over a network that somebody made as shop-legacy
  strata.kvm_docker.guest_network:
    environment: shop
    name: legacy
    cidr: 10.81.0.0/24
    adopt: true

- name: Remove it
  strata.kvm_docker.guest_network:
    environment: shop
    name: lan
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
      sample: network
    name:
      description: Name of the object.
      type: str
      sample: lan
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
  description: Objects that the call is about, are no longer declared and were left alone; as a rule there are none.
  returned: success
  type: list
  elements: str
  sample: []
network:
  description: The network as libvirt has it.
  returned: when it is there
  type: dict
  contains:
    name:
      description: Its name in the environment.
      type: str
      sample: lan
    libvirt_name:
      description: Its name in libvirt.
      type: str
      sample: shop-lan
    uuid:
      description: Its UUID.
      type: str
      sample: 5b0c9a5e-2b8f-5d0f-8a43-6a0f0f6f2c11
    running:
      description: Whether it runs.
      type: bool
      sample: true
    autostart:
      description: Whether it starts with the hypervisor.
      type: bool
      sample: true
    bridge:
      description: Its bridge device.
      type: str
      sample: st2c27bb2d0d
    mac:
      description: Hardware address of the bridge.
      type: str
      sample: "52:54:00:9c:10:4e"
    mtu:
      description: Largest packet in bytes; V(0) is the kernel's default.
      type: int
      sample: 0
    forward:
      description: How guests reach the world beyond it, V(nat), V(route), V(open) or V(isolated).
      type: str
      sample: nat
    nat_ports:
      description: Ports that their connections leave from, first and last; empty for libvirt's default.
      type: str
      sample: 1024-65535
    cidr:
      description: Its subnet.
      type: str
      sample: 10.80.0.0/24
    gateway:
      description: The hypervisor's address on it.
      type: str
      sample: 10.80.0.1
    domain:
      description: Its DNS domain; empty where it has none.
      type: str
      sample: shop.internal
    ranges:
      description: Addresses for machines without a reservation, each range by its first and last.
      type: list
      elements: str
      sample: [10.80.0.100-10.80.0.199]
    hosts:
      description: DHCP reservations by host, those of guests included.
      type: dict
      sample: {web: {mac: "52:54:00:6a:1f:02", address: 10.80.0.11}}
    dns:
      description: Whether it has a name server.
      type: bool
      sample: true
    forwarders:
      description: Name servers that are asked for other names, in place of the hypervisor's own.
      type: list
      elements: str
      sample: []
    names:
      description: DNS names by address.
      type: dict
      sample: {10.80.0.11: [web]}
  sample: {name: lan, libvirt_name: shop-lan, running: true, cidr: 10.80.0.0/24}
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
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.environment import GuestNetwork
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.option_spec import option_spec
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.read_options import Place
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import StrataError
from ansible_collections.strata.kvm_docker.plugins.module_utils.layers.kvm_layer import ADOPT, CHANGING, Site, site_of
from ansible_collections.strata.kvm_docker.plugins.module_utils.layers.kvm_view import network_view
from ansible_collections.strata.kvm_docker.plugins.module_utils.layers.layer import ONLY
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.model import Key
from ansible_collections.strata.kvm_docker.plugins.module_utils.result import answer, changes_of

MODEL = option_spec(GuestNetwork)

ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    **CHANGING,
    **ADOPT,
    "name": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["present", "absent", "started", "stopped"], "default": "present"},
    **MODEL,
    "cidr": {"type": "str"},
}


def run(module: AnsibleModule) -> dict[str, Any]:
    """The module's result."""
    params, state = module.params, module.params["state"]
    name = params["name"]
    place, key = Place("networks", name), Key("network", name)
    with site_of(module, may_be_absent=state == "absent") as site:
        if state == "present":
            environment = site.with_object(place, {option: params[option] for option in MODEL})
        elif state == "absent":
            _refuse_in_use(site, name)
            environment = site.without(place)
        else:
            site.require_there("network", name)
            environment = site.existing.environment
        layer = site.layer(
            environment,
            ("network",),
            speaks_for=lambda item: item.key == key,
            remove_orphans=state == "absent",
            adopt=params["adopt"],
            running=state != "stopped",
            only=ONLY.get(state),
        )
        result = changes_of(layer.converge(module.check_mode), module._diff)
        found = site.find("network", name)
        return result | ({"network": network_view(site.environment, found)} if found else {})


def _refuse_in_use(site: Site, name: str) -> None:
    """Its guests would be cut off."""
    guests = sorted(guest.name for guest in site.existing.environment.guests.values() if name in guest.networks)
    if guests:
        raise StrataError(
            f"network {name}: guest {', '.join(guests)} is on it, so it was not removed. Remove the guest, or take it "
            "off the network, first."
        )


def main() -> None:
    module = AnsibleModule(ARGUMENT_SPEC, supports_check_mode=True, required_if=[("state", "present", ("cidr",))])
    answer(module, lambda: run(module))


if __name__ == "__main__":
    main()
