# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes a container in place: limits, restart policy, networks, and what a killed run left beside it."""

from __future__ import annotations

from functools import partial

from ..plan.model import Change, Tree
from .container_calls import connect, disconnect
from .container_calls import update as update_limits
from .container_start import with_way_made
from .rollout import Rollout


def update(rollout: Rollout, change: Change) -> None:
    """Apply the differences of *change*, all of them in place, then have the container run."""
    sections = {difference.path[0] for difference in change.differences}
    if "Leftovers" in sections:
        rollout.clean()
    if "HostConfig" in sections:
        update_limits(rollout.engine, rollout.name, rollout.declared.spec)
    if "Networking" in sections and change.observed:
        _attach(rollout, change.observed.spec["Networking"])
    if rollout.declared.running and change.observed and not change.observed.running:
        rollout.start()


def _attach(rollout: Rollout, now: Tree) -> None:
    """Leave what is not declared, and leave and join again what is declared otherwise."""
    engine, name, spec = rollout.engine, rollout.name, rollout.declared.spec
    wanted = spec["Networking"].get("Endpoints", {})
    changed = [network for network in wanted if not _same(wanted[network], now.get("Endpoints", {}).get(network))]
    for network in sorted({*now["Names"]} - wanted.keys() | set(changed)):
        disconnect(engine, name, network)
    for network in changed:
        with_way_made(engine, name, spec, partial(connect, engine, name, spec, network))


def _same(wanted: Tree, now: Tree | None) -> bool:
    return now is not None and all(wanted[leaf] == now.get(leaf) for leaf in ("Aliases", "IPv4Address", "IPv6Address"))
