# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which services of a project run: those without profiles, and those with an active one. No I/O.

Source: Compose Specification, "Profiles". A service that does not run is not read, so that what it needs may be absent.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

from .compose import Dependency, Service
from .node import Node


def profiles_of(node: Node) -> tuple[str, ...]:
    written = node.value.get("profiles") if isinstance(node.value, Mapping) else None
    if written is None:
        return ()
    entries = node.child("profiles", written).items()
    return tuple(item.matching(r"[A-Za-z0-9][A-Za-z0-9_.-]*", "a name of a profile") for item in entries)


def active(services: Mapping[str, Node], profiles: Collection[str]) -> dict[str, Node]:
    """Those of *services* that run."""
    named = {name: profiles_of(node) for name, node in services.items()}
    return {name: node for name, node in services.items() if not named[name] or {*named[name]} & {*profiles}}


def without_inactive(service: Service, node: Node, services: Mapping[str, Node], running: Collection[str]) -> Service:
    """*service* without dependencies that need not be there and are not; one that must be is refused."""
    kept = dict(_kept(service.depends_on, node, services, running))
    return service if len(kept) == len(service.depends_on) else replace(service, depends_on=kept)


def _kept(
    dependencies: Mapping[str, Dependency], node: Node, services: Mapping[str, Node], running: Collection[str]
) -> Iterator[tuple[str, Dependency]]:
    for name, dependency in dependencies.items():
        if name in running or name not in services:
            yield name, dependency
        elif dependency.required:
            given = ", ".join(profiles_of(services[name]))
            advice = f"activate its profile ({given}), or write required: false"
            node.child("depends_on", None).child(name, None).wrong(f"service {name} does not run; {advice}")
