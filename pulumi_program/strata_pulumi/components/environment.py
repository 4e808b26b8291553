# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The component of a whole environment."""

# No "from __future__ import annotations": Pulumi reads the types of a component's arguments at run time.

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NotRequired, TypedDict

import pulumi
import pulumi_libvirt as libvirt
from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.model import Key
from ansible_collections.strata.kvm_docker.plugins.module_utils.resources import STORE_KINDS

from .. import libvirt_twins, resources
from ..declaration import Declaration, Options, read_declaration, write_declaration
from ..program import Program
from .engine import Engine
from .guest import Guest
from .network import Network
from .services import Services


class EnvironmentArgs(TypedDict):
    """What to declare."""

    declaration: str | Mapping[str, Any]
    """Path of the declaration's file; or what would be in one, which is then written beside the program, as
    ``NAME.environment.yml``."""
    name: NotRequired[str]
    """Name that the environment has to have; a declaration of another one is refused."""
    hypervisor: NotRequired[str]
    """The libvirt that runs the guests, in place of the declared one: ``auto``, ``embedded`` or a URI."""
    state_folder: NotRequired[str]
    """Folder with keys, disks and images; ``$STRATA_STATE``, else ``/var/lib/strata``."""
    replace_guests: NotRequired[bool]
    """Make guests anew whose image changed, and lose the disks of the former ones."""


class Environment(pulumi.ComponentResource):
    """KVM guests with Docker engines, and what runs on them, from the declaration that Ansible takes too.

    Everything in it that the core knows is checked before the first resource is registered.
    """

    declaration: Declaration
    """What was read."""
    access: resources.Access
    """The keys and the SSH configuration that lead to the guests."""
    networks: Mapping[str, Network]
    guests: Mapping[str, Guest]
    engines: Mapping[str, Engine]
    """By guest."""
    services: Mapping[str, Services]
    """By guest."""

    def __init__(self, resource_name: str, args: EnvironmentArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("strata:components:Environment", resource_name, None, opts)
        self.declaration = _read(args)
        environment, name = self.declaration.environment, self.declaration.name
        inside = pulumi.ResourceOptions(parent=self, providers=self._made_providers())
        self.access = resources.Access(
            f"{name}/access",
            {
                "declaration": str(self.declaration.path),
                "environment": name,
                "marked": any(looked.by_provider for looked in self.declaration.engines.values()),
            },
            inside,
        )
        self._program = Program(self.declaration, self.access)
        for kind in STORE_KINDS:
            for item in self.declaration.of(kind):
                self._program.object(item.key, inside)
        for item in self.declaration.of("pool"):
            self._pool(item.key, inside)
        self.networks = {
            name: Network(f"{self.declaration.name}/{name}", {"program": self._program, "network": name}, inside)
            for name in environment.networks
        }
        self.guests = {
            name: Guest(f"{self.declaration.name}/{name}", {"program": self._program, "guest": name}, inside)
            for name in environment.guests
        }
        self.engines = {
            name: Engine(f"{self.declaration.name}/{name}", {"program": self._program, "guest": guest}, inside)
            for name, guest in self.guests.items()
        }
        self.services = {
            name: Services(f"{self.declaration.name}/{name}", {"program": self._program, "engine": engine}, inside)
            for name, engine in self.engines.items()
        }
        self.register_outputs({"addresses": {name: guest.address for name, guest in self.guests.items()}})

    def _made_providers(self) -> list[pulumi.ProviderResource]:
        name, options = self.declaration.name, pulumi.ResourceOptions(parent=self)
        return [
            libvirt.Provider(f"{name}/libvirt", uri=self.declaration.uri, opts=options),
            resources.Provider(
                f"{name}/strata",
                {"hypervisor": self.declaration.uri, "state_folder": str(self.declaration.folders.root)},
                options,
            ),
        ]

    def _pool(self, key: Key, opts: pulumi.ResourceOptions) -> None:
        declared = self.declaration.declared[key]
        twin = libvirt_twins.register(
            libvirt_twins.pool_twin(declared),
            self._program.title(key),
            libvirt_twins.pool_document(declared, self.declaration.folders),
            pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[self.access])),
            found=key in self.declaration.there,
        )
        self._program.object(key, opts, after=[twin])


def _read(args: EnvironmentArgs) -> Declaration:
    given = args["declaration"]
    path = Path(given) if isinstance(given, str) else write_declaration(given)
    options = Options(
        folders=Folders.of(args.get("state_folder")),
        preview=pulumi.runtime.is_dry_run(),
        replace_guests=args.get("replace_guests", False),
        name=args.get("name", ""),
        hypervisor=args.get("hypervisor", ""),
    )
    return read_declaration(path, options)
