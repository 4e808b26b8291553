# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stopped embedded hypervisor, as a preview looks at it: its definitions behind libvirt's test driver, in memory.

Good for what is there and whose it is; of a domain no more than that is read, as the driver knows neither machines nor
devices of QEMU.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from ..folders import Folders
from .connection import connect
from .errors import libvirt_errors
from .mark import to_text

if TYPE_CHECKING:
    import libvirt

_OF_A_DOMAIN = ("name", "uuid", "metadata", "memory", "vcpu")


def connect_to_definitions(folders: Folders) -> libvirt.virConnect:
    """A connection on which all that libvirt has written down is defined, and nothing runs."""
    with tempfile.NamedTemporaryFile("w", prefix="strata-", suffix=".xml") as node:
        node.write("<node/>")
        node.flush()
        connection = connect(f"test://{node.name}")
    etc = folders.hypervisor / "etc"
    with libvirt_errors(f"definitions in {etc}"):
        for path in _files(etc / "storage"):
            connection.storagePoolDefineXML(path.read_text("utf-8"))
        for path in _files(etc / "qemu" / "networks"):
            connection.networkDefineXML(path.read_text("utf-8"))
        for path in _files(etc / "qemu"):
            connection.defineXML(_domain(path))
    return connection


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.xml"))


def _domain(path: Path) -> str:
    root = ElementTree.parse(path).getroot()
    root.attrib = {"type": "test"}
    for part in [part for part in root if part.tag not in _OF_A_DOMAIN]:
        root.remove(part)
    ElementTree.SubElement(ElementTree.SubElement(root, "os"), "type").text = "hvm"
    return to_text(root)
