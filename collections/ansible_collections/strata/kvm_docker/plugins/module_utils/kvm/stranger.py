# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Somebody else's domain that has the name of a guest of ours: read as that guest, and made to give way to it.

libvirt cannot change a UUID, so its definition is removed and ours is made. What would be lost by that (snapshots, a
saved state, what a TPM keeps) is in the way; UEFI's variables are found again by the name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from .. import naming
from ..errors import HypervisorError
from ..folders import Folders
from ..guest.files import make_private, write_whole
from .disk_files import DiskFile, disk_files, disk_path, image_of
from .domain_leaves import beyond, definition_leaves
from .domain_xml import Domain, DomainInterface, parse_domain, render_domain
from .errors import unless_gone
from .guest_spec import observed_spec
from .mark import Mark, read_mark

if TYPE_CHECKING:
    import libvirt

    from .hypervisor import Hypervisor


def former_path(folders: Folders, environment: str, guest: str) -> Path:
    """The definition that *guest* had before it was adopted; the file goes with the guest."""
    return folders.environment(environment) / f"{guest}.adopted.xml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stranger:
    """*domain*, which is somebody else's, with its definition as XML (*root*) and as data.

    ``first_disk``: where the first disk of *guest* is. ``files``: what could be disks of it, by path.
    """

    environment: str
    guest: str
    domain: libvirt.virDomain
    root: Element
    definition: Domain
    first_disk: Path
    files: Mapping[Path, DiskFile]

    def spec(self, hypervisor: Hypervisor) -> dict[str, Any]:
        """The guest's canonical form, as far as the definition tells it; what ours has no place for is told as edits,
        as it goes. A disk is told by its serial number, so one without has the word for it."""
        disks = self._disks()
        first = disks.pop(next((target for target in disks if self._path(target) == self.first_disk), ""), None)
        found = {file.name.partition(".")[2]: self.definition.disks[target] for target, file in disks.items()}
        data = {name: replace(disk, serial=disk.serial or "none") for name, disk in found.items()}
        applied = {
            "image": image_of(hypervisor, first) if first else "",
            "disks": {name: {} for name in data},
            "interfaces": {network: {} for network in self._interfaces()},
        }
        told = replace(self.definition, disks={naming.disk_target(name): disk for name, disk in data.items()})
        return {**observed_spec(self.environment, told, Mark(environment="", applied=applied)), "edited": self._lost()}

    def obstacle(self) -> str:
        """Why the domain cannot be taken over as it is, and what to do; empty where it can."""
        name, mark = self.domain.name(), read_mark(self.root)
        if mark and mark.environment not in ("", self.environment):
            return f"it belongs to environment {mark.environment}. Choose another name, or remove it there."
        if self.domain.isActive():
            return f"it runs. Shut it down first (virsh shutdown {name})."
        if self.domain.hasManagedSaveImage():
            return f"its saved state would be lost. Start it and shut it down first (virsh start {name})."
        if kept := [*self.domain.snapshotListNames(), *_checkpoints(self.domain)]:
            return f"its snapshots would be lost ({', '.join(kept)}). Remove them first (virsh snapshot-delete {name})."
        if self.root.find("devices/tpm/backend[@type='emulator']") is not None:
            return f"what its TPM keeps would be lost. Take that out first (virsh edit {name})."
        return self._disk_in_the_way() or self._variables_in_the_way()

    def _disk_in_the_way(self) -> str:
        ours = self._disks()
        for target in self._targets():
            told = f"its disk {target} ({self.definition.disks[target].path or 'no file'})"
            if not self._path(target).is_file():
                return f"{told} is not there. Put it back, or take it out of the definition (virsh edit)."
            if target not in ours:
                places = f"{self.first_disk}, and {self.guest}.<disk>.qcow2 for data"
                return (
                    f"{told} is not at the place of one of this guest: {places}. Move it, or take it out (virsh edit)."
                )
            if self.definition.disks[target].format != "qcow2":
                return f"{told} is not said to be qcow2. Correct that first (virsh edit)."
        if self.first_disk not in map(self._path, ours):
            return f"it does not have the first disk of this guest, {self.first_disk}. Remove it, or add that to it."
        return ""

    def _variables_in_the_way(self) -> str:
        nvram, name = self.root.find("os/nvram"), f"{self.domain.name()}_VARS"
        path = "" if nvram is None else (nvram.text or "").strip()
        if not path or Path(path).name.startswith(f"{name}."):
            return ""
        return f"its UEFI variables, {path}, would not be found. Rename that file first ({name}.fd; virsh edit)."

    def _targets(self) -> list[str]:
        """Its disks, without media that are only read."""
        return [target for target, disk in self.definition.disks.items() if not disk.readonly]

    def _path(self, target: str) -> Path:
        return Path(self.definition.disks[target].path)

    def _disks(self) -> dict[str, DiskFile]:
        """Those that can be the guest's, by target."""
        return {target: self.files[path] for target in self._targets() if (path := self._path(target)) in self.files}

    def _interfaces(self) -> dict[str, DomainInterface]:
        """The first one on each network with a name of ours."""
        prefix = naming.libvirt_name(self.environment, "")
        ours = [one for one in self.definition.interfaces if one.network.startswith(prefix)]
        return {one.network.removeprefix(prefix): one for one in reversed(ours)}

    def _lost(self) -> dict[str, list[str]]:
        """What it says that we would not say of the same guest."""
        disks = {target: self.definition.disks[target] for target in self._disks()}
        kept = replace(self.definition, disks=disks, interfaces=tuple(self._interfaces().values()))
        ours = ElementTree.fromstring(render_domain(kept, Mark(environment="", applied={})))
        return beyond(definition_leaves(self.root), definition_leaves(ours))


