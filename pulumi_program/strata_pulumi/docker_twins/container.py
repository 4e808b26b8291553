# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kind ``container`` -> arguments of ``pulumi_docker.Container``. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.container_creation import Creation
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.model import Declared, Observed

from .host_config import LISTS, SAME, SIZES, host_arguments, without_limits
from .twin import Arguments, Twin, given, labels, secret_names
from .units import duration

CONFIG = {
    "Image": "image",
    "Cmd": "command",
    "Entrypoint": "entrypoints",
    "Env": "envs",
    "User": "user",
    "WorkingDir": "working_dir",
    "Hostname": "hostname",
    "Domainname": "domainname",
    "Tty": "tty",
    "OpenStdin": "stdin_open",
    "StopSignal": "stop_signal",
    "StopTimeout": "stop_timeout",
}
_SECONDS = {
    "Interval": "interval",
    "Timeout": "timeout",
    "StartPeriod": "start_period",
    "StartInterval": "start_interval",
}
#: What Pulumi looks at beside the marks, where nobody settles the container: what an engine changes of it, and what
#: only counts when it ends. All else is as it was made.
_CHANGING = (
    *("restart", "max_retry_count", "memory", "memory_reservation", "memory_swap", "cpu_shares", "cpu_set"),
    *("cpu_period", "cpu_quota", "cpus", "must_run", "destroy_grace_seconds"),
)
#: What tells a container that was made as something else.
_MARKED = ("labels", "envs")
#: Limits that an engine lifts or changes, and the provider (without a word) does not: by a replacement.
_REPLACING = ("cpu_period", "cpu_quota")
_LIMITS = ("memory", "memory_reservation", "cpu_shares", "cpu_set")
#: Means nothing to a container; another value has it made anew.
ROUND = "container_read_refresh_timeout_milliseconds"
_ROUND_DEFAULT = 15_000
_MODES = {"NetworkMode": "network_mode", "PidMode": "pid_mode", "IpcMode": "ipc_mode"}
_OTHERS = {
    "Labels": "labels",
    "Healthcheck": "healthcheck",
    "Endpoints": "networks_advanced",
    "LogConfig": "log_opts",
    "ExtraHosts": "hosts",
    "CapAdd": "capabilities",
    "CapDrop": "capabilities",
    "PortBindings": "ports",
    "Ulimits": "ulimits",
}
_SECRET = {**CONFIG, **SAME, **SIZES, **{leaf: name for leaf, (name, _entry) in LISTS.items()}, **_OTHERS}


def container_twin(
    declared: Declared,
    creation: Creation,
    *,
    settled: bool,
    stays: bool = False,
    instead_of: str = "",
    job: bool = False,
    healthy_within: int = 0,
    limits_swap: bool = True,
) -> Twin:
    """*creation*: of the *declared* container, with ``container:<name>`` where it shares the namespace of another (the
    ids of :func:`creation_of` are names). It must say nothing that is :func:`.unsayable.unsayable`.

    *settled*: the container is only made; the core's own update of it, right after, gives it its first network's
    endpoint and the limits that the provider cannot say, starts it and waits for it. Else Pulumi starts it: on the
    engine's bridge as its network mode, which it leaves, as the provider can join no network that is the mode.

    *stays*: the core finds the container and would not make it anew: so Pulumi does not either, whatever it knows of
    how the container was made. *instead_of*: id of the one that is there, where the core would make it anew.

    Where nobody settles it: *job*: creating it waits for its end. *healthy_within*: seconds for which creating it
    waits for its health check, which it must have; 0: not at all. *limits_swap*: the engine can.
    """
    running = _not_running(declared) if settled else _running(declared, job, healthy_within)
    arguments = given({**_arguments(creation, settled, limits_swap), **running, ROUND: _round(instead_of)})
    arguments |= {name: value for name, value in running.items() if value is False}
    return Twin(
        name=declared.key.name,
        arguments={"name": declared.key.name, **arguments},
        secret=secret_names(declared.sensitive, _SECRET, arguments),
        ignored=_ignored(settled, stays, bool(instead_of)),
        replacing=(ROUND,) if settled else _replaced(arguments),
        namespaces=_namespaces(creation.body["HostConfig"]),
    )


