# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A provider that is not there: what pulumi_docker's posts to an engine for the arguments of a container."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from strata_pulumi.docker_twins.host_config import LISTS, SAME
from strata_pulumi.docker_twins.provider_order import hosts_in_order, words_in_order

MEBIBYTE = 1024**2
_NANOSECONDS = {"h": 3600 * 10**9, "m": 60 * 10**9, "s": 10**9, "ms": 10**6, "µs": 10**3, "ns": 1}
#: Lists that the provider takes for sets of words.
_SETS = ("Env", "GroupAdd", "Dns", "DnsSearch", "DnsOptions", "SecurityOpt", "DeviceCgroupRules")


def posted(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Body of ``POST /containers/create``, without what is zero, false or empty."""
    body = {
        "Image": arguments["image"],
        # One with an empty word is refused.
        "Cmd": arguments.get("command") if all(arguments.get("command", ())) else None,
        "Entrypoint": arguments.get("entrypoints"),
        "Env": words_in_order(arguments.get("envs", ())),
        "Labels": {entry["label"]: entry["value"] for entry in arguments.get("labels", ())},
        "ExposedPorts": {f"{port['internal']}/{port['protocol']}": {} for port in arguments.get("ports", ())},
        "User": arguments.get("user"),
        "WorkingDir": arguments.get("working_dir"),
        "Hostname": arguments.get("hostname"),
        "Domainname": arguments.get("domainname"),
        "Tty": arguments.get("tty"),
        "OpenStdin": arguments.get("stdin_open"),
        "StopSignal": arguments.get("stop_signal"),
        "StopTimeout": arguments.get("stop_timeout"),
        "Healthcheck": _health_check(arguments.get("healthcheck", {})),
        "HostConfig": without_nothing(_host_config(arguments)),
    }
    return without_nothing(body)


def joined(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """``EndpointConfig`` of each network that it attaches the container to, as :func:`posted`."""
    return {network["name"]: _endpoint(network) for network in arguments.get("networks_advanced", ())}


def without_nothing(tree: Mapping[str, Any]) -> dict[str, Any]:
    """*tree* without leaves that say nothing."""
    return {leaf: value for leaf, value in tree.items() if value}


def nanoseconds(text: str) -> int:
    """As Go's ``time.ParseDuration`` reads it."""
    found = re.findall(r"([0-9.]+)(h|ms|µs|ns|m|s)", text)
    assert "".join(number + unit for number, unit in found) == text
    return int(sum(Decimal(number) * _NANOSECONDS[unit] for number, unit in found))


def _health_check(check: Mapping[str, Any]) -> dict[str, Any]:
    names = {
        "Interval": "interval",
        "Timeout": "timeout",
        "StartPeriod": "start_period",
        "StartInterval": "start_interval",
    }
    times = {leaf: nanoseconds(check[name]) for leaf, name in names.items() if name in check}
    return without_nothing({"Test": check.get("tests"), "Retries": check.get("retries"), **times})


def _host_config(arguments: Mapping[str, Any]) -> dict[str, Any]:
    capabilities = arguments.get("capabilities", {})
    return {
        **{leaf: arguments.get(name) for leaf, name in SAME.items()},
        **{leaf: words_in_order(arguments.get(SAME[leaf], ())) for leaf in _SETS if leaf in SAME},
        **{leaf: [_entry(leaf, found) for found in arguments.get(name, ())] for leaf, (name, _make) in LISTS.items()},
        "ShmSize": arguments.get("shm_size", 0) * MEBIBYTE,
        "CapAdd": words_in_order(capabilities.get("adds", ())),
        "CapDrop": words_in_order(capabilities.get("drops", ())),
        "PortBindings": _bindings(arguments.get("ports", ())),
        "ExtraHosts": hosts_in_order(f"{entry['host']}:{entry['ip']}" for entry in arguments.get("hosts", ())),
        "Ulimits": [{leaf.title(): value for leaf, value in limit.items()} for limit in arguments.get("ulimits", ())],
        "LogConfig": without_nothing({"Type": arguments.get("log_driver"), "Config": arguments.get("log_opts")}),
    }


def _bindings(ports: Any) -> dict[str, list[dict[str, str]]]:
    found: dict[str, list[dict[str, str]]] = {}
    for port in ports:
        binding = {"HostIp": port["ip"], "HostPort": str(port["external"])}
        found.setdefault(f"{port['internal']}/{port['protocol']}", []).append(binding)
    return found


def _entry(leaf: str, found: Mapping[str, Any]) -> Any:
    if leaf == "Binds":
        options = ["ro" if found["read_only"] else "rw", found.get("selinux_relabel")]
        return f"{found['host_path']}:{found['container_path']}:{','.join(filter(None, options))}"
    if leaf == "Mounts":
        return _mount(found)
    if leaf == "Devices":
        places = {"PathOnHost": found["host_path"], "PathInContainer": found["container_path"]}
        return {**places, "CgroupPermissions": found["permissions"]}
    return {"Path": found["path"], "Rate": found["rate"]}


def _mount(found: Mapping[str, Any]) -> dict[str, Any]:
    names = {
        "VolumeOptions": ("volume_options", {"no_copy": "NoCopy", "subpath": "Subpath"}),
        "BindOptions": ("bind_options", {"propagation": "Propagation"}),
        "TmpfsOptions": ("tmpfs_options", {"size_bytes": "SizeBytes", "mode": "Mode"}),
    }
    plain = {"Type": found["type"], "Target": found["target"], "Source": found.get("source", "")}
    options = {
        leaf: {within[name]: value for name, value in found.get(argument, {}).items()}
        for leaf, (argument, within) in names.items()
    }
    return without_nothing({**plain, "ReadOnly": found["read_only"], **options})


def _endpoint(network: Mapping[str, Any]) -> dict[str, Any]:
    addresses = {"IPv4Address": network.get("ipv4_address"), "IPv6Address": network.get("ipv6_address")}
    options = dict(option.split("=", 1) for option in network.get("driver_opts", ()))
    told = {"Aliases": network.get("aliases"), "IPAMConfig": without_nothing(addresses), "DriverOpts": options}
    return without_nothing(told)
