# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``devices`` and ``blkio_config`` of a service (Compose Specification, sections of these names). No I/O."""

from __future__ import annotations

from collections.abc import Callable

from .compose import BlockIo, Device
from .node import Node

KNOWN = ("source", "target", "permissions")
BLKIO = (
    "weight",
    "weight_device",
    "device_read_bps",
    "device_read_iops",
    "device_write_bps",
    "device_write_iops",
)
_PERMISSIONS = r"[rwm]{1,3}"
_FORM = 'a device like "/dev/ttyUSB0" or "/dev/ttyUSB0:/dev/ttyUSB0:rwm"'


def read_devices(node: Node) -> tuple[Device, ...]:
    return tuple(_long(item) if isinstance(item.value, dict) else _short(item) for item in node.items())


def _short(node: Node) -> Device:
    """``source``, ``source:target`` or ``source:target:permissions``."""
    text = node.matching(rf"/[^:]+(:/[^:]+(:{_PERMISSIONS})?)?", _FORM)
    source, target, permissions = (*text.split(":"), "", "")[:3]
    return Device(source=source, target=target or source, permissions=permissions or "rwm")


def _long(node: Node) -> Device:
    fields = node.fields(KNOWN)
    if "source" not in fields:
        node.wrong("'source' is required")
    source = _path(fields["source"]) if "source" in fields else ""
    permissions = fields["permissions"].matching(_PERMISSIONS, "of r, w and m") if "permissions" in fields else "rwm"
    return Device(
        source=source, target=_path(fields["target"]) if "target" in fields else source, permissions=permissions
    )


def _path(node: Node) -> str:
    return node.matching(r"/[^:]+", "a path that starts with /")


def read_blkio(node: Node) -> BlockIo:
    fields = node.fields(BLKIO)
    values = {key: _by_device(item, _rate(key)) for key, item in fields.items() if key.startswith("device_")}
    weights = _by_device(fields["weight_device"], _weight, "weight") if "weight_device" in fields else {}
    return BlockIo(weight=_weight(fields["weight"]) if "weight" in fields else None, weight_device=weights, **values)


def _rate(key: str) -> Callable[[Node], int]:
    return Node.size if key.endswith("bps") else Node.integer


def _weight(node: Node) -> int:
    return node.integer(10, 1000)


def _by_device(node: Node, read: Callable[[Node], int], key: str = "rate") -> dict[str, int]:
    found: dict[str, int] = {}
    for item in node.items():
        fields = item.fields(("path", key))
        if len(fields) < 2:
            item.wrong(f"'path' and '{key}' are required")
        else:
            found[_path(fields["path"])] = read(fields[key])
    return found
