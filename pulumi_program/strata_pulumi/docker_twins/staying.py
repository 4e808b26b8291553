# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which objects of an engine are taken as they are, and which are made anew. No I/O."""

from __future__ import annotations

from collections.abc import Iterable

from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.model import Declared, Key, Plan


def staying(declared: Iterable[Declared], planned: Plan) -> frozenset[Key]:
    """Those of *declared* that are on the engine and need at most a change in place, on objects that stay as well.

    *planned*: the core's plan for all of them.
    """
    moving = {change.key for change in planned if change.action in ("create", "replace", "delete")}
    needs = {item.key: {need.key for need in item.needs} for item in declared}
    while more := {key for key in needs.keys() - moving if needs[key] & moving and key.kind == "container"}:
        moving |= more
    return frozenset(needs.keys() - moving)
