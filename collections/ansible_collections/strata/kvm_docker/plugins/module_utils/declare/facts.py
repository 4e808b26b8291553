# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What checks need to know of the machine that is to run an environment. No I/O: the hypervisor's side gathers it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network


@dataclass(frozen=True, slots=True, kw_only=True)
class HostFacts:
    """A machine as it is before a run.

    ``memory``: bytes in all. ``routes``: destination and device of each IPv4 route. ``listening``: TCP ports of the
    loopback that somebody listens on, without the forwards of the environment that is checked. ``networks``: subnets
    of the other environments, by name. ``pools``: libvirt's storage pools that are not the environment's, by folder.
    ``free_disk``: bytes free where disks are kept. ``None``: not known.
    """

    memory: int | None = None
    cpus: int | None = None
    routes: tuple[tuple[IPv4Network, str], ...] = ()
    listening: frozenset[int] = frozenset()
    networks: Mapping[str, tuple[IPv4Network, ...]] = field(default_factory=dict)
    pools: Mapping[str, str] = field(default_factory=dict)
    free_disk: int | None = None
