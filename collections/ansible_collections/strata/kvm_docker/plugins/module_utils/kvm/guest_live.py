# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes of a guest while it runs: what libvirt can do to a live domain, and the guest's own part in it.

The live domain comes first and its definition after it: killed in between, the next run still sees what is to be done.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from ..declare import environment as model
from ..errors import GuestError, HypervisorError
from ..guest import inside
from ..progress import Progress
from .domain_xml import Domain, parse_domain, render_disk, render_interface
from .mark import to_text

if TYPE_CHECKING:
    import libvirt

    from ..guest.ssh import Shell
    from .hypervisor import Hypervisor

_KIB = 1024
#: Seconds that a guest has to give a device back, and its balloon to reach the size that was asked for.
RELEASE_TIMEOUT = 15.0
_BALLOON_TIMEOUT = 5.0
_LOOK = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveGuest:
    """A running guest. ``ours``: its image is one that we build, so its inside is known."""

    hypervisor: Hypervisor
    domain: libvirt.virDomain
    environment: model.Environment
    guest: model.Guest
    ours: bool
    progress: Progress


class NotFollowedError(HypervisorError):
    """The guest does not take the change over while it runs; it does at its next start."""


def follow(live: LiveGuest, wanted: Domain) -> None:
    """Bring the running domain to *wanted*, as far as that changes while it runs.

    Raises :class:`NotFollowedError` where the guest has to be restarted for it after all.
    """
    root = ElementTree.fromstring(live.domain.XMLDesc())
    now = parse_domain(root)
    if now.description != wanted.description:
        _describe(live.domain, wanted.description)
    _memory(live, now, wanted)
    _processors(live, now, wanted)
    _links(live, root, wanted)
    _interfaces(live, root, wanted)
    _disks(live, root, wanted)


def release(domain: libvirt.virDomain, shell: Shell | None, target: str) -> None:
    """Have the guest give back the data disk at *target*; nothing happens where it has none there.

    Raises :class:`NotFollowedError` where it does not let go of it.
    """
    root = ElementTree.fromstring(domain.XMLDesc())
    element = next((disk for disk in root.findall("devices/disk") if _target(disk) == target), None)
    if element is None:
        return
    serial = element.findtext("serial", "")
    if shell:
        inside.release_disk(shell, serial)
    _unplug(domain, element, f"disk {serial}", "disk", target)


def _describe(domain: libvirt.virDomain, text: str) -> None:
    import libvirt

    domain.setMetadata(
        libvirt.VIR_DOMAIN_METADATA_DESCRIPTION, text or None, None, None, libvirt.VIR_DOMAIN_AFFECT_LIVE
    )


