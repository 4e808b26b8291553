# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Domains as libvirt writes them (https://libvirt.org/formatdomain.html) and as data. No I/O.

:func:`parse_domain` reads back what :func:`render_domain` writes; what libvirt adds (controllers, addresses, aliases)
does not count.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree.ElementTree import Element, SubElement

from .mark import Mark, mark_element, to_text

#: ``pc`` has its devices on one bus: no bridge a device as ``q35`` has, so fewer to probe at boot. libvirt writes the
#: version of the machine down when it defines a domain.
MACHINE = "pc"
_KIB = 1024

#: What ``qemu64`` lacks of x86-64-v2, which images of Red Hat's family demand, and AES, which doubles what SSH gets
#: through (AES-GCM, measured) and costs the boot nothing.
EMULATED_FEATURES = ("ssse3", "sse4.1", "sse4.2", "popcnt", "aes", "pclmuldq")


@dataclass(frozen=True, slots=True, kw_only=True)
class Boot:
    """``firmware``: ``bios`` or ``uefi``. The rest is the kernel that QEMU starts itself; empty where the firmware
    starts the disk."""

    firmware: str = "bios"
    kernel: str = ""
    initrd: str = ""
    cmdline: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainDisk:
    """``path``: the file. ``format``: ``qcow2`` or ``raw``."""

    path: str
    format: str
    serial: str = ""
    readonly: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainInterface:
    """``network``: name in libvirt. ``link``: ``up`` or ``down``."""

    network: str
    mac: str
    link: str = "up"


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """What we say of a domain. ``memory``, ``memory_max``: bytes, whole KiB. ``disks``: by target device.
    ``console``: log file."""

    name: str
    uuid: str
    description: str
    virt_type: str
    vcpus: int
    vcpus_max: int
    memory: int
    memory_max: int
    boot: Boot
    disks: dict[str, DomainDisk]
    interfaces: tuple[DomainInterface, ...]
    console: str