def find_stranger(hypervisor: Hypervisor, environment: str, guest: str, domain: libvirt.virDomain) -> Stranger:
    """*domain*, which has the name of *guest*."""
    import libvirt

    root = ElementTree.fromstring(domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE))
    named = (file for file in disk_files(hypervisor, environment) if file.name.partition(".")[0] == guest)
    return Stranger(
        environment=environment,
        guest=guest,
        domain=domain,
        root=root,
        definition=parse_domain(root),
        first_disk=disk_path(hypervisor.folders.pool(environment), guest),
        files={file.path: file for file in named},
    )


@contextmanager
def gives_way(hypervisor: Hypervisor, environment: str, guest: str) -> Iterator[None]:
    """Have the domain that is adopted out of the way of ours, which is defined within; it is back where that fails.

    What it was is written down first. Killed in between, the next run finds no domain, and makes ours over the disks.
    """
    import libvirt

    domain = unless_gone(hypervisor.connection.lookupByName, naming.libvirt_name(environment, guest))
    stranger = find_stranger(hypervisor, environment, guest, domain) if domain else None
    if stranger is None or is_ours(environment, guest, stranger.root):
        yield
        return
    if obstacle := stranger.obstacle():
        raise HypervisorError(f"guest {guest} cannot be taken over: {obstacle}")
    former = stranger.domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE | libvirt.VIR_DOMAIN_XML_SECURE)
    make_private(hypervisor.folders.environment(environment))
    write_whole(former_path(hypervisor.folders, environment, guest), former.encode())
    keep_tpm = getattr(libvirt, "VIR_DOMAIN_UNDEFINE_KEEP_TPM", 0)  # libvirt 8.9
    stranger.domain.undefineFlags(libvirt.VIR_DOMAIN_UNDEFINE_KEEP_NVRAM | keep_tpm)
    try:
        yield
    except BaseException:
        if unless_gone(hypervisor.connection.lookupByName, naming.libvirt_name(environment, guest)) is None:
            hypervisor.connection.defineXML(former)
        raise


def is_ours(environment: str, guest: str, root: Element) -> bool:
    """Whether both UUID and mark of the definition *root* say so."""
    mark, uuid = read_mark(root), str(naming.object_uuid(environment, "guest", guest))
    return bool(mark and mark.environment == environment and root.findtext("uuid") == uuid)


def _checkpoints(domain: libvirt.virDomain) -> list[str]:
    """libvirt's test driver knows none."""
    import libvirt

    try:
        return [str(checkpoint.getName()) for checkpoint in domain.listAllCheckpoints()]
    except libvirt.libvirtError as error:
        if error.get_error_code() != libvirt.VIR_ERR_NO_SUPPORT:
            raise
        return []
