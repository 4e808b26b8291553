# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mounts and devices of a body of ``POST /containers/create`` -> arguments of ``pulumi_docker.Container``. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_VOLUME_OPTIONS = {"NoCopy": "no_copy", "Subpath": "subpath"}
_BIND_OPTIONS = {"Propagation": "propagation"}
_TMPFS_OPTIONS = {"SizeBytes": "size_bytes", "Mode": "mode"}


def bind(text: str) -> dict[str, Any]:
    """``SOURCE:TARGET:OPTIONS``, which makes a folder that is missing, as an entry of ``volumes``."""
    source, target, options = text.split(":")
    words = options.split(",")
    relabelled = next((word for word in words if word in ("z", "Z")), None)
    found = {"host_path": source, "container_path": target, "read_only": "ro" in words}
    return {**found, "selinux_relabel": relabelled} if relabelled else found


def mount(found: Mapping[str, Any]) -> dict[str, Any]:
    """An entry of ``Mounts`` as one of ``mounts``."""
    options = {
        "volume_options": _named(found.get("VolumeOptions"), _VOLUME_OPTIONS),
        "bind_options": _named(found.get("BindOptions"), _BIND_OPTIONS),
        "tmpfs_options": _named(found.get("TmpfsOptions"), _TMPFS_OPTIONS),
    }
    plain = {"target": found["Target"], "type": found["Type"], "read_only": found.get("ReadOnly", False)}
    source = {"source": found["Source"]} if found.get("Source") else {}
    return {**plain, **source, **{name: value for name, value in options.items() if value}}


def device(found: Mapping[str, Any]) -> dict[str, str]:
    """An entry of ``Devices``."""
    return {
        "host_path": found["PathOnHost"],
        "container_path": found["PathInContainer"],
        "permissions": found["CgroupPermissions"],
    }


def rate(found: Mapping[str, Any]) -> dict[str, Any]:
    """An entry of ``BlkioDeviceReadBps`` and the like."""
    return {"path": found["Path"], "rate": found["Rate"]}


def _named(options: Mapping[str, Any] | None, names: Mapping[str, str]) -> dict[str, Any]:
    return {names[leaf]: value for leaf, value in (options or {}).items()}