def _memory(live: LiveGuest, now: Domain, wanted: Domain) -> None:
    """The balloon's driver in the guest does it; without one it has the new size from its next start on."""
    import libvirt

    if now.memory == wanted.memory or wanted.memory > now.memory_max:
        return
    live.domain.setMemoryFlags(wanted.memory // _KIB, libvirt.VIR_DOMAIN_AFFECT_LIVE)
    until = time.monotonic() + _BALLOON_TIMEOUT
    while time.monotonic() < until:
        if parse_domain(ElementTree.fromstring(live.domain.XMLDesc())).memory == wanted.memory:
            return
        time.sleep(_LOOK)
    _tell(live, "its memory has not followed yet; where it has no balloon driver, it does at the next start")


def _processors(live: LiveGuest, now: Domain, wanted: Domain) -> None:
    import libvirt

    if not now.vcpus < wanted.vcpus <= now.vcpus_max:
        return
    live.domain.setVcpusFlags(wanted.vcpus, libvirt.VIR_DOMAIN_AFFECT_LIVE)
    shell = _shell(live)
    if shell is None:
        _tell(live, "its new processors are plugged in; it was not reached to take them into use")
        return
    try:
        inside.use_processors(shell, wanted.vcpus)
    except GuestError as error:
        raise NotFollowedError("it does not take its new processors into use") from error


def _links(live: LiveGuest, root: Element, wanted: Domain) -> None:
    import libvirt

    links = {interface.mac: interface.link for interface in wanted.interfaces}
    for element in root.findall("devices/interface"):
        state = links.get(_mac(element))
        link = element.find("link")
        if state is None or state == ("up" if link is None else link.get("state")):
            continue
        (SubElement(element, "link") if link is None else link).set("state", state)
        live.domain.updateDeviceFlags(to_text(element), libvirt.VIR_DOMAIN_AFFECT_LIVE)


def _interfaces(live: LiveGuest, root: Element, wanted: Domain) -> None:
    """The guest hears of them before they come and after they went."""
    import libvirt

    there = {_mac(element): element for element in root.findall("devices/interface")}
    macs = {interface.mac for interface in wanted.interfaces}
    new = [interface for interface in wanted.interfaces if interface.mac not in there]
    gone = {mac: element for mac, element in there.items() if mac not in macs}
    if not (new or gone):
        return
    shell = _shell(live)
    if shell is None:
        raise NotFollowedError("it could not be told of its new network interfaces while it runs")
    for mac, element in gone.items():
        _unplug(live.domain, element, f"interface {mac}", "interface", mac)
    names = [network for network in live.environment.networks if network not in live.guest.networks]
    inside.configure_interfaces(shell, _network_files(live), names)
    for interface in new:
        live.domain.attachDeviceFlags(to_text(render_interface(interface)), libvirt.VIR_DOMAIN_AFFECT_LIVE)


def _network_files(live: LiveGuest) -> dict[str, bytes]:
    from ..guest.seed import network_files

    return {path: file.content for path, file in network_files(live.environment, live.guest).items()}


def _disks(live: LiveGuest, root: Element, wanted: Domain) -> None:
    """Data disks only: the first disk and the seed never change while the guest runs."""
    import libvirt

    there = {_target(element) for element in root.findall("devices/disk")}
    for target in there:
        if target not in wanted.disks:
            release(live.domain, _shell(live), target)
    for target, disk in wanted.disks.items():
        if target not in there:
            live.domain.attachDeviceFlags(to_text(render_disk(target, disk)), libvirt.VIR_DOMAIN_AFFECT_LIVE)


def _unplug(domain: libvirt.virDomain, element: Element, what: str, tag: str, name: str) -> None:
    """The guest has to agree: libvirt asks, and the device is gone when the guest has let it go."""
    import libvirt

    try:
        domain.detachDeviceFlags(to_text(element), libvirt.VIR_DOMAIN_AFFECT_LIVE)
    except libvirt.libvirtError as error:
        if error.get_error_code() == libvirt.VIR_ERR_DEVICE_MISSING:
            return
        raise NotFollowedError(f"it does not let go of its {what} ({error.get_error_message()})") from error
    until = time.monotonic() + RELEASE_TIMEOUT
    while name in _names(domain, tag):
        if time.monotonic() > until:
            raise NotFollowedError(f"it does not let go of its {what}")
        time.sleep(_LOOK)


def _names(domain: libvirt.virDomain, tag: str) -> Iterator[str]:
    name = _target if tag == "disk" else _mac
    return (name(element) for element in ElementTree.fromstring(domain.XMLDesc()).findall(f"devices/{tag}"))


def _shell(live: LiveGuest) -> Shell | None:
    if not live.ours:
        return None
    return inside.reach(live.hypervisor.folders, live.environment.name, live.guest.name)


def _tell(live: LiveGuest, message: str) -> None:
    live.progress.report(f"guest {live.guest.name}", "progress", message)


def _mac(interface: Element) -> str:
    element = interface.find("mac")
    return "" if element is None else element.get("address", "")


def _target(disk: Element) -> str:
    element = disk.find("target")
    return "" if element is None else element.get("dev", "")
