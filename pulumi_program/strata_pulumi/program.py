# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a Pulumi program has registered of a declaration, by the core's keys; the components share it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pulumi
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.model import Key
from ansible_collections.strata.kvm_docker.plugins.module_utils.resources import STORE_KINDS

from .declaration import Declaration
from .resources import Access, Object, object_args


@dataclass
class Program:
    """``made``: the resource after which the object of a key is there and ready, as far as they are registered.
    ``access``: what everything depends on."""

    declaration: Declaration
    access: Access
    made: dict[Key, pulumi.Resource] = field(default_factory=dict)
    _probed: pulumi.Output[Declaration] | None = None

    def title(self, key: Key) -> str:
        """The name of a resource, as is its id: ``two_hosts/container/apps/apps-app-1``."""
        return "/".join(part for part in (self.declaration.name, key.kind, key.guest, key.name) if part)

    def needed(self, key: Key) -> list[pulumi.Resource]:
        """What has to be there before the object of *key*."""
        return [self.access, *(self.made[need.key] for need in self.declaration.needs[key] if need.key in self.made)]

    def object(
        self,
        key: Key,
        opts: pulumi.ResourceOptions,
        *,
        after: Sequence[pulumi.Resource] = (),
        adopt: bool = False,
        spec: pulumi.Input[Mapping[str, Any]] | None = None,
        provider_id: pulumi.Input[str] | None = None,
    ) -> Object:
        """The object of *key* by the core, after what it needs and what stands *after* it. *spec*: where it is not the
        declared one; *adopt*, *provider_id*: see :class:`~.resources.ObjectArgs`."""
        args = object_args(self.declaration.declared[key], str(self.declaration.path), self.declaration.name)
        args["adopt"] = adopt
        if key.kind == "disk":
            args["replace_guests"] = self.declaration.options.replace_guests
        if spec is not None:
            args["spec"] = spec
        if provider_id is not None:
            args["provider_id"] = provider_id
        depends = pulumi.ResourceOptions(depends_on=[*self.needed(key), *after])
        made = Object(self.title(key), args, pulumi.ResourceOptions.merge(depends, opts))
        self.made[key] = made
        return made

    @property
    def probed(self) -> pulumi.Output[Declaration]:
        """The declaration with the ``virt_type`` of its guests: known once their images are there."""
        if self._probed is None:
            images = [made for key, made in self.made.items() if key.kind == "guest_image"]
            there = pulumi.Output.all(*(image.handle for image in images if isinstance(image, Object)))
            self._probed = there.apply(lambda _: self.declaration.with_virt_type())
        return self._probed

    def probed_after(self, key: Key) -> pulumi.Output[Declaration]:
        """:attr:`probed`, once what the object of *key* needs of the store is there, too."""
        needed = [self.made[need.key] for need in self.declaration.needs[key] if need.key.kind in STORE_KINDS]
        there = pulumi.Output.all(self.probed, *(each.made for each in needed if isinstance(each, Object)))
        return there.apply(lambda all_there: all_there[0])
