# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The power of a domain, and what it takes to undefine it: each function may be called again after a crash."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from .. import naming
from .errors import unless_gone

if TYPE_CHECKING:
    import libvirt

    from .hypervisor import Hypervisor


#: Seconds that a guest has to shut down by itself; under software emulation a Docker host takes 10 to 20.
SHUTDOWN_TIMEOUT = 90.0
#: A guest that is still booting misses the power button: it is pressed again after so many seconds.
_PRESS_AGAIN = 5.0
_LOOK = 0.2


def find_domain(hypervisor: Hypervisor, environment: str, guest: str) -> libvirt.virDomain | None:
    """The domain of *guest*; ``None`` where there is none."""
    uuid = naming.object_uuid(environment, "guest", guest)
    return unless_gone(hypervisor.connection.lookupByUUIDString, str(uuid))


def described(domain: libvirt.virDomain) -> Element:
    """The XML of *domain* as it is now; an empty ``<domain>`` where it has gone away meanwhile."""
    return ElementTree.fromstring(unless_gone(domain.XMLDesc) or "<domain/>")


def power_on(domain: libvirt.virDomain) -> None:
    """Have the domain run: started, let go on where it is paused, woken where it sleeps."""
    import libvirt

    state = _state(domain)
    if state == libvirt.VIR_DOMAIN_PAUSED:
        domain.resume()
    elif state == libvirt.VIR_DOMAIN_PMSUSPENDED:
        domain.pMWakeup()
    elif not _active(domain):
        _unless(domain.create, libvirt.VIR_ERR_OPERATION_INVALID, lambda: _active(domain))


def is_running(domain: libvirt.virDomain) -> bool:
    """Whether its virtual CPUs run."""
    import libvirt

    return _state(domain) in (libvirt.VIR_DOMAIN_RUNNING, libvirt.VIR_DOMAIN_BLOCKED, libvirt.VIR_DOMAIN_SHUTDOWN)


def shut_down(domain: libvirt.virDomain) -> bool:
    """Press the power button and wait; cut the power when the time is up. ``False`` where it had to be cut."""
    until, pressed = time.monotonic() + SHUTDOWN_TIMEOUT, 0.0
    while is_running(domain) and time.monotonic() < until:
        if time.monotonic() - pressed > _PRESS_AGAIN:
            pressed = time.monotonic()
            _press(domain)
        time.sleep(_LOOK)
    gone = not _active(domain)
    cut_power(domain)
    return gone


def _press(domain: libvirt.virDomain) -> None:
    import libvirt

    _unless(domain.shutdown, libvirt.VIR_ERR_OPERATION_INVALID, lambda: not _active(domain))


def cut_power(domain: libvirt.virDomain) -> None:
    """Have the domain off at once, a saved state forgotten: it fits no other definition and no other disk."""
    import libvirt

    if _active(domain):
        _unless(domain.destroy, libvirt.VIR_ERR_OPERATION_INVALID, lambda: not _active(domain))
    if _state(domain) is not None and domain.hasManagedSaveImage():
        domain.managedSaveRemove()


def undefine(domain: libvirt.virDomain) -> None:
    """Cut the power and remove the definition with all that libvirt keeps beside it (snapshots, checkpoints, UEFI
    variables, the state of its TPM); its disks stay."""
    import libvirt

    cut_power(domain)
    if _state(domain) is not None:
        domain.undefineFlags(
            libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE
            | libvirt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA
            | libvirt.VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA
            | libvirt.VIR_DOMAIN_UNDEFINE_NVRAM
            | getattr(libvirt, "VIR_DOMAIN_UNDEFINE_TPM", 0)  # libvirt 8.9
        )


def _active(domain: libvirt.virDomain) -> bool:
    """Both have to say so: one that ends is refused as not running a moment before its state tells."""
    import libvirt

    on = _state(domain) not in (None, libvirt.VIR_DOMAIN_SHUTOFF, libvirt.VIR_DOMAIN_CRASHED)
    return on and bool(unless_gone(domain.isActive))


def _state(domain: libvirt.virDomain) -> int | None:
    """One of ``virDomainState``; ``None`` for a domain without definition, which vanished with its power."""
    told = unless_gone(domain.state)
    return int(told[0]) if told else None


def _unless(act: Callable[[], object], code: int, reached: Callable[[], bool]) -> None:
    """*act*; the error *code* is fine where what it is for has been reached meanwhile."""
    import libvirt

    try:
        act()
    except libvirt.libvirtError as error:
        if error.get_error_code() not in (code, libvirt.VIR_ERR_NO_DOMAIN) or not reached():
            raise