def render_domain(domain: Domain, mark: Mark) -> str:
    """The XML that defines *domain*."""
    root = Element("domain", type=domain.virt_type)
    _text(root, "name", domain.name)
    _text(root, "uuid", domain.uuid)
    if domain.description:
        _text(root, "description", domain.description)
    _text(root, "genid", domain.uuid)  # libvirt draws another for a copy, whose kernel then begins new random numbers
    root.append(mark_element(mark))
    _text(root, "memory", str(domain.memory_max // _KIB), unit="KiB")
    _text(root, "currentMemory", str(domain.memory // _KIB), unit="KiB")
    _text(root, "vcpu", str(domain.vcpus_max), current=str(domain.vcpus))
    root.append(_os(domain.boot))
    SubElement(root, "features").extend((Element("acpi"), Element("apic")))
    root.append(_cpu(domain.virt_type))
    root.append(_clock())
    _text(root, "on_poweroff", "destroy")
    _text(root, "on_reboot", "restart")
    _text(root, "on_crash", "destroy")
    SubElement(root, "devices").extend(_devices(domain))
    return to_text(root)


def _text(parent: Element, tag: str, text: str, **attributes: str) -> None:
    SubElement(parent, tag, attributes).text = text


def _os(boot: Boot) -> Element:
    uefi = boot.firmware == "uefi"
    element = Element("os", {"firmware": "efi"} if uefi else {})
    _text(element, "type", "hvm", arch="x86_64", machine=MACHINE)
    if uefi:
        SubElement(SubElement(element, "firmware"), "feature", enabled="no", name="secure-boot")
    for tag, value in (("kernel", boot.kernel), ("initrd", boot.initrd), ("cmdline", boot.cmdline)):
        if value:
            _text(element, tag, value)
    if not boot.kernel:
        SubElement(element, "boot", dev="hd")
    if not (boot.kernel or uefi):
        SubElement(element, "bios", useserial="yes")  # its "No bootable device" is how a broken image is told
    return element


def _cpu(virt_type: str) -> Element:
    """Software emulation gets a plain processor: every feature of QEMU's (``maximum``) boots no faster (measured)."""
    if virt_type == "kvm":
        return Element("cpu", mode="host-passthrough")
    cpu = Element("cpu", mode="custom", match="exact", check="none")
    _text(cpu, "model", "qemu64", fallback="allow")
    cpu.extend(Element("feature", policy="require", name=name) for name in EMULATED_FEATURES)
    return cpu


def _clock() -> Element:
    clock = Element("clock", offset="utc")
    SubElement(clock, "timer", name="rtc", tickpolicy="catchup")
    SubElement(clock, "timer", name="hpet", present="no")
    return clock


def _devices(domain: Domain) -> Iterator[Element]:
    """No display, no sound, no USB: nothing that a guest would probe for nothing."""
    yield Element("controller", type="usb", model="none")
    for target, disk in domain.disks.items():
        yield render_disk(target, disk)
    for interface in domain.interfaces:
        yield render_interface(interface)
    serial = Element("serial", type="pty")
    SubElement(serial, "log", file=domain.console, append="off")
    SubElement(serial, "target", port="0")
    yield serial
    rng = Element("rng", model="virtio")
    _text(rng, "backend", "/dev/urandom", model="random")
    yield rng
    yield Element("memballoon", model="virtio")


def render_disk(target: str, disk: DomainDisk) -> Element:
    """``writeback``: what the guest flushes is on the host's disk, what it does not flush may wait in memory."""
    element = Element("disk", type="file", device="disk")
    driver = SubElement(element, "driver", name="qemu", type=disk.format)
    if not disk.readonly:
        driver.attrib.update(cache="writeback", discard="unmap")
    SubElement(element, "source", file=disk.path)
    SubElement(element, "target", dev=target, bus="virtio")
    if disk.serial:
        _text(element, "serial", disk.serial)
    if disk.readonly:
        SubElement(element, "readonly")
    return element


def render_interface(interface: DomainInterface) -> Element:
    """Without its boot ROM: nothing boots from the network, and loading it takes time."""
    element = Element("interface", type="network")
    SubElement(element, "mac", address=interface.mac)
    SubElement(element, "source", network=interface.network)
    SubElement(element, "model", type="virtio")
    if interface.link != "up":
        SubElement(element, "link", state=interface.link)
    SubElement(element, "rom", enabled="no")
    return element


def parse_domain(root: Element) -> Domain:
    """The domain that the XML *root* defines, as far as we say anything of one."""
    return Domain(
        name=root.findtext("name", ""),
        uuid=root.findtext("uuid", ""),
        description=root.findtext("description", ""),
        virt_type=root.get("type", ""),
        vcpus=_vcpus(root),
        vcpus_max=int(root.findtext("vcpu") or 1),
        memory=_memory(root),
        memory_max=int(root.findtext("memory") or 0) * _KIB,
        boot=Boot(
            firmware=firmware_of(root),
            kernel=root.findtext("os/kernel", ""),
            initrd=root.findtext("os/initrd", ""),
            cmdline=root.findtext("os/cmdline", ""),
        ),
        disks=dict(_parse_disks(root)),
        interfaces=tuple(_parse_interfaces(root)),
        console=_attribute(root.find("devices/serial/log"), "file"),
    )


def firmware_of(root: Element) -> str:
    """A definition leaves the choice of the file to libvirt; a running domain names it."""
    chosen = _attribute(root.find("os"), "firmware") == "efi" or _attribute(root.find("os/loader"), "type") == "pflash"
    return "uefi" if chosen else "bios"


def _vcpus(root: Element) -> int:
    vcpu = root.find("vcpu")
    return 1 if vcpu is None else int(vcpu.get("current") or vcpu.text or 1)


def _memory(root: Element) -> int:
    """What the guest has, which may be less than it could have. libvirt tells both in KiB."""
    return int(root.findtext("currentMemory") or root.findtext("memory") or 0) * _KIB


def _parse_disks(root: Element) -> Iterator[tuple[str, DomainDisk]]:
    for disk in root.findall("devices/disk"):
        yield (
            _attribute(disk.find("target"), "dev"),
            DomainDisk(
                path=_attribute(disk.find("source"), "file"),
                format=_attribute(disk.find("driver"), "type"),
                serial=disk.findtext("serial", ""),
                readonly=disk.find("readonly") is not None,
            ),
        )


def _parse_interfaces(root: Element) -> Iterator[DomainInterface]:
    for interface in root.findall("devices/interface"):
        yield DomainInterface(
            network=_attribute(interface.find("source"), "network"),
            mac=_attribute(interface.find("mac"), "address"),
            link=_attribute(interface.find("link"), "state") or "up",
        )


def _attribute(element: Element | None, name: str) -> str:
    return "" if element is None else element.get(name, "")
