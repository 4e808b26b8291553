# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The component of a KVM guest."""

# No "from __future__ import annotations": Pulumi reads the types of a component's arguments at run time.

from pathlib import Path
from typing import TypedDict

import pulumi
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest import image_store
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest.image_store import StoredImage
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.model import Declared, Key
from ansible_collections.strata.kvm_docker.plugins.module_utils.store.engine_layer import backing

from .. import libvirt_twins
from ..declaration import Declaration
from ..program import Program
from ..resources import Object, spec_of


class GuestArgs(TypedDict):
    """Which guest."""

    program: Program
    """What the program has registered so far: the guest's networks, pools and image."""
    guest: str
    """Its name in the declaration."""


class Guest(pulumi.ComponentResource):
    """A guest with its disks and published ports. It is started, and boots."""

    guest: str
    """Its name in the declaration."""
    disk: Object
    """Its first disk: all that is in the guest is made anew with it."""
    domain: Object
    """The guest itself: its handle tells of each start."""
    parts: list[pulumi.Resource]
    """After these it is started and its ports are published."""
    address: str
    """IPv4 address on its first network, where it is reached."""

    def __init__(self, name: str, args: GuestArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("strata:components:Guest", name, None, opts)
        self._program, self.guest = args["program"], args["guest"]
        declaration = self._program.declaration
        disks = [item for item in declaration.of("disk") if item.handle.guest == self.guest]
        self.disk, *_data = [self._disk(item) for item in disks]
        self.domain = self._domain()
        self.parts = [self.domain, *self._forwards()]
        self.address = str(declaration.environment.guests[self.guest].address)
        self.register_outputs({"address": self.address})

    def _disk(self, item: Declared) -> Object:
        program, declaration = self._program, self._program.declaration

        def document(probed: Declaration) -> str:
            below = _below(item, probed)
            return libvirt_twins.disk_document(item, probed.environment, probed.folders, below)

        twin = libvirt_twins.register(
            libvirt_twins.disk_twin(item, declaration.environment, declaration.folders),
            program.title(item.key),
            program.probed_after(item.key).apply(document),
            pulumi.ResourceOptions(parent=self, depends_on=program.needed(item.key)),
        )
        return program.object(item.key, pulumi.ResourceOptions(parent=self), after=[twin], adopt=True)

    def _domain(self) -> Object:
        """The core makes it, as the provider would start it before all is there; then the stack takes it over."""
        program, key = self._program, Key("guest", self.guest)
        declaration = program.declaration
        declared = declaration.declared[key]

        def document(probed: Declaration) -> str:
            item, stored = probed.declared[key], _stored(declared, probed)
            assert stored is not None
            return libvirt_twins.guest_document(item, probed.environment, probed.inputs, probed.folders, stored)

        made = program.object(
            key,
            pulumi.ResourceOptions(parent=self),
            spec=program.probed.apply(lambda probed: spec_of(probed.declared[key])),
        )
        libvirt_twins.register(
            libvirt_twins.guest_twin(declared, declaration.environment),
            program.title(key),
            program.probed.apply(document),
            pulumi.ResourceOptions(parent=self, depends_on=[made]),
            found=key in declaration.there,
        )
        return made

    def _forwards(self) -> list[pulumi.Resource]:
        declared = self._program.declaration.of("forward")
        mine = [item.key for item in declared if Key("guest", self.guest) in {need.key for need in item.needs}]
        return [self._program.object(key, pulumi.ResourceOptions(parent=self)) for key in mine]


def _below(item: Declared, declaration: Declaration) -> Path | None:
    """What a first disk is to stand on; read to the last bit only where a disk is to be made on it."""
    stored = _stored(item, declaration)
    if stored is None:
        return None
    to_be_made = item.key not in declaration.there and not pulumi.runtime.is_dry_run()
    return backing(declaration.folders, item.handle.layer, stored) if to_be_made else stored.disk


def _stored(item: Declared, declaration: Declaration) -> StoredImage | None:
    """The image that *item* stands on; a data disk stands on none."""
    digest = item.spec.get("image")
    return image_store.resolve(declaration.folders, digest) if digest else None
