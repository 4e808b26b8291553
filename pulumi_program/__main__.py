# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The environment of the stack's declaration; see Pulumi.yaml for what can be configured."""

import pulumi
from strata_pulumi.components import Environment

config = pulumi.Config()
environment = Environment(
    "environment",
    {
        "declaration": config.require("declaration"),
        "name": config.get("environment") or "",
        "hypervisor": config.get("hypervisor") or "",
        "state_folder": config.get("stateFolder") or "",
        "replace_guests": config.get_bool("replaceGuests") or False,
    },
)
pulumi.export("addresses", {name: guest.address for name, guest in environment.guests.items()})