def _ignored(settled: bool, stays: bool, anew: bool) -> tuple[str, ...]:
    looked_at = {"name", *(() if stays else _MARKED), *(() if settled else _CHANGING), *((ROUND,) if anew else ())}
    if settled:
        looked_at.add("destroy_grace_seconds")
    return tuple(sorted(ALL_ARGUMENTS - looked_at))


def _replaced(arguments: Arguments) -> tuple[str, ...]:
    return tuple(sorted({ROUND, *_REPLACING, *({*_LIMITS} - {*arguments})}))


def _round(instead_of: str) -> int | None:
    return _ROUND_DEFAULT + 1 + int(instead_of[:8], 16) % _ROUND_DEFAULT if instead_of else None


def container_import(observed: Observed) -> str:
    """The id under which a container that is there is taken over: the engine's, in full length."""
    return str(observed.handle)


def _arguments(creation: Creation, settled: bool, limits_swap: bool) -> dict[str, Any]:
    body, host = creation.body, creation.body["HostConfig"]
    primary = body.get("NetworkingConfig", {}).get("EndpointsConfig", {})
    endpoints = creation.endpoints if settled else {**primary, **creation.endpoints}
    mode = {} if settled or not primary else {"network_mode": "bridge"}
    return {
        **{argument: body.get(leaf) for leaf, argument in CONFIG.items()},
        "labels": labels(body["Labels"]),
        "healthcheck": _health_check(body.get("Healthcheck") or {}),
        "networks_advanced": [_network(name, config) for name, config in endpoints.items()],
        **host_arguments(without_limits(host) if settled else host, limits_swap),
        **mode,
    }


def _not_running(declared: Declared) -> dict[str, Any]:
    grace = declared.spec["Config"]["StopTimeout"]
    return {"start": False, "must_run": False, "destroy_grace_seconds": grace}


def _running(declared: Declared, job: bool, healthy_within: int) -> dict[str, Any]:
    """The provider would end a container at once where ``destroy_grace_seconds`` is not given."""
    return {
        "start": declared.running,
        "must_run": declared.running and not job,
        "attach": job and declared.running,
        "wait": bool(healthy_within) and declared.running,
        "wait_timeout": healthy_within if declared.running else 0,
        "destroy_grace_seconds": declared.spec["Config"]["StopTimeout"],
    }


def _health_check(check: Mapping[str, Any]) -> dict[str, Any]:
    seconds = {argument: duration(check[leaf]) for leaf, argument in _SECONDS.items() if leaf in check}
    return given({"tests": check.get("Test"), "retries": check.get("Retries"), **seconds})


def _network(name: str, config: Mapping[str, Any]) -> dict[str, Any]:
    addresses = config.get("IPAMConfig") or {}
    return given(
        {
            "name": name,
            "aliases": config.get("Aliases"),
            "ipv4_address": addresses.get("IPv4Address"),
            "ipv6_address": addresses.get("IPv6Address"),
            "mac_address": config.get("MacAddress"),
            "driver_opts": [f"{option}={value}" for option, value in (config.get("DriverOpts") or {}).items()],
        }
    )


def _namespaces(host: Mapping[str, Any]) -> dict[str, str]:
    modes = {argument: str(host.get(leaf, "")).partition(":") for leaf, argument in _MODES.items()}
    return {argument: name for argument, (kind, _colon, name) in modes.items() if kind == "container"}


def _all_arguments() -> frozenset[str]:
    """Every argument that this module may give."""
    empty: Arguments = host_arguments({"RestartPolicy": {"Name": "no", "MaximumRetryCount": 0}}, True)
    running = ("start", "must_run", "attach", "wait", "wait_timeout", "destroy_grace_seconds")
    return frozenset({"name", ROUND, *CONFIG.values(), "labels", "healthcheck", "networks_advanced", *empty, *running})


ALL_ARGUMENTS = _all_arguments()
