# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Top-level ``networks`` and ``volumes`` of a project (Compose Specification, sections of these names). No I/O."""

from __future__ import annotations

from collections.abc import Mapping

from .compose import IpamConfig, Network, Volume
from .node import Node

NETWORK = (
    "name",
    "driver",
    "driver_opts",
    "ipam",
    "internal",
    "attachable",
    "enable_ipv4",
    "enable_ipv6",
    "external",
    "labels",
)
IPAM = ("driver", "config")
IPAM_UNSUPPORTED = {"options": "the engine's own driver has none"}
IPAM_CONFIG = ("subnet", "gateway", "ip_range", "aux_addresses")
#: What the Specification has no key for stands in an extension, so that other tools read the file too.
EXTENSION, VOLUME_EXTENSION = "x-strata", ("keep", "recreate")
VOLUME = ("name", "driver", "driver_opts", "external", "labels")


def read_network(key: str, node: Node, project: str) -> Network:
    if node.value is None:
        return Network(name=f"{project}_{key}")
    fields = node.fields(NETWORK)
    external, name = _external(key, node, fields)
    ipam = fields["ipam"].fields(IPAM, IPAM_UNSUPPORTED) if "ipam" in fields else {}
    flags = {flag: fields[flag].boolean() for flag in ("internal", "attachable", "enable_ipv6") if flag in fields}
    if "enable_ipv4" in fields and not fields["enable_ipv4"].boolean():
        fields["enable_ipv4"].wrong("engines before 28 have no network without IPv4; remove it")
    return Network(
        name=name or f"{project}_{key}",
        external=external,
        driver=fields["driver"].filled() if "driver" in fields else "bridge",
        driver_opts=fields["driver_opts"].pairs() if "driver_opts" in fields else {},
        ipam_driver=ipam["driver"].filled() if "driver" in ipam else "default",
        ipam=tuple(_ipam_config(item) for item in ipam["config"].items()) if "config" in ipam else (),
        labels=fields["labels"].labels() if "labels" in fields else {},
        **flags,
    )


def _ipam_config(node: Node) -> IpamConfig:
    fields = node.fields(IPAM_CONFIG)
    auxiliary = fields["aux_addresses"].mapping() if "aux_addresses" in fields else {}
    return IpamConfig(
        subnet=fields["subnet"].subnet() if "subnet" in fields else None,
        gateway=fields["gateway"].address() if "gateway" in fields else None,
        ip_range=fields["ip_range"].subnet() if "ip_range" in fields else None,
        aux_addresses={name: item.address() for name, item in auxiliary.items()},
    )


def read_volume(key: str, node: Node, project: str) -> Volume:
    if node.value is None:
        return Volume(name=f"{project}_{key}")
    fields = node.fields(VOLUME)
    external, name = _external(key, node, fields)
    return Volume(
        name=name or f"{project}_{key}",
        external=external,
        driver=fields["driver"].filled() if "driver" in fields else "local",
        driver_opts=fields["driver_opts"].pairs() if "driver_opts" in fields else {},
        labels=fields["labels"].labels() if "labels" in fields else {},
        **_extension(node, external),
    )


def _extension(node: Node, external: bool) -> dict[str, bool]:
    written = node.value.get(EXTENSION) if isinstance(node.value, Mapping) else None
    if written is None:
        return {}
    extension = node.child(EXTENSION, written)
    if external:
        extension.wrong("an external volume is made and removed by somebody else")
    return {key: item.boolean() for key, item in extension.fields(VOLUME_EXTENSION).items()}


def _external(key: str, node: Node, fields: Mapping[str, Node]) -> tuple[bool, str | None]:
    """Whether somebody else makes it, and its name on the engine where that does not follow from the project."""
    name = fields["name"].matching(r"[A-Za-z0-9][A-Za-z0-9_.-]+", "a name for the engine") if "name" in fields else None
    if "external" not in fields or not fields["external"].boolean():
        return False, name
    for other in fields.keys() - {"external", "name"}:
        fields[other].wrong("an external object is made by somebody else; only 'name' may stand beside 'external'")
    return True, name or key
