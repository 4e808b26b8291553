# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A guest's canonical form: as it is declared, as a domain to define, and as read back. No I/O."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import naming
from ..declare.environment import Environment, Guest
from ..guest.interfaces import interfaces
from ..inputs import Inputs
from ..plan.model import Tree
from .domain_leaves import PARTS
from .domain_xml import Boot, Domain, DomainDisk, DomainInterface
from .mark import Mark

if TYPE_CHECKING:
    from ..guest.image_store import StoredImage

#: Serial number of the seed's disk, by which the guest finds it.
SEED_SERIAL = "strata-seed"
#: Kernel parameters of a guest that QEMU emulates; what the first three save was measured.
#: It translates the same code at another address anew, so with random addresses every process starts with cold code:
#: starting one takes 2.5 times, a container 1.5 times as long. An emulated processor does not speculate;
#: defences against that cost 15 %. Namespaces and networks of a container wait for grace periods of RCU: 10 %.
#: Whether the timer interrupts at all is not tried out, as under KVM: where this machine is busy, ten ticks come too
#: late, and Linux panics ("IO-APIC + timer doesn't work", seen).
EMULATED = "norandmaps mitigations=off rcupdate.rcu_expedited=1 no_timer_check"
_KIB = 1024


def guest_spec(environment: Environment, guest: Guest, inputs: Inputs) -> dict[str, Any]:
    """The canonical form of a declared guest.

    ``memory``: bytes, rounded up to the KiB that libvirt counts in. ``vcpus_emulated``: ``vcpus`` again where they are
    emulated, as Linux does not see those that are plugged in then (measured with 6.12). ``interfaces``: by network:
    ``mac``, ``position``, ``link``, and what the seed tells the guest of it, which a restart has it read.
    ``authorized_key``: digest of the key that opens the guest. ``disks``: serial numbers of the data disks.
    ``edited``: what somebody else has changed of each part of the definition; there is to be nothing.
    """
    return {
        "image": inputs.guest_images[guest.image],
        "description": guest.description or "",
        "virt_type": inputs.virt_type,
        "firmware": guest.firmware,
        "vcpus": guest.vcpus,
        "vcpus_emulated": guest.vcpus if inputs.virt_type == "qemu" else 0,
        "vcpus_max": _vcpus_max(guest, inputs.virt_type),
        "memory": _whole_kib(guest.memory),
        "memory_max": _whole_kib(guest.memory_max or guest.memory),
        "disks": {name: {"serial": naming.disk_serial(name)} for name in guest.disks},
        "interfaces": {
            interface.network: {
                "mac": interface.mac,
                "address": str(interface.address),
                "gateway": str(interface.gateway or ""),
                "resolver": str(interface.resolver or ""),
                "domain": interface.domain or "",
                "mtu": interface.mtu or 0,
                "link": guest.networks[interface.network].link,
                "position": position,
            }
            for position, interface in enumerate(interfaces(environment, guest), 1)
        },
        "authorized_key": hashlib.sha256(inputs.authorized_key.encode()).hexdigest() if inputs.authorized_key else "",
        "autostart": guest.autostart,
        "persistent": True,
        "edited": {part: [] for part in PARTS},
    }


def _vcpus_max(guest: Guest, virt_type: str) -> int:
    """A software emulated guest of one processor gets a second one that stays unplugged.

    With no more than one, QEMU 7.2 emulates atomic instructions by other code, in which cmpxchg16b corrupts flags:
    Linux 6.12 died of it while booting (measured, 3 of 3), and programs, HAProxy among them, need it too.
    """
    declared = guest.vcpus_max or guest.vcpus
    return max(declared, 2) if virt_type == "qemu" else declared


