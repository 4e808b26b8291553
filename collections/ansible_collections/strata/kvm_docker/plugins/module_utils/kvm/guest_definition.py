# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a guest is defined: its files, the XML of its domain, and the note of how libvirt wrote that down."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from .. import naming
from ..declare.environment import Environment, Guest
from ..folders import Folders
from ..guest.console import console_path
from ..inputs import Inputs
from .disk_files import data_disk_path, disk_path
from .domain_leaves import definition_leaves
from .domain_xml import render_domain
from .guest_spec import domain_of, guest_spec
from .mark import Mark, bare_mark

if TYPE_CHECKING:
    import libvirt

    from ..guest.image_store import StoredImage


def seed_path(folders: Folders, environment: str, guest: str) -> Path:
    """The seed of *guest*, beside its disk."""
    return folders.pool(environment) / f"{guest}.seed"


def guest_files(environment: Environment, guest: Guest, folders: Folders) -> dict[str, Path]:
    """Paths of the ``disk``, ``seed`` and ``console`` of *guest*, and of each data disk as ``disks.<name>``. Pure."""
    return {
        "disk": disk_path(folders.pool(environment.name), guest.name),
        "seed": seed_path(folders, environment.name, guest.name),
        "console": console_path(folders, environment.name, guest.name),
        **{f"disks.{name}": data_disk_path(environment, folders, guest, name) for name in guest.disks},
    }


def domain_xml_of(environment: Environment, guest: Guest, inputs: Inputs, stored: StoredImage, folders: Folders) -> str:
    """The XML that defines the domain of *guest* over *stored*, its image in the store. Pure.

    It does not say ``autostart``, and its mark is whole only after :func:`note_written`.
    """
    spec = guest_spec(environment, guest, inputs)
    domain = domain_of(environment.name, guest.name, spec, stored, guest_files(environment, guest, folders))
    return render_domain(domain, Mark(environment=environment.name, applied=spec))


def note_written(domain: libvirt.virDomain, mark: Mark) -> None:
    """Put *mark* on a domain that was just defined, with how libvirt wrote it down: what else is there later is an
    edit."""
    import libvirt

    root = ElementTree.fromstring(domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE))
    element = bare_mark(replace(mark, written=definition_leaves(root)))
    domain.setMetadata(
        libvirt.VIR_DOMAIN_METADATA_ELEMENT, element, "strata", naming.XML_NAMESPACE, libvirt.VIR_DOMAIN_AFFECT_CONFIG
    )
