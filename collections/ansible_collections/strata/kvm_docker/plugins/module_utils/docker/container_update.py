# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes a container in place: limits, restart policy, networks, files, and what a killed run left beside it."""

from __future__ import annotations

from functools import partial
from typing import Any

from ..plan.model import Change, Difference, Effect, Tree
from . import file_mounts, limits
from .container_calls import connect, disconnect, find
from .container_calls import update as update_limits
from .container_observe import endpoints
from .container_start import with_way_made
from .rollout import Rollout

#: Leaves of an endpoint that leaving the network and joining it again changes, on every engine, and that are always
#: given: the mark of what was applied cannot be updated with them.
_JOINED = ("Aliases", "IPv4Address", "IPv6Address")


def effect(difference: Difference) -> Effect:
    """Limits, restart policy, networks and files change in place; lifting a limit only where the API has a word.

    An endpoint that was lost is made again with all that it had.
    """
    section, leaf, *rest = (*difference.path, "")
    if section in ("Leftovers", "Files"):
        return Effect.IN_PLACE
    if section == "HostConfig" and limits.in_place(leaf, difference.after):
        return Effect.IN_PLACE
    lost = difference.cause == "drift" and difference.before is None
    if section == "Networking" and (leaf == "Names" or lost or {*_JOINED} & {*rest[1:2]}):
        return Effect.IN_PLACE
    return Effect.REPLACE


def fixed(spec: Tree) -> dict[str, Any]:
    """*spec* without the leaves that an update may have changed since."""
    host = {leaf: value for leaf, value in spec.get("HostConfig", {}).items() if leaf not in limits.UPDATABLE}
    joined = spec.get("Networking", {}).get("Endpoints", {}).items()
    endpoints = {name: {leaf: found[leaf] for leaf in found if leaf not in _JOINED} for name, found in joined}
    return {**spec, "HostConfig": host, "Networking": {"Endpoints": endpoints}}


def update(rollout: Rollout, change: Change) -> None:
    """Apply the differences of *change*, all of them in place, then have the container run."""
    notes, now = rollout.engine.notes, change.observed
    if notes and now:
        notes.forget(now.handle)
    _apply(rollout, change)
    if notes and now:
        notes.write(now.handle, rollout.declared, rollout.engine.inputs.seal)
    if rollout.declared.running and now and not now.needs_no_start:
        rollout.start()


def _apply(rollout: Rollout, change: Change) -> None:
    sections = {difference.path[0] for difference in change.differences}
    if "Leftovers" in sections:
        rollout.clean()
    if "Files" in sections:
        file_mounts.repair(rollout.engine.shell, rollout.replica, rollout.engine.inputs.seal)
    if "HostConfig" in sections:
        leaves = {difference.path[1] for difference in change.differences if difference.path[0] == "HostConfig"}
        update_limits(rollout.engine, rollout.name, rollout.declared.spec, leaves)
    if "Networking" in sections:
        _attach(rollout)


def _attach(rollout: Rollout) -> None:
    """Leave what is not declared, and leave and join again what is declared otherwise.

    A network that was replaced in this run has its containers back already: so the engine is asked anew.
    """
    engine, name, spec = rollout.engine, rollout.name, rollout.declared.spec
    inspected = find(engine, name)
    now: dict[str, Any] = endpoints(inspected, {}) if inspected else {}
    wanted = spec["Networking"].get("Endpoints", {})
    changed = [network for network in wanted if not _same(wanted[network], now.get(network))]
    for network in sorted(now.keys() - wanted.keys() | {*changed} & now.keys()):
        disconnect(engine, name, network)
    for network in changed:
        with_way_made(engine, name, spec, partial(connect, engine, name, spec, network))


def _same(wanted: Tree, now: Tree | None) -> bool:
    return now is not None and all((wanted.get(leaf) or None) == (now.get(leaf) or None) for leaf in _JOINED)
