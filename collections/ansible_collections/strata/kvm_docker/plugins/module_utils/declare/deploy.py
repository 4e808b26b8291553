# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``deploy`` of a service, and the older keys beside it that say the same (Compose Specification, "deploy"). No I/O."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from .compose import UpdateConfig
from .node import Node

T = TypeVar("T")

#: A bridge of Linux has 1024 ports (BR_MAX_PORTS).
MOST_REPLICAS = 1000
KNOWN = ("mode", "replicas", "update_config", "resources", "restart_policy")
UNSUPPORTED = {
    "endpoint_mode": "it is for swarms only",
    "labels": "use labels of the service",
    "placement": "the guest that names this Compose file runs it",
    "rollback_config": "a failed update stops, and the next run goes on",
}
UPDATE = ("parallelism", "delay", "order")
_FAILURE = "a failed update stops, and the next run goes on"
UPDATE_UNSUPPORTED = {"failure_action": _FAILURE, "monitor": _FAILURE, "max_failure_ratio": _FAILURE}
LIMITS = ("cpus", "memory", "pids")
RESERVATIONS = ("memory",)
RESERVATIONS_UNSUPPORTED = {
    "cpus": "an engine reserves no processors; use cpu_shares",
    "devices": "guests have no GPU to pass on; other devices go into devices",
    "generic_resources": "it is for swarms only",
}
RESTART = ("condition", "max_attempts")
RESTART_UNSUPPORTED = {
    "delay": "an engine doubles its own delay from 100 ms",
    "window": "an engine takes ten seconds",
}
_CONDITIONS = {"any": "always", "on-failure": "on-failure", "none": "no"}


def _deploy(fields: Mapping[str, Node]) -> dict[str, Node]:
    return _part(fields.get("deploy"), KNOWN, UNSUPPORTED)


def _part(node: Node | None, known: Iterable[str], unsupported: Mapping[str, str] | None = None) -> dict[str, Node]:
    return node.fields(known, unsupported) if node else {}


def _processors(node: Node) -> float:
    """The kernel gives a container a hundredth of one at least: 1 ms in each 100 ms."""
    return node.number(0.01)


def read_replicas(fields: Mapping[str, Node]) -> int:
    """``deploy.replicas`` or ``scale``; 1 otherwise."""
    deploy = _deploy(fields)
    if "mode" in deploy:
        deploy["mode"].one_of("replicated")
    return _either(fields.get("scale"), deploy.get("replicas"), _replicas, 1)


def _replicas(node: Node) -> int:
    replicas = node.integer()
    if replicas > MOST_REPLICAS:
        node.wrong(f"a network has room for {MOST_REPLICAS} containers; it is {replicas}")
    return min(replicas, MOST_REPLICAS)


def read_update_config(fields: Mapping[str, Node]) -> UpdateConfig:
    options = _part(_quiet(fields).get("update_config"), UPDATE, UPDATE_UNSUPPORTED)
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
    resources = _part(_quiet(fields).get("resources"), ("limits", "reservations"))
    limits = _part(resources.get("limits"), LIMITS)
    reserved = _part(resources.get("reservations"), RESERVATIONS, RESERVATIONS_UNSUPPORTED)
    found = {
        "cpus": _either(fields.get("cpus"), limits.get("cpus"), _processors, None),
        "mem_limit": _either(fields.get("mem_limit"), limits.get("memory"), Node.memory, None),
        "mem_reservation": _either(fields.get("mem_reservation"), reserved.get("memory"), Node.memory, None),
        "pids_limit": _either(fields.get("pids_limit"), limits.get("pids"), lambda node: node.integer(-1), None),
    }
    return {name: value for name, value in found.items() if value is not None}


def read_restart(fields: Mapping[str, Node]) -> str:
    """``restart``, or what ``deploy.restart_policy`` says in other words."""
    return _either(fields.get("restart"), _quiet(fields).get("restart_policy"), _restart, "no")


def _restart(node: Node) -> str:
    if not isinstance(node.value, Mapping):
        if node.value is False:  # `restart: no`, as readers of YAML 1.1 see it
            return "no"
        what = "no, always, unless-stopped, on-failure or on-failure:3"
        return node.matching(r"no|always|unless-stopped|on-failure(:\d+)?", what)
    options = node.fields(RESTART, RESTART_UNSUPPORTED)
    chosen = _CONDITIONS[options["condition"].one_of(*_CONDITIONS)] if "condition" in options else "always"
    if "max_attempts" not in options:
        return chosen
    if chosen != "on-failure":
        options["max_attempts"].wrong("an engine counts failures only; write condition: on-failure, or remove it")
    return f"{chosen}:{options['max_attempts'].integer()}"


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
