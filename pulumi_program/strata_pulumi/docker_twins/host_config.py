# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``HostConfig`` of a body of ``POST /containers/create`` -> arguments of ``pulumi_docker.Container``. No I/O."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.limits import UPDATABLE

from .mounts import bind, device, mount, rate
from .units import mebibytes, processors

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
    "CpuShares": "cpu_shares",
    "CpuPeriod": "cpu_period",
    "CpuQuota": "cpu_quota",
    "CpusetCpus": "cpu_set",
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
#: Leaves in bytes -> arguments in mebibytes.
SIZES = {
    "Memory": "memory",
    "MemoryReservation": "memory_reservation",
    "MemorySwap": "memory_swap",
    "ShmSize": "shm_size",
}


def without_limits(host: Mapping[str, Any]) -> dict[str, Any]:
    """*host* without what an engine changes of a container, which never restarts so."""
    left = {leaf: value for leaf, value in host.items() if leaf not in UPDATABLE}
    return {**left, "RestartPolicy": {"Name": "no", "MaximumRetryCount": 0}}


def host_arguments(host: Mapping[str, Any], limits_swap: bool) -> dict[str, Any]:
    """*limits_swap*: the engine can; where not, it shows -1 for every container with a limit of memory."""
    return {
        **{argument: host.get(leaf) for leaf, argument in SAME.items()},
        **{argument: [entry(found) for found in host.get(leaf) or ()] for leaf, (argument, entry) in LISTS.items()},
        **{argument: mebibytes(host.get(leaf) or 0) for leaf, argument in SIZES.items()},
        "memory_swap": _swap(host, limits_swap),
        "cpus": processors(host["NanoCpus"]) if host.get("NanoCpus") else None,
        "restart": host["RestartPolicy"]["Name"],
        "max_retry_count": host["RestartPolicy"]["MaximumRetryCount"],
        "capabilities": _capabilities(host),
        "ports": _ports(host.get("PortBindings") or {}),
        "hosts": [_host(found) for found in host.get("ExtraHosts") or ()],
        "ulimits": [{leaf.lower(): value for leaf, value in limit.items()} for limit in host.get("Ulimits") or ()],
        "log_driver": (host.get("LogConfig") or {}).get("Type"),
        "log_opts": (host.get("LogConfig") or {}).get("Config"),
    }


def _swap(host: Mapping[str, Any], limits_swap: bool) -> int:
    """Always given beside a limit of memory, as the engine makes it twice that limit: the provider would take that
    for drift, and could not change the limit of memory without it."""
    if host.get("Memory") and not limits_swap:
        return -1
    return mebibytes(host.get("MemorySwap") or 2 * (host.get("Memory") or 0))


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
