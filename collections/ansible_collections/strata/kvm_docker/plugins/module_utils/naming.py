# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names, UUIDs and addresses that follow from the declaration, so that two builds of it are equal. No I/O.

The UUID of a libvirt object is also our mark of ownership: it is derived from the environment, the kind and the name,
which no object made by somebody else has by chance (RFC 9562, version 5).
"""

from __future__ import annotations

import hashlib
from ipaddress import IPv4Address, IPv4Network
from uuid import UUID, uuid5

NAMESPACE = UUID("6f0a1c7e-52b5-5d0f-9b1e-7c6b1b0a9d11")

#: XML namespace of our element in a domain's ``<metadata>``.
XML_NAMESPACE = "urn:strata:kvm_docker:1"

#: Labels on every Docker object that we make; all of this prefix are ours.
LABEL_PREFIX = "strata."
LABEL_ENVIRONMENT = "strata.environment"
LABEL_SOURCE = "strata.source"
LABEL_APPLIED = "strata.applied"
LABEL_SERVICE = "strata.service"
LABEL_REPLICA = "strata.replica"
LABEL_PROJECT = "strata.project"
#: The name that a container was made for, which somebody may have changed since; the container that a volume is for.
LABEL_CONTAINER = "strata.container"
#: On what a module of the Docker layer made; what the declaration of an environment makes has none.
LABEL_LAYER = "strata.layer"
#: On a container, the id of the one of somebody else that it was made in place of.
LABEL_ADOPTED = "strata.adopted"
#: On a container that a resource of ``pulumi_docker`` stands for in a stack; what else is made has none.
LABEL_PROVIDER = "strata.provider"
#: Of a volume that outlives its declaration.
LABEL_KEEP = "strata.keep"


#: Ends of the names that containers have while they are replaced: the new one, and the old one.
LEFTOVERS = (".strata-next", ".strata-old")


def object_uuid(environment: str, kind: str, name: str) -> UUID:
    """UUID of the object of *kind* (see ``resources.KINDS``) and *name* in *environment*."""
    return uuid5(NAMESPACE, f"{environment}/{kind}/{name}")


def libvirt_name(environment: str, name: str) -> str:
    """Name of a domain or network in libvirt, whose names are shared by everybody: ``two_hosts-web``."""
    return f"{environment}-{name}"


def bridge_name(environment: str, network: str) -> str:
    """Bridge device of a network: at most 15 characters, as the kernel has it."""
    return f"st{object_uuid(environment, 'network', network).hex[:10]}"


def bridge_mac(environment: str, network: str) -> str:
    """Hardware address of a network's bridge: that of nobody's interface."""
    return mac_address(environment, "", network)


def mac_address(environment: str, guest: str, network: str) -> str:
    """Hardware address of a guest's interface, in QEMU's block 52:54:00."""
    tail = hashlib.sha256(f"{environment}/{guest}/{network}".encode()).digest()[:3]
    return ":".join(["52", "54", "00", *(f"{octet:02x}" for octet in tail)])


def disk_target(disk: str) -> str:
    """libvirt's device name of a data disk: by its name alone, so that it stays when another disk comes or goes."""
    number = int.from_bytes(hashlib.sha256(disk.encode()).digest()[:4])
    letters = [chr(ord("a") + number // 26**place % 26) for place in range(3)]
    return f"vd{''.join(letters)}"


def disk_serial(disk: str) -> str:
    """Serial number by which a guest finds a data disk; virtio carries 20 characters."""
    return disk if len(disk) <= 20 else hashlib.sha256(disk.encode()).hexdigest()[:20]


def spread_addresses(subnet: IPv4Network, taken: set[IPv4Address], names: list[str]) -> dict[str, IPv4Address]:
    """An address of *subnet* for each of *names*: by hash, so that one more name moves (almost) no other one."""
    usable = subnet.num_addresses - 2
    used = set(taken)
    chosen: dict[str, IPv4Address] = {}
    for name in sorted(names):
        start = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8])
        candidates = (subnet[1 + (start + step) % usable] for step in range(usable))
        address = next((candidate for candidate in candidates if candidate not in used), None)
        if address is None:
            raise ValueError(f"{subnet} has too few addresses for {len(names)} containers")
        used.add(address)
        chosen[name] = address
    return chosen
