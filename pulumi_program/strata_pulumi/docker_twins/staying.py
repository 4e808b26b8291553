# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which objects of an engine are taken as they are, and which are made anew. No I/O."""

from __future__ import annotations

from collections.abc import Iterable

from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.model import Change, Declared, Key, Plan

#: Leaves of a container's ``HostConfig`` that the provider changes in place.
_IN_PLACE = ("Memory", "MemoryReservation", "MemorySwap", "CpuShares", "CpusetCpus", "RestartPolicy")


def staying(declared: Iterable[Declared], planned: Plan, *, settled: bool) -> frozenset[Key]:
    """Those of *declared* that are on the engine and need at most a change in place, on objects that stay as well.

    *planned*: the core's plan for all of them. *settled*: see :func:`.container.container_twin`; without it, a change
    in place is one that the provider makes.
    """
    moving = {change.key for change in planned if not _in_place(change, settled)}
    needs = {item.key: {need.key for need in item.needs} for item in declared}
    while more := {key for key in needs.keys() - moving if needs[key] & moving and key.kind == "container"}:
        moving |= more
    return frozenset(needs.keys() - moving)


def _in_place(change: Change, settled: bool) -> bool:
    """Starting is the provider's ``must_run``."""
    if settled or change.action in ("start", "stop"):
        return change.action not in ("create", "replace", "delete")
    paths = [difference.path for difference in change.differences]
    return change.action == "update" and all(path[0] == "HostConfig" and path[1] in _IN_PLACE for path in paths)
