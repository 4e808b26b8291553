# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of the guests' networks. No I/O."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from ..errors import Problem
from .environment import Environment
from .sources import Sources

#: Of a subnet, the network's own address, the gateway, a guest and the broadcast address (RFC 922).
LONGEST_PREFIX = 30


def check_networks(environment: Environment, sources: Sources) -> Iterator[Problem]:
    for name, network in environment.networks.items():
        if network.cidr.prefixlen > LONGEST_PREFIX:
            yield sources.problem(
                ("networks", name, "cidr"), f"{network.cidr} has no room for a guest; /30 is the smallest"
            )
    for (first, one), (second, other) in combinations(environment.networks.items(), 2):
        if one.cidr.overlaps(other.cidr):
            message = f"{other.cidr} overlaps {one.cidr} of network {first}; choose another subnet"
            yield sources.problem(("networks", second, "cidr"), message)
