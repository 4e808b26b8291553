# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the memory of a guest is bound to beside its declaration: the programs and the processor that ran it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from ..digests import sha256_file
from ..kvm.domain_xml import MACHINE
from ..kvm.errors import libvirt_errors

if TYPE_CHECKING:
    from ..kvm.hypervisor import Hypervisor

#: Of checkpoints; one of another format is not used.
FORMAT = "1"


def abi_of(hypervisor: Hypervisor, virt_type: str) -> dict[str, str]:
    """Versions of libvirt and QEMU, the emulator's own digest, the machine; under KVM the host's processor too, as
    guests have that one.

    Software emulation has a processor of its own, so such a checkpoint may go to another machine.
    """
    with libvirt_errors("the hypervisor's capabilities"):
        told = hypervisor.connection.getDomainCapabilities(None, "x86_64", MACHINE, virt_type)
        qemu = hypervisor.connection.getVersion()
        host = hypervisor.connection.getCapabilities() if virt_type == "kvm" else ""
        capabilities = ElementTree.fromstring(told)
        emulator = Path(capabilities.findtext("path", ""))
        return {
            "format": FORMAT,
            "libvirt": hypervisor.version(),
            "QEMU": f"{qemu // 10**6}.{qemu // 1000 % 1000}.{qemu % 1000}",
            "emulator": _file_digest(hypervisor.seen(emulator)),
            "machine": capabilities.findtext("machine", ""),
            "virt_type": virt_type,
            "processor": processor_of(ElementTree.fromstring(host)) if host else "",
        }


def processor_of(capabilities: Element) -> str:
    """The model of the host's processor, with a digest of its features
    (https://libvirt.org/formatcaps.html#host-capabilities). Pure."""
    cpu = capabilities.find("host/cpu")
    if cpu is None:
        return "unknown"
    features = sorted(feature.get("name", "") for feature in cpu.findall("feature"))
    microcode = cpu.find("microcode")
    told = [*features, "" if microcode is None else microcode.get("version", "")]
    return f"{cpu.findtext('model', '')} {hashlib.sha256(' '.join(told).encode()).hexdigest()[:16]}"


def _file_digest(path: Path) -> str:
    """Of a distribution's update of QEMU that has the same version."""
    return sha256_file(path)[:16]
