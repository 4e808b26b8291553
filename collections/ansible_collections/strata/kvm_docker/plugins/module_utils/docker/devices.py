# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Devices of the engine's host that a container gets, and its shares and limits of block devices. No I/O.

In the canonical tree each is keyed: a device by its path in the container, the others by the path on the host.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..declare.compose import Service
from ..plan.model import Tree

#: Lists of HostConfig by path on the host -> name of the number beside the path.
_BLOCK_IO = {
    "BlkioWeightDevice": "Weight",
    "BlkioDeviceReadBps": "Rate",
    "BlkioDeviceReadIOps": "Rate",
    "BlkioDeviceWriteBps": "Rate",
    "BlkioDeviceWriteIOps": "Rate",
}


def declared_devices(service: Service) -> dict[str, Any]:
    """Leaves of a canonical HostConfig."""
    io = service.blkio
    return {
        "Devices": {
            device.target: {"PathOnHost": device.source, "CgroupPermissions": device.permissions}
            for device in service.devices
        },
        "DeviceCgroupRules": dict.fromkeys(service.device_cgroup_rules, True),
        "BlkioWeightDevice": dict(io.weight_device),
        "BlkioDeviceReadBps": dict(io.device_read_bps),
        "BlkioDeviceReadIOps": dict(io.device_read_iops),
        "BlkioDeviceWriteBps": dict(io.device_write_bps),
        "BlkioDeviceWriteIOps": dict(io.device_write_iops),
    }


def observed_devices(host: Mapping[str, Any]) -> dict[str, Any]:
    """The same of ``HostConfig`` as inspected."""
    return {
        "Devices": {
            device["PathInContainer"]: {leaf: device[leaf] for leaf in ("PathOnHost", "CgroupPermissions")}
            for device in host.get("Devices") or ()
        },
        "DeviceCgroupRules": dict.fromkeys(host.get("DeviceCgroupRules") or (), True),
        **{
            leaf: {entry["Path"]: entry[number] for entry in host.get(leaf) or ()} for leaf, number in _BLOCK_IO.items()
        },
    }


def device_lists(spec: Tree) -> dict[str, Any]:
    """The same of *spec*, a canonical HostConfig, as the API takes it."""
    lists: dict[str, Any] = {
        "Devices": [{"PathInContainer": path, **device} for path, device in spec.get("Devices", {}).items()],
        "DeviceCgroupRules": list(spec.get("DeviceCgroupRules", {})),
    }
    for leaf, number in _BLOCK_IO.items():
        lists[leaf] = [{"Path": path, number: value} for path, value in spec.get(leaf, {}).items()]
    return {leaf: entries for leaf, entries in lists.items() if entries}
