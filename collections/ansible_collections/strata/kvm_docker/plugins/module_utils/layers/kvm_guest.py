# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One guest of an environment: what belongs to it on the hypervisor, brought to its declaration, and waited for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from ..consent import refuse_lost_disks
from ..declare.environment import Environment, Guest
from ..declare.read_options import Place, read_options
from ..errors import DeclarationError, Problem, StrataError
from ..guest import access, image_store
from ..guest.ssh import Shell
from ..inputs import Inputs
from ..kvm import accelerator, ready
from ..plan.model import Change, Difference, Key, Plan, Policy
from ..resolve import guest_images
from .kvm_layer import Site
from .layer import Item, Layer

KINDS = ("network", "pool", "disk", "guest", "forward")

Wait = Literal["engine", "ssh", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestRun:
    """A run over the guest *name*. ``wait``: until what of a guest that is to run answers, within ``boot_timeout``
    seconds. ``adopt``: a stranger's of this name, with its disks.
    """

    site: Site
    name: str
    wait: Wait = "engine"
    boot_timeout: int = 300
    virt_type: str = "auto"
    replace_guests: bool = False
    adopt: bool = False

    @property
    def place(self) -> Place:
        return Place("guests", self.name)

    def declared(self, options: Mapping[str, Any], image: Mapping[str, Any]) -> Environment:
        """What there is, with the guest of *options*. Where they say nothing of its image or data disks, it keeps
        those that it has."""
        former = self.site.existing.environment.guests.get(self.name)
        given = any(image.values())
        alone = read_options(self.site.environment, self.site.folder, self.place, options, image if given else None)
        guest = alone.guests[self.name]
        mounted = next((name for name, disk in guest.disks.items() if disk.mount), None)
        if mounted:
            message = "is for the module environment, which works inside of the guest too; remove it"
            raise DeclarationError([Problem("options", 0, f"disks.{mounted}.mount", message)])
        if not given and former is None:
            raise DeclarationError([Problem("options", 0, "", "build or source is required for a new guest")])
        if former and not given:
            guest = replace(guest, image=former.image)
        if former and options["disks"] is None:
            guest = replace(guest, disks=former.disks)
        environment = self.site.merged(replace(alone, guests={self.name: guest}))
        self.site.refuse_mistakes(environment, self.place)
        return environment

    def present(self, environment: Environment) -> Plan:
        """Have the guest as declared, and what it stands on."""
        speaks_for = self._speaks_for(environment)
        if not self.replace_guests:
            refuse_lost_disks(self._layer(environment, self._inputs(environment), ("disk",), speaks_for).plan())
        if not self.site.check:
            access.prepare(environment, self.site.hypervisor.folders, self.site.hypervisor.inside([]))
        inputs = self._inputs(environment)
        image = Key("guest_image", environment.guests[self.name].image)
        made = self._layer(environment, inputs, ("guest_image",), lambda item: item.key == image).converge(
            self.site.check
        )
        inputs = replace(inputs, virt_type=self._virt_type(inputs.guest_images[image.name]))
        layer = self._layer(environment, inputs, KINDS, speaks_for)
        return self._settled(environment, layer, made.changes)

    def only(self, action: Literal["start", "stop"]) -> Plan:
        """Start or stop what is there, as it is."""
        self.site.require_there("guest", self.name)
        environment = self.site.existing.environment
        layer = self._layer(environment, self._inputs(environment), ("guest", "forward"), self._speaks_for(environment))
        layer.only, layer.running = action, action == "start"
        if action == "stop":
            self._disconnect()
        return self._settled(environment, layer)

    def absent(self) -> Plan:
        """Have the guest gone, with all that is only its own; the pool of the environment goes with its last one."""
        environment = self.site.without(self.place)
        layer = self._layer(environment, self._inputs(environment), KINDS, self._speaks_for(environment))
        layer.remove_orphans = True
        self._disconnect()
        made = layer.converge(self.site.check)
        if self._has_access() and not self.site.check:
            access.prepare(environment, self.site.hypervisor.folders, self.site.hypervisor.inside([]))
        return made

    def _layer(
        self, environment: Environment, inputs: Inputs, kinds: tuple[str, ...], speaks_for: Callable[[Item], bool]
    ) -> Layer:
        return self.site.layer(
            environment,
            kinds,
            inputs=inputs,
            speaks_for=speaks_for,
            policy=self._policy(environment),
            adopt=self.adopt,
        )

    def _speaks_for(self, environment: Environment) -> Callable[[Item], bool]:
        """The guest, its disks and forwards; networks and pools as far as it is on them."""
        guests = self._former_and_declared(environment)
        shared = {Key("network", network) for guest in guests for network in guest.networks}
        shared |= {Key("pool", disk.pool) for guest in guests for disk in guest.disks.values() if disk.pool}
        shared.add(Key("pool", environment.name))

        def speaks_for(item: Item) -> bool:
            own = {"guest": item.key.name, "disk": item.key.name.partition(".")[0], "forward": item.spec.get("guest")}
            return item.key in shared or own.get(item.key.kind) == self.name

        return speaks_for

    def _former_and_declared(self, environment: Environment) -> list[Guest]:
        found = (known.guests.get(self.name) for known in (self.site.existing.environment, environment))
        return [guest for guest in found if guest]

    def _policy(self, environment: Environment) -> Callable[[Key, Difference], Policy]:
        """What drifted of a network is its own business, but for what the guest needs of it."""
        guests = self._former_and_declared(environment)
        addresses = {str(one.address) for guest in guests for one in guest.networks.values()}
        needed = {("hosts", self.name), *(("names", address) for address in addresses)}

        def policy(key: Key, difference: Difference) -> Policy:
            own = difference.path[0] in ("running", "detached") or difference.path[:2] in needed
            return "repair" if key.kind != "network" or own else "ignore"

        return policy

    def _inputs(self, environment: Environment) -> Inputs:
        """Digests, and the key that opens the guests."""
        known = self.site.existing.guest_images
        new = {name: image for name, image in environment.images.items() if name not in known}
        digests = guest_images(replace(environment, images=new))
        key = access.public_key(environment.name, self.site.hypervisor.folders)
        return Inputs(guest_images={**known, **digests}, authorized_key=key)

    def _virt_type(self, digest: str) -> str:
        """Probed with the guest's own image, so after that is there."""
        folders = self.site.hypervisor.folders
        return accelerator.probe(folders, image_store.resolve(folders, digest), self.virt_type).virt_type

    def _settled(self, environment: Environment, layer: Layer, before: tuple[Change, ...] = ()) -> Plan:
        """Converge, then wait for the guest where it runs. Raises with the changes that were made."""
        try:
            made = layer.converge(self.site.check)
        except StrataError as error:
            error.made = (*before, *error.made)
            raise
        if any(change.key.kind == "guest" for change in made):
            self._disconnect()
        self._wait(environment, layer.running)
        return replace(made, changes=(*before, *made.changes))

    def _wait(self, environment: Environment, running: bool) -> None:
        if self.site.check or self.wait == "none" or not running:
            return
        hypervisor, progress, guest = self.site.hypervisor, self.site.progress, environment.guests[self.name]
        shell = ready.wait_for_shell(hypervisor, environment, guest, progress, self.boot_timeout)
        if self.wait == "engine":
            ready.wait_for_engine(hypervisor, environment, guest, shell, progress, self.boot_timeout)

    def _disconnect(self) -> None:
        """A guest that was started or made anew knows nothing of the connections to it."""
        if self._has_access() and not self.site.check:
            self._shell().disconnect()

    def _has_access(self) -> bool:
        return bool(self._shell().config.exists())

    def _shell(self) -> Shell:
        return access.shell(self.site.environment, self.name, self.site.hypervisor.folders)
