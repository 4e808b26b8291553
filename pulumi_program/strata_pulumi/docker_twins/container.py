# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kind ``container`` -> arguments of ``pulumi_docker.Container``. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.container_creation import Creation
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.model import Declared

from .host_config import LIMITS, LISTS, SAME, host_arguments
from .twin import Twin, given, labels, secret_names
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
#: What tells a container that was made as something else.
_MARKED = ("labels", "envs")
#: Means nothing to a container; another value has it made anew.
ROUND = "container_read_refresh_timeout_milliseconds"
_ROUND_DEFAULT = 15_000
#: Given by the provider where the program gives none.
_DEFAULTED = ("attach", "logs", "publish_all_ports", "remove_volumes", "rm", "wait", "wait_timeout")
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
_SECRET = {**CONFIG, **SAME, **{leaf: name for leaf, (name, _entry) in LISTS.items()}, **_OTHERS}


def container_twin(declared: Declared, creation: Creation, *, stays: bool = False, instead_of: str = "") -> Twin:
    """A container that is made and not started. The core's own update of it, right after, gives it what no argument can
    say (the endpoint of its first network, limits), starts it, and waits for it.

    *creation*: of the *declared* container, with ``container:<name>`` where it shares the namespace of another (the
    ids of :func:`creation_of` are names). It must say nothing that is :func:`.unsayable.unsayable`. *stays*: see
    :mod:`.staying`; Pulumi then keeps the container, whatever it knows of how it was made. *instead_of*: id of the one
    that is there and does not stay; any other hexadecimal number where one is gone that Pulumi may take
    to be there.
    """
    running = {"start": False, "must_run": False}
    arguments = {"name": declared.key.name, **given(_arguments(creation)), **running}
    if instead_of:
        arguments[ROUND] = _ROUND_DEFAULT + 1 + int(instead_of[:8], 16) % _ROUND_DEFAULT
    return Twin(
        name=declared.key.name,
        arguments=arguments,
        secret=secret_names(declared.sensitive, _SECRET, arguments),
        ignored=_ignored(stays, bool(instead_of)),
        replacing=(ROUND,),
        namespaces=_namespaces(creation.body["HostConfig"]),
    )


def _ignored(stays: bool, anew: bool) -> tuple[str, ...]:
    """Of one that stays, all: a change of anything would have the provider replace a container that was taken over, as
    it knows no environment of it."""
    looked_at = () if stays else (*_MARKED, *((ROUND,) if anew else ()))
    return tuple(sorted(ALL_ARGUMENTS.difference(looked_at)))


def _arguments(creation: Creation) -> dict[str, Any]:
    """The provider would kill a container at once where ``destroy_grace_seconds`` is not given."""
    body = creation.body
    return {
        **{argument: body.get(leaf) for leaf, argument in CONFIG.items()},
        "labels": labels(body["Labels"]),
        "healthcheck": _health_check(body.get("Healthcheck") or {}),
        "networks_advanced": [_network(name, config) for name, config in creation.endpoints.items()],
        "destroy_grace_seconds": body["StopTimeout"],
        **host_arguments(body["HostConfig"]),
    }


def primary_endpoint(creation: Creation) -> Mapping[str, Mapping[str, Any]]:
    """``EndpointConfig`` of the network that the container is created on, by network; none without such a network."""
    found: Mapping[str, Mapping[str, Any]] = creation.body.get("NetworkingConfig", {}).get("EndpointsConfig", {})
    return found


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
            "driver_opts": [f"{option}={value}" for option, value in (config.get("DriverOpts") or {}).items()],
        }
    )


def _namespaces(host: Mapping[str, Any]) -> dict[str, str]:
    modes = {argument: str(host.get(leaf, "")).partition(":") for leaf, argument in _MODES.items()}
    return {argument: name for argument, (kind, _colon, name) in modes.items() if kind == "container"}


def _all_arguments() -> frozenset[str]:
    more = ("labels", "healthcheck", "networks_advanced", "destroy_grace_seconds", "start", "must_run", ROUND)
    return frozenset({*CONFIG.values(), *more, *_DEFAULTED, *host_arguments({}), *LIMITS})


#: Every argument but the name.
ALL_ARGUMENTS = _all_arguments()
