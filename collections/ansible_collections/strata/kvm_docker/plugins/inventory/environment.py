# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The declaration as an inventory source: read -> plain data -> cache -> populate. Nothing is asked of a guest."""

# ruff: noqa: E402 (Ansible wants the documentation above the imports)
from __future__ import annotations

DOCUMENTATION = r"""
name: environment
short_description: Guests of a Strata environment as hosts
version_added: 0.1.0
author:
  - The Strata maintainers (@strata)
description:
  - Reads a declaration, a file that ends in C(.environment.yml) or C(.environment.yaml).
  - Each guest is a host with the address, user, key and pinned host keys that its environment has on the hypervisor.
    They follow from the declaration, so no guest needs to run.
  - A guest is in the groups that the declaration gives it, in one with the name of the environment (C(-) becomes C(_)),
    and in C(guests).
  - The group C(hypervisors) gets the variable C(strata_environments), the path of each declaration by the name of its
    environment. Where no source before this one has such a group, it is made, with C(localhost) in it.
  - Guests have no Python. Use M(ansible.builtin.raw) on them.
extends_documentation_fragment:
  - inventory_cache
options:
  plugin:
    description: Marks the file as a source of this plugin.
    required: true
    choices: [strata.kvm_docker.environment]
  state_folder:
    description: State folder of the hypervisor, below which keys and SSH configuration of the guests are.
    type: path
    default: /var/lib/strata
    env:
      - name: STRATA_STATE
    ini:
      - section: strata
        key: state_folder
requirements:
  - pydantic
  - ruamel.yaml
"""

EXAMPLES = r"""
# lab.environment.yml
plugin: strata.kvm_docker.environment
name: lab
images:
  debian13:
    build: {suite: trixie}
networks:
  lan: {cidr: 10.80.0.0/24}
guests:
  web:
    image: debian13
    networks:
      lan: {address: 10.80.0.11}
    compose: compose/web/compose.yaml
    groups: [load_balancers]
"""

import hashlib
import shlex
from pathlib import Path
from typing import Any, TypedDict

from ansible.errors import AnsibleParserError
from ansible.inventory.data import InventoryData
from ansible.inventory.group import to_safe_group_name
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable
from ansible.template import trust_as_template

from ..module_utils.declare.environment import Environment, Guest
from ..module_utils.declare.read import read_guests
from ..module_utils.errors import StrataError
from ..module_utils.folders import Folders

SUFFIXES = (".environment.yml", ".environment.yaml")
HYPERVISORS = "hypervisors"
ENVIRONMENTS = "strata_environments"


class Host(TypedDict):
    """A guest as the cache keeps it."""

    groups: list[str]
    variables: dict[str, str]


class Source(TypedDict):
    """A declaration as the cache keeps it."""

    environment: str
    hosts: dict[str, Host]


class InventoryModule(BaseInventoryPlugin, Cacheable):
    """Populates the inventory from one declaration."""

    NAME = "strata.kvm_docker.environment"

    def verify_file(self, path: str) -> bool:
        return bool(super().verify_file(path)) and path.endswith(SUFFIXES)

    def parse(self, inventory: InventoryData, loader: DataLoader, path: str, cache: bool = True) -> None:
        super().parse(inventory, loader, path, cache)
        self._read_config_data(path)
        source = self._cached(path, cache)
        _refuse_strangers(inventory, source, path)
        _add_guests(inventory, source)
        _add_hypervisors(inventory, source["environment"], str(Path(path).absolute()))

    def _cached(self, path: str, cache: bool) -> Source:
        """From the cache, if the user has one and the file is the one that was read."""
        digest = hashlib.sha256(Path(path).read_bytes()).hexdigest()
        state = str(self.get_option("state_folder"))
        key = f"{self.get_cache_key(path)}_{hashlib.sha256(f'{digest} {state}'.encode()).hexdigest()[:16]}"
        wanted = self.get_option("cache")
        if wanted and cache and key in self._cache:
            found: Source = self._cache[key]
            return found
        source = _read(path, Folders.of(state))
        if wanted:
            self._cache[key] = source
        return source


def _read(path: str, folders: Folders) -> Source:
    try:
        environment = read_guests(path)
    except StrataError as error:
        raise AnsibleParserError(str(error)) from error
    group = to_safe_group_name(environment.name, force=True, silent=True)
    return {
        "environment": environment.name,
        "hosts": {
            guest.name: {
                "groups": ["guests", group, *guest.groups],
                "variables": _variables(environment, guest, folders),
            }
            for guest in environment.guests.values()
        },
    }


def _variables(environment: Environment, guest: Guest, folders: Folders) -> dict[str, str]:
    """How SSH gets there. The file of ``-F`` (see guest/access.py) pins the host keys and names the way in; a jump
    host takes the place of that way, since a command line goes before the file (ssh_config(5))."""
    folder = folders.environment(environment.name)
    arguments = ["-F", str(folder / "ssh_config")]
    if environment.hypervisor.jump_host:
        arguments += ["-o", f"ProxyJump={environment.hypervisor.jump_host}"]
    return {
        "ansible_host": str(guest.address),
        "ansible_user": "root",
        "ansible_ssh_private_key_file": str(folder / "id_ed25519"),
        "ansible_ssh_common_args": shlex.join(arguments),
        "strata_environment": environment.name,
    }


def _refuse_strangers(inventory: InventoryData, source: Source, path: str) -> None:
    """One host of two environments would be neither of them."""
    for name in source["hosts"]:
        other = inventory.hosts[name].vars.get("strata_environment") if name in inventory.hosts else None
        if other not in (None, source["environment"]):
            raise AnsibleParserError(
                f"{path}: guests.{name}: environment {other} of this inventory has a guest of this name too. "
                "Rename one of them, or use two inventories."
            )


def _add_guests(inventory: InventoryData, source: Source) -> None:
    for name, host in source["hosts"].items():
        inventory.add_host(name)
        for group in host["groups"]:
            inventory.add_host(name, inventory.add_group(group))
        for variable, value in host["variables"].items():
            inventory.set_variable(name, variable, value)


def _add_hypervisors(inventory: InventoryData, environment: str, path: str) -> None:
    """Several declarations of one inventory share the group."""
    if HYPERVISORS not in inventory.groups:
        inventory.add_group(HYPERVISORS)
        inventory.add_host("localhost", HYPERVISORS)
        inventory.set_variable("localhost", "ansible_connection", "local")
        interpreter: Any = trust_as_template("{{ ansible_playbook_python }}")
        inventory.set_variable("localhost", "ansible_python_interpreter", interpreter)
    known: dict[str, str] = dict(inventory.groups[HYPERVISORS].vars.get(ENVIRONMENTS, {}))
    if known.get(environment, path) != path:
        raise AnsibleParserError(f"{path}: environment {environment} is declared in {known[environment]} already.")
    inventory.set_variable(HYPERVISORS, ENVIRONMENTS, {**known, environment: path})
