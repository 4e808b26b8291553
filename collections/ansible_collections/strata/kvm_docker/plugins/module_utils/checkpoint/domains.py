# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Domains of guests and the files that their memory is saved in."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from ..errors import CheckpointError
from ..kvm.domain import is_running
from ..kvm.mark import to_text

if TYPE_CHECKING:
    import libvirt

#: Seconds that libvirt may need to finish what it was asked by a run that was killed.
_JOB = 300.0
#: Seconds between two looks at that.
_LOOK = 0.2


def save(domain: libvirt.virDomain, path: Path) -> None:
    """Write the memory of a suspended *domain* to *path*; it is off then, and stays defined."""
    import libvirt

    domain.saveFlags(str(path), None, libvirt.VIR_DOMAIN_SAVE_PAUSED)


def restore(domain: libvirt.virDomain, path: Path, places: Mapping[str, str]) -> None:
    """Have *domain* again as its memory is in *path*, suspended. *places*: folders that its definition names, as they
    were -> as they are. Raises :class:`CheckpointError` where the memory is another one's."""
    import libvirt

    connection = domain.connect()
    text = connection.saveImageGetXMLDesc(str(path), libvirt.VIR_DOMAIN_SAVE_IMAGE_XML_SECURE)
    if ElementTree.fromstring(text).findtext("uuid") != domain.UUIDString():
        raise CheckpointError(f"{path}: it holds the memory of another machine than {domain.name()}.")
    moved = at_places(text, places) if any(was != now for was, now in places.items()) else None
    connection.restoreFlags(str(path), moved, libvirt.VIR_DOMAIN_SAVE_PAUSED)


def at_places(text: str, places: Mapping[str, str]) -> str:
    """The domain XML *text* with every path below a folder of *places* being below its new one. Pure."""
    root = ElementTree.fromstring(text)
    for element in root.iter():
        for name, value in element.attrib.items():
            element.set(name, _moved(value, places))
        if element.text and element.text.startswith("/"):
            element.text = _moved(element.text, places)
    return to_text(root)


def _moved(value: str, places: Mapping[str, str]) -> str:
    """The longest folder counts: one may be in another."""
    for was in sorted(places, key=len, reverse=True):
        if value == was or value.startswith(f"{was}/"):
            return places[was] + value.removeprefix(was)
    return value


def resume(domain: libvirt.virDomain) -> None:
    """Have its processors run, if it is on."""
    if domain.isActive() and not is_running(domain):
        domain.resume()


def await_idle(domain: libvirt.virDomain) -> None:
    """Return once libvirt does nothing with *domain* any more: it finishes what a killed run had asked for."""
    until = time.monotonic() + _JOB
    while _busy(domain):
        if time.monotonic() > until:
            raise CheckpointError(f"domain {domain.name()}: libvirt still works on it after {_JOB:g} s. Run again.")
        time.sleep(_LOOK)


def _busy(domain: libvirt.virDomain) -> bool:
    """Whether libvirt works on it. It refuses to tell that of one which it is just ending."""
    import libvirt

    try:
        return bool(domain.isActive() and domain.jobInfo()[0] != libvirt.VIR_DOMAIN_JOB_NONE)
    except libvirt.libvirtError as error:
        if error.get_error_code() == libvirt.VIR_ERR_OPERATION_INVALID:
            return True
        if error.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN:
            return False
        raise
