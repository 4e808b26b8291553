# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``HostConfig`` of a body of ``POST /containers/create`` -> arguments of ``pulumi_docker.Container``. No I/O."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .mounts import bind, device, mount, rate

#: Leaves that are the same in both.
SAME = {
    "Privileged": "privileged",
    "ReadonlyRootfs": "read_only",
    "Init": "init",
    "GroupAdd": "group_adds",
    "Dns": "dns",
    "DnsSearch": "dns_searches",
    "DnsOptions": "dns_opts",
    "SecurityOpt": "security_opts",
    "Sysctls": "sysctls",
    "NetworkMode": "network_mode",
    "PidMode": "pid_mode",
    "IpcMode": "ipc_mode",
    "UsernsMode": "userns_mode",
    "CgroupnsMode": "cgroupns_mode",
    "CgroupParent": "cgroup_parent",
    "Runtime": "runtime",
    "StorageOpt": "storage_opts",
    "DeviceCgroupRules": "device_cgroup_rules",
}
#: Leaves whose entries are written otherwise.
LISTS: Mapping[str, tuple[str, Callable[[Any], Mapping[str, Any]]]] = {
    "Binds": ("volumes", bind),
    "Mounts": ("mounts", mount),
    "Devices": ("devices", device),
    "BlkioDeviceReadBps": ("device_read_bps", rate),
    "BlkioDeviceReadIOps": ("device_read_iops", rate),
    "BlkioDeviceWriteBps": ("device_write_bps", rate),
    "BlkioDeviceWriteIOps": ("device_write_iops", rate),
}
#: What an engine changes of a container is left to the core.
LIMITS = (
    *("cpu_period", "cpu_quota", "cpu_set", "cpu_shares", "cpus", "memory", "memory_reservation", "memory_swap"),
    *("max_retry_count", "restart"),
)
MEBIBYTE = 1024**2


def host_arguments(host: Mapping[str, Any]) -> dict[str, Any]:
    """All but the limits."""
    return {
        **{argument: host.get(leaf) for leaf, argument in SAME.items()},
        **{argument: [entry(found) for found in host.get(leaf) or ()] for leaf, (argument, entry) in LISTS.items()},
        "shm_size": (host.get("ShmSize") or 0) // MEBIBYTE,
        "capabilities": _capabilities(host),
        "ports": _ports(host.get("PortBindings") or {}),
        "hosts": [_host(found) for found in host.get("ExtraHosts") or ()],
        "ulimits": [{leaf.lower(): value for leaf, value in limit.items()} for limit in host.get("Ulimits") or ()],
        "log_driver": (host.get("LogConfig") or {}).get("Type"),
        "log_opts": (host.get("LogConfig") or {}).get("Config"),
    }


def _capabilities(host: Mapping[str, Any]) -> dict[str, list[str]]:
    found = {"adds": host.get("CapAdd"), "drops": host.get("CapDrop")}
    return {name: list(words) for name, words in found.items() if words}


def _ports(bindings: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The address is always given, as the provider would take none for ``0.0.0.0``."""
    return [
        {
            "internal": int(port.partition("/")[0]),
            "protocol": port.partition("/")[2],
            "ip": binding["HostIp"],
            "external": int(binding["HostPort"] or 0),
        }
        for port, bound in sorted(bindings.items())
        for binding in bound
    ]


def _host(text: str) -> dict[str, str]:
    name, _colon, address = text.partition(":")
    return {"host": name, "ip": address}
