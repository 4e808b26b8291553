# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A guest's canonical form: as it is declared, as a domain to define, and as read back. No I/O."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import naming
from ..declare.environment import Environment, Guest
from ..guest.interfaces import interfaces
from ..inputs import Inputs
from ..plan.model import Tree
from .domain_xml import Boot, Domain, DomainDisk, DomainInterface
from .mark import Mark

if TYPE_CHECKING:
    from ..guest.image_store import StoredImage

#: Serial number of the seed's disk, by which the guest finds it.
SEED_SERIAL = "strata-seed"
#: Kernel parameters of a guest that QEMU emulates; what each saves was measured.
#: It translates the same code at another address anew, so with random addresses every process starts with cold code:
#: starting one takes 2.5 times, a container 1.5 times as long. An emulated processor does not speculate;
#: defences against that cost 15 %. Namespaces and networks of a container wait for grace periods of RCU: 10 %.
EMULATED = "norandmaps mitigations=off rcupdate.rcu_expedited=1"
_KIB = 1024


def guest_spec(environment: Environment, guest: Guest, inputs: Inputs) -> dict[str, Any]:
    """The canonical form of a declared guest.

    ``memory``: bytes, rounded up to the KiB that libvirt counts in. ``interfaces``: by network: ``mac``, ``position``,
    and what the seed tells the guest of it, which a restart has it read. ``authorized_key``: digest of the key that
    opens the guest. ``edited``: parts of the definition that somebody else has changed; there are to be none.
    """
    return {
        "image": inputs.guest_images[guest.image],
        "virt_type": inputs.virt_type,
        "vcpus": guest.vcpus,
        "memory": -(-guest.memory // _KIB) * _KIB,
        "interfaces": {
            interface.network: {
                "mac": interface.mac,
                "address": str(interface.address),
                "gateway": str(interface.gateway or ""),
                "resolver": str(interface.resolver or ""),
                "domain": interface.domain or "",
                "mtu": interface.mtu or 0,
                "position": position,
            }
            for position, interface in enumerate(interfaces(environment, guest), 1)
        },
        "authorized_key": hashlib.sha256(inputs.authorized_key.encode()).hexdigest() if inputs.authorized_key else "",
        "autostart": True,
        "persistent": True,
        "edited": [],
    }


def domain_of(environment: str, guest: str, spec: Tree, stored: StoredImage, files: Mapping[str, Path]) -> Domain:
    """The domain that *spec* asks for, over *stored*. *files*: paths of its ``disk``, ``seed`` and ``console``."""
    attached: Mapping[str, Tree] = spec["interfaces"]
    return Domain(
        name=naming.libvirt_name(environment, guest),
        uuid=str(naming.object_uuid(environment, "guest", guest)),
        virt_type=spec["virt_type"],
        vcpus=spec["vcpus"],
        memory=spec["memory"],
        boot=_boot(guest, stored, spec["virt_type"]),
        disks={
            "vda": DomainDisk(path=str(files["disk"]), format="qcow2"),
            "vdb": DomainDisk(path=str(files["seed"]), format="raw", serial=SEED_SERIAL, readonly=True),
        },
        interfaces=tuple(
            DomainInterface(network=naming.libvirt_name(environment, network), mac=interface["mac"])
            for network, interface in sorted(attached.items(), key=lambda item: item[1]["position"])
        ),
        console=str(files["console"]),
    )


def _boot(guest: str, stored: StoredImage, virt_type: str) -> Boot:
    """The name on the command line is the guest's from the first line of its log on, before the seed is read."""
    if not (stored.kernel and stored.initrd):
        return Boot()
    emulated = EMULATED if virt_type == "qemu" else ""
    cmdline = " ".join(filter(None, (stored.cmdline, emulated, f"systemd.hostname={guest}")))
    return Boot(kernel=str(stored.kernel), initrd=str(stored.initrd), cmdline=cmdline)


def written(domain: Domain) -> dict[str, Any]:
    """The parts of *domain* that no declaration tells: they are compared with what we last wrote."""
    tree = asdict(domain)
    return {part: tree[part] for part in ("boot", "disks", "console")}


def observed_spec(environment: str, domain: Domain, mark: Mark) -> dict[str, Any]:
    """The canonical form of a domain that was read back, but for its state (``autostart``, ``persistent``).

    What its XML does not tell (image, key, addresses) is what was last applied.
    """
    ours: Mapping[str, Tree] = mark.applied.get("interfaces", {})
    names = {naming.libvirt_name(environment, network): network for network in ours}
    attached = {
        names[interface.network]: {**ours[names[interface.network]], "mac": interface.mac, "position": position}
        for position, interface in enumerate(domain.interfaces, 1)
        if interface.network in names
    }
    return {
        "image": mark.applied.get("image", ""),
        "virt_type": domain.virt_type,
        "vcpus": domain.vcpus,
        "memory": domain.memory,
        "interfaces": attached,
        "authorized_key": mark.applied.get("authorized_key", ""),
        "edited": _edited(domain, mark) + ["interfaces"] * (len(attached) < len(domain.interfaces)),
    }


def _edited(domain: Domain, mark: Mark) -> list[str]:
    now = written(domain)
    return [part for part in now if now[part] != mark.written.get(part, now[part])]
