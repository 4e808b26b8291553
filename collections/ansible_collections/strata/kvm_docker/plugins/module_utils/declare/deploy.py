# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``deploy`` of a service, and the older keys beside it that say the same (Compose Specification, "deploy"). No I/O."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from .compose import UpdateConfig
from .node import Node

T = TypeVar("T")

_KNOWN = ("mode", "replicas", "update_config", "resources")
_ADVICE = {
    "restart_policy": "use restart of the service",
    "labels": "use labels of the service",
    "rollback_config": "a failed update stops, and the next run goes on",
    "placement": "the guest that names this Compose file runs it",
    "endpoint_mode": "it is for swarms only",
}


def _deploy(fields: Mapping[str, Node]) -> dict[str, Node]:
    return fields["deploy"].fields(_KNOWN, _ADVICE) if "deploy" in fields else {}


def _part(node: Node | None, *known: str) -> dict[str, Node]:
    return node.fields(known) if node else {}


def read_replicas(fields: Mapping[str, Node]) -> int:
    """``deploy.replicas`` or ``scale``; 1 otherwise."""
    deploy = _deploy(fields)
    if "mode" in deploy:
        deploy["mode"].one_of("replicated")
    return _either(fields.get("scale"), deploy.get("replicas"), Node.integer, 1)


def read_update_config(fields: Mapping[str, Node]) -> UpdateConfig:
    options = _part(_quiet(fields).get("update_config"), "parallelism", "delay", "order")
    values: dict[str, Any] = {}
    if "parallelism" in options:
        values["parallelism"] = options["parallelism"].integer(1)
    if "delay" in options:
        values["delay"] = options["delay"].duration()
    if "order" in options:
        values["order"] = options["order"].one_of("stop-first", "start-first")
    return UpdateConfig(**values)


def read_limits(fields: Mapping[str, Node]) -> dict[str, Any]:
    """CPU shares, bytes and processes, by field of :class:`~.compose.Service`."""
    resources = _part(_quiet(fields).get("resources"), "limits", "reservations")
    limits = _part(resources.get("limits"), "cpus", "memory", "pids")
    reserved = _part(resources.get("reservations"), "memory")
    found = {
        "cpus": _either(fields.get("cpus"), limits.get("cpus"), Node.number, None),
        "mem_limit": _either(fields.get("mem_limit"), limits.get("memory"), Node.size, None),
        "mem_reservation": _either(fields.get("mem_reservation"), reserved.get("memory"), Node.size, None),
        "pids_limit": _either(fields.get("pids_limit"), limits.get("pids"), lambda node: node.integer(-1), None),
    }
    return {name: value for name, value in found.items() if value is not None}


def _quiet(fields: Mapping[str, Node]) -> dict[str, Node]:
    """``deploy`` again, whose own keys were checked when the replicas were read."""
    value = fields["deploy"].value if "deploy" in fields else None
    if not isinstance(value, Mapping):
        return {}
    return {key: fields["deploy"].child(key, item) for key, item in value.items() if item is not None}


def _either(old: Node | None, new: Node | None, read: Callable[[Node], T], otherwise: T) -> T:
    """The value of the one that is there; both may be, if they agree."""
    values = [read(node) for node in (old, new) if node]
    if old and len(values) == 2 and values[0] != values[1]:
        old.wrong(f"differs from {'.'.join(new.path[2:]) if new else ''}, which says the same; keep one of them")
    return values[-1] if values else otherwise