def _whole_kib(size: int) -> int:
    return -(-size // _KIB) * _KIB


def domain_of(environment: str, guest: str, spec: Tree, stored: StoredImage, files: Mapping[str, Path]) -> Domain:
    """The domain that *spec* asks for, over *stored*. *files*: paths of its ``disk``, ``seed`` and ``console``, and of
    each data disk as ``disks.<name>``."""
    attached: Mapping[str, Tree] = spec["interfaces"]
    return Domain(
        name=naming.libvirt_name(environment, guest),
        uuid=str(naming.object_uuid(environment, "guest", guest)),
        description=spec["description"],
        virt_type=spec["virt_type"],
        vcpus=spec["vcpus"],
        vcpus_max=spec["vcpus_max"],
        memory=spec["memory"],
        memory_max=spec["memory_max"],
        boot=_boot(guest, stored, spec),
        disks={
            "vda": DomainDisk(path=str(files["disk"]), format="qcow2"),
            "vdb": DomainDisk(path=str(files["seed"]), format="raw", serial=SEED_SERIAL, readonly=True),
            **{
                naming.disk_target(name): DomainDisk(
                    path=str(files[f"disks.{name}"]), format="qcow2", serial=disk["serial"]
                )
                for name, disk in spec["disks"].items()
            },
        },
        interfaces=tuple(
            DomainInterface(
                network=naming.libvirt_name(environment, network), mac=interface["mac"], link=interface["link"]
            )
            for network, interface in sorted(attached.items(), key=lambda item: item[1]["position"])
        ),
        console=str(files["console"]),
    )


def _boot(guest: str, stored: StoredImage, spec: Tree) -> Boot:
    """The name on the command line is the guest's from the first line of its log on, before the seed is read.

    Unpacking its kernel and moving it to a random address takes an emulated processor 0.7 s (measured); UEFI starts
    no other one.
    """
    if not (stored.kernel and stored.initrd):
        return Boot(firmware=spec["firmware"])
    emulated = spec["virt_type"] == "qemu"
    unpacked = stored.unpacked if emulated and spec["firmware"] == "bios" else None
    cmdline = " ".join(filter(None, (stored.cmdline, EMULATED if emulated else "", f"systemd.hostname={guest}")))
    kernel = str(unpacked or stored.kernel)
    return Boot(firmware=spec["firmware"], kernel=kernel, initrd=str(stored.initrd), cmdline=cmdline)


def observed_spec(environment: str, domain: Domain, mark: Mark) -> dict[str, Any]:
    """The canonical form of a domain that was read back, but for its state (``autostart``, ``persistent``) and for
    edits that no other leaf tells (``edited``).

    What its XML does not tell (image, key, addresses) is what was last applied.
    """
    return {
        "image": mark.applied.get("image", ""),
        "description": domain.description,
        "virt_type": domain.virt_type,
        "firmware": domain.boot.firmware,
        "vcpus": domain.vcpus,
        "vcpus_emulated": domain.vcpus if domain.virt_type == "qemu" else 0,
        "vcpus_max": domain.vcpus_max,
        "memory": domain.memory,
        "memory_max": domain.memory_max,
        "disks": _observed_disks(domain, mark),
        "interfaces": _observed_interfaces(environment, domain, mark),
        "authorized_key": mark.applied.get("authorized_key", ""),
    }


def spoken_for(environment: str, mark: Mark) -> frozenset[str]:
    """Devices, as :mod:`.domain_leaves` names them, whose absence ``disks`` and ``interfaces`` tell."""
    networks = (f"interface {naming.libvirt_name(environment, name)}" for name in mark.applied.get("interfaces", {}))
    return frozenset({*networks, *(f"disk {naming.disk_target(name)}" for name in mark.applied.get("disks", {}))})


def _observed_disks(domain: Domain, mark: Mark) -> dict[str, Any]:
    targets = {name: naming.disk_target(name) for name in mark.applied.get("disks", {})}
    return {name: {"serial": domain.disks[target].serial} for name, target in targets.items() if target in domain.disks}


def _observed_interfaces(environment: str, domain: Domain, mark: Mark) -> dict[str, Any]:
    """Of two on one network the first one is ours."""
    ours: Mapping[str, Tree] = mark.applied.get("interfaces", {})
    names = {naming.libvirt_name(environment, network): network for network in ours}
    found: dict[str, Any] = {}
    for position, interface in enumerate(domain.interfaces, 1):
        network = names.get(interface.network)
        if network and network not in found:
            told = {"mac": interface.mac, "link": interface.link, "position": position}
            found[network] = {**ours[network], **told}
    return found
