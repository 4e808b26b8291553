# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The component of a network of guests."""

# No "from __future__ import annotations": Pulumi reads the types of a component's arguments at run time.

from typing import TypedDict

import pulumi
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.model import Key

from .. import libvirt_twins
from ..program import Program


class NetworkArgs(TypedDict):
    """Which network."""

    program: Program
    """What the program has registered so far."""
    network: str
    """Its name in the declaration."""


class Network(pulumi.ComponentResource):
    """A network of guests: libvirt's, then followed in place by the core."""

    cidr: str
    """Its subnet, e.g. ``10.80.0.0/24``."""

    def __init__(self, name: str, args: NetworkArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("strata:components:Network", name, None, opts)
        program, key = args["program"], Key("network", args["network"])
        declaration = program.declaration
        declared = declaration.declared[key]
        twin = libvirt_twins.network_twin(declared)
        made = (
            []
            if twin is None
            else [
                libvirt_twins.register(
                    twin,
                    program.title(key),
                    libvirt_twins.network_document(declared),
                    pulumi.ResourceOptions(parent=self, depends_on=program.needed(key)),
                    found=key in declaration.there,
                )
            ]
        )
        program.object(key, pulumi.ResourceOptions(parent=self), after=made)
        self.cidr = str(declaration.environment.networks[args["network"]].cidr)
        self.register_outputs({"cidr": self.cidr})
