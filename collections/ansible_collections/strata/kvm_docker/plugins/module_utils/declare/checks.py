# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cross-checks of an environment: what no single value shows to be wrong. No I/O."""

from __future__ import annotations

from ..errors import Problem
from .check_disks import check_disks
from .check_drift import check_drift
from .check_engine import check_engine
from .check_guests import check_guests
from .check_host import check_host
from .check_images import check_images
from .check_networks import check_networks
from .check_pools import check_pools
from .check_pulls import check_pulls
from .check_services import check_services
from .environment import Environment
from .facts import HostFacts
from .sources import Sources

__all__ = ["HostFacts", "check"]


def check(environment: Environment, host: HostFacts | None = None, sources: Sources | None = None) -> list[Problem]:
    """Every mistake of *environment* in file order, with the facts of *host* where they are known.

    *sources* give each problem its file and line; without them (an environment made in memory) it has its path.
    """
    places = sources or Sources()
    problems = [
        *check_images(environment, places),
        *check_networks(environment, places),
        *check_pools(environment, places),
        *check_guests(environment, places),
        *check_disks(environment, places),
        *check_drift(environment, places),
    ]
    for guest in environment.guests.values():
        if guest.compose is not None:
            problems += check_services(guest.name, guest.compose, places)
            problems += check_pulls(environment, guest, guest.compose, places)
            problems += check_engine(environment, guest, guest.compose, places)
    if host is not None:
        problems += check_host(environment, host, places)
    return sorted(set(problems))
