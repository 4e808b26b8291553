# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One data disk of a guest that is there: made, grown, plugged in, or taken away and removed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..declare.environment import Environment, Guest
from ..declare.read_options import Place, read_options
from ..errors import DeclarationError, Problem, StrataError
from ..guest import access
from ..inputs import Inputs
from ..kvm.disk_files import disk_name
from ..plan.model import Difference, Key, Observed, Plan, Policy
from .kvm_layer import Site
from .layer import Layer


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskRun:
    """A run over the data disk *name* of *guest*."""

    site: Site
    guest: str
    name: str
    adopt: bool = False

    @property
    def place(self) -> Place:
        return Place("guests", self.guest, ("disks", self.name))

    @property
    def key(self) -> Key:
        return Key("disk", disk_name(self.guest, self.name))

    def present(self, options: Mapping[str, Any]) -> Plan:
        """Have the disk as declared, and the guest have it."""
        declared = {"disks": {self.name: options}}
        disk = (
            read_options(self.site.environment, self.site.folder, self.place, declared)
            .guests[self.guest]
            .disks[self.name]
        )
        if disk.mount:
            message = "is for the module environment, which works inside of the guest too; remove it"
            raise DeclarationError([Problem("options", 0, "mount", message)])
        guest = self._existing()
        environment = self._with(replace(guest, disks={**guest.disks, self.name: disk}))
        self.site.refuse_mistakes(environment, self.place)
        return self._converge(environment, {disk.pool or self.site.environment})

    def absent(self) -> Plan:
        """Have the guest without the disk, and the disk gone unless it is to be kept."""
        if self.site.find("guest", self.guest) is None:
            return self._converge(self.site.existing.environment, set())
        guest = self._existing()
        disks = {name: disk for name, disk in guest.disks.items() if name != self.name}
        return self._converge(self._with(replace(guest, disks=disks)), set())

    def _existing(self) -> Guest:
        self.site.require_there("guest", self.guest)
        return self.site.existing.environment.guests[self.guest]

    def _with(self, guest: Guest) -> Environment:
        there = self.site.existing.environment
        return replace(there, guests={**there.guests, self.guest: guest})

    def _converge(self, environment: Environment, pools: set[str]) -> Plan:
        """The file first, then the guest, which stays off where it is."""
        found = self.site.find("guest", self.guest)
        inputs = self._inputs(found)
        keys = {self.key, *(Key("pool", pool) for pool in pools)}
        file = self.site.layer(
            environment,
            ("pool", "disk"),
            inputs=inputs,
            speaks_for=lambda item: item.key in keys,
            remove_orphans=True,
            adopt=self.adopt,
        )
        own = Key("guest", self.guest)
        guest = self.site.layer(
            environment,
            ("guest",),
            inputs=inputs,
            speaks_for=lambda item: item.key == own,
            policy=self._policy,
            running=bool(found and found.running),
        )
        return self._both(file, guest)

    def _both(self, file: Layer, guest: Layer) -> Plan:
        made = file.converge(self.site.check)
        try:
            return Plan((*made.changes, *guest.converge(self.site.check).changes))
        except StrataError as error:
            error.made = (*made.changes, *error.made)
            raise

    def _inputs(self, found: Observed | None) -> Inputs:
        """The guest stays what it is otherwise."""
        virt_type = found.spec["virt_type"] if found else "qemu"
        key = access.public_key(self.site.environment, self.site.hypervisor.folders)
        return Inputs(guest_images=self.site.existing.guest_images, virt_type=virt_type, authorized_key=key)

    def _policy(self, key: Key, difference: Difference) -> Policy:
        """What else drifted of the guest is told and put right by the module guest."""
        return "repair" if difference.path[:2] == ("disks", self.name) else "ignore"
