# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The component of a guest's Docker engine."""

# No "from __future__ import annotations": Pulumi reads the types of a component's arguments at run time.

from typing import TypedDict

import pulumi
import pulumi_docker as docker

from .. import resources
from ..program import Program
from .guest import Guest


class EngineArgs(TypedDict):
    """Which engine."""

    program: Program
    """What the program has registered so far."""
    guest: Guest
    """The guest that it is in."""


class Engine(pulumi.ComponentResource):
    """A guest's engine: it answers, has its declared settings and mounts, and a provider of ``pulumi_docker``."""

    guest: Guest
    """The guest that it is in."""
    ready: resources.Engine
    """Tells that the engine answers, its versions and its id."""
    settled: list[pulumi.Resource]
    """After these it is as declared."""
    provider: docker.Provider
    """For resources of ``pulumi_docker`` on this engine."""

    def __init__(self, name: str, args: EngineArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("strata:components:Engine", name, None, opts)
        program, self.guest = args["program"], args["guest"]
        declaration, guest = program.declaration, self.guest.guest
        self.ready = resources.Engine(
            f"{declaration.name}/ready/{guest}",
            {
                "environment": declaration.name,
                "guest": guest,
                "address": self.guest.address,
                "domain_id": self.guest.disk.made,
                "boot": self.guest.domain.handle.apply(lambda handle: handle["boot"]),
                "ready_timeout": float(declaration.environment.guests[guest].boot_timeout),
            },
            pulumi.ResourceOptions(parent=self, depends_on=self.guest.parts, deleted_with=self.guest.disk),
        )
        items = [item for kind in ("mount", "engine") for item in declaration.of(kind, guest)]
        self.settled = [
            self.ready,
            *(program.object(item.key, self.inside(self), after=[self.ready]) for item in items),
        ]
        self.provider = docker.Provider(
            f"{declaration.name}/docker/{guest}",
            host=self.ready.host,
            ssh_opts=self.ready.ssh_opts,
            opts=pulumi.ResourceOptions(parent=self, depends_on=self.settled),
        )
        self.register_outputs({"engineVersion": self.ready.engine_version, "engineId": self.ready.engine_id})

    def inside(self, parent: pulumi.Resource) -> pulumi.ResourceOptions:
        """Options of what lives on this engine: it is made anew with another engine, and not deleted in a guest that
        goes anyway."""
        return pulumi.ResourceOptions(
            parent=parent, deleted_with=self.guest.disk, replacement_trigger=self.ready.engine_id
        )
