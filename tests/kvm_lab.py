# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests of the kinds of the hypervisor share: an environment, a store with tiny images, a small converge."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.environment import (
    Attachment,
    Environment,
    Guest,
    GuestNetwork,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest import image_store
from ansible_collections.strata.kvm_docker.plugins.module_utils.inputs import Inputs
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.disk import Disk
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.guest import Guest as GuestKind
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.network import Network
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.pool import Pool
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.model import Change, Observed, Plan
from ansible_collections.strata.kvm_docker.plugins.module_utils.progress import Progress
from ansible_collections.strata.kvm_docker.plugins.module_utils.resources import plan

KINDS: dict[str, Any] = {kind.kind: kind for kind in (Network(), Pool(), Disk(), GuestKind())}
MIB = 1024**2
RECIPES = ("a" * 64, "b" * 64)
INPUTS = Inputs(guest_images={"debian": RECIPES[0]}, virt_type="qemu", authorized_key="ssh-ed25519 AAAA lab")


def environment(name: str = "lab", guests: Iterable[str] = ("web", "apps")) -> Environment:
    """Guests on one network."""
    addresses = {guest: IPv4Address("10.211.0.11") + index for index, guest in enumerate(guests)}
    return Environment(
        name=name,
        folder="/declaration",
        networks={"lan": GuestNetwork(cidr=IPv4Network("10.211.0.0/20"), forward="isolated")},
        guests={
            guest: Guest(
                name=guest,
                image="debian",
                memory=64 * MIB,
                disk=64 * MIB,
                networks={"lan": Attachment(address=address)},
            )
            for guest, address in addresses.items()
        },
    )


def with_guest(environment: Environment, guest: str, **changes: Any) -> Environment:
    """*environment* with another declaration of one guest."""
    return replace(environment, guests={**environment.guests, guest: replace(environment.guests[guest], **changes)})


def with_network(environment: Environment, network: str, **changes: Any) -> Environment:
    """*environment* with another declaration of one network."""
    return replace(
        environment, networks={**environment.networks, network: replace(environment.networks[network], **changes)}
    )


def empty_qcow2(path: Path, size: int, backing: Path | None = None) -> None:
    """An empty disk image: a version 2 header, a first-level table, a reference count table, all of them empty."""
    cluster = 65536
    entries = -(-size // (cluster * cluster // 8))
    name = str(backing or "").encode()
    place = 512 if name else 0
    parts = (b"QFI\xfb", 2, place, len(name), 16, size, 0, entries, 3 * cluster, cluster, 1, 0, 0)
    header = struct.pack(">4sIQIIQIIQQIIQ", *parts).ljust(512, b"\0") + name
    counts = struct.pack(">Q", 2 * cluster).ljust(cluster, b"\0")
    block = struct.pack(">4H", 1, 1, 1, 1).ljust(cluster, b"\0")
    path.write_bytes(header.ljust(cluster, b"\0") + counts + block + bytes(cluster))


def fill_store(folders: Folders, kernel: bytes | None = b"kernel") -> None:
    """One image for each of ``RECIPES``, of 16 MiB and 32 MiB; booted by *kernel* where there is one."""
    for number, recipe in enumerate(RECIPES, 1):
        with image_store.making(folders, recipe) as staging:
            empty_qcow2(staging / image_store.DISK, number * 16 * MIB)
            if kernel is not None:
                (staging / image_store.KERNEL).write_bytes(kernel)
                (staging / image_store.INITRD).write_bytes(b"initrd")
            image_store.store(folders, recipe, staging, cmdline="console=ttyS0")


def observe(hypervisor: Any, name: str) -> list[Observed]:
    return [item for kind in KINDS.values() for item in kind.observe(hypervisor, name)]


def planned(
    hypervisor: Any,
    environment: Environment,
    inputs: Inputs = INPUTS,
    remove_orphans: bool = False,
    adopt: bool = False,
) -> Plan:
    declared = [item for kind in KINDS.values() for item in kind.declare(environment, inputs)]
    found = observe(hypervisor, environment.name)
    return plan(
        declared,
        found,
        lambda key, difference: KINDS[key.kind].effect(difference),
        remove_orphans=remove_orphans,
        adopt=adopt,
    )


def apply(hypervisor: Any, changes: Iterable[Change]) -> None:
    for change in changes:
        KINDS[change.key.kind].apply(hypervisor, change, Progress())


def converge(hypervisor: Any, environment: Environment, inputs: Inputs = INPUTS, adopt: bool = False) -> Plan:
    """Plan and apply; returns what was done."""
    made = planned(hypervisor, environment, inputs, remove_orphans=True, adopt=adopt)
    apply(hypervisor, made)
    return made


def remove(hypervisor: Any, name: str) -> None:
    """Delete everything of an environment that is ours."""
    nothing = Environment(name=name, folder="/declaration")
    apply(hypervisor, planned(hypervisor, nothing, remove_orphans=True))


def words(plan: Plan) -> list[str]:
    return [f"{change.action} {change.key}" for change in plan]
