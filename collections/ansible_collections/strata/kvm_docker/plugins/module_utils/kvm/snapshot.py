# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Snapshots of a guest: its disks, its definition and, where it runs, its memory, kept inside its qcow2 files.

Each act has a pure function beside it that tells from what was observed whether it would change anything, so that a
preview is exact: :func:`creation` (and :func:`refuse`), :func:`reversion`, :func:`deletion`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from .. import naming
from ..errors import ForeignObjectError, HypervisorError
from ..guest import access
from ..progress import Progress
from .domain import find_domain, is_running
from .domain_xml import firmware_of
from .errors import libvirt_errors, unless_gone
from .mark import read_mark, to_text
from .wake import wake

if TYPE_CHECKING:
    import libvirt

    from .hypervisor import Hypervisor


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """``running``: it holds the memory of a running guest. ``current``: the guest's state comes from it. ``internal``:
    it is inside of the guest's own disks; only such a one is reverted to. ``created``: when, in UTC."""

    name: str
    description: str
    running: bool
    current: bool
    internal: bool
    created: datetime
    parent: str | None


def observe(hypervisor: Hypervisor, environment: str, guest: str) -> list[Snapshot]:
    """Every snapshot of *guest*, the oldest first; none where there is no such guest."""
    with libvirt_errors(f"snapshots of guest {guest}"):
        domain = _find(hypervisor, environment, guest)
        if domain is None:
            return []
        current = domain.snapshotCurrent().getName() if domain.hasCurrentSnapshot() else None
        found = [_parse(snapshot.getXMLDesc(), current) for snapshot in domain.listAllSnapshots()]
    parents = {item.name: item.parent for item in found}
    return sorted(found, key=lambda item: (item.created, len(_ancestors(item.name, parents)), item.name))


def creation(observed: Sequence[Snapshot], name: str) -> bool:
    """Whether :func:`create` would make a snapshot: one of that name is kept as it is. Pure."""
    return _named(observed, name) is None


def refuse(hypervisor: Hypervisor, environment: str, guest: str) -> None:
    """Raise what :func:`create` would raise of *guest* itself: it is not there, or of a kind that cannot be kept."""
    with libvirt_errors(f"snapshots of guest {guest}"):
        _keepable(hypervisor, environment, guest)


def create(hypervisor: Hypervisor, environment: str, guest: str, name: str, description: str = "") -> bool:
    """Have a snapshot of *guest* as it is now, with its memory where it runs; ``False`` where *name* exists already.

    A running guest stands still meanwhile, as long as writing its memory takes.
    """
    if not creation(observe(hypervisor, environment, guest), name):
        return False
    with libvirt_errors(f"snapshot {name} of guest {guest}"):
        domain = _keepable(hypervisor, environment, guest)
        domain.snapshotCreateXML(_render(domain, name, description))
    return True


def reversion(observed: Sequence[Snapshot], name: str, guest: str = "") -> bool:
    """Whether :func:`revert` would change anything: always, as what a guest has written since cannot be told. Pure.

    Raises :class:`HypervisorError` where there is no such snapshot, or it is not inside of the guest's disks.
    """
    snapshot = _named(observed, name)
    if snapshot is None:
        names = ", ".join(item.name for item in observed) or "none"
        raise HypervisorError(f"guest {guest}: there is no snapshot {name!r}; there are: {names}.")
    if not snapshot.internal:
        raise HypervisorError(f"guest {guest}: snapshot {name!r} is an external one, which was not made here.")
    return True


def revert(hypervisor: Hypervisor, environment: str, guest: str, name: str, progress: Progress) -> bool:
    """Put *guest* back to snapshot *name*: disks, definition, and off or running as it was then.

    What it wrote since is lost. One that runs afterwards answers again on a new connection, with the right time and
    random numbers of its own.
    """
    reversion(observe(hypervisor, environment, guest), name, guest)
    with libvirt_errors(f"snapshot {name} of guest {guest}"):
        domain = _required(hypervisor, environment, guest)
        _disconnect(hypervisor, environment, guest)
        domain.revertToSnapshot(domain.snapshotLookupByName(name))
        running = is_running(domain)
    if running and _known(hypervisor, environment, guest):
        wake(hypervisor, environment, guest, progress)
    return True


def deletion(observed: Sequence[Snapshot], name: str) -> bool:
    """Whether :func:`delete` would remove a snapshot. Pure."""
    return _named(observed, name) is not None


def delete(hypervisor: Hypervisor, environment: str, guest: str, name: str) -> bool:
    """Remove snapshot *name*; those made after it stay. ``False`` where there is none."""
    if not deletion(observe(hypervisor, environment, guest), name):
        return False
    with libvirt_errors(f"snapshot {name} of guest {guest}"):
        domain = _required(hypervisor, environment, guest)
        domain.snapshotLookupByName(name).delete()
    return True


def _ancestors(name: str, parents: Mapping[str, str | None]) -> list[str]:
    """Those that *name* was made after; libvirt tells the time of each in whole seconds only."""
    found: list[str] = []
    above = parents.get(name)
    while above and above not in found:
        found.append(above)
        above = parents.get(above)
    return found


def _named(observed: Sequence[Snapshot], name: str) -> Snapshot | None:
    return next((item for item in observed if item.name == name), None)


def _find(hypervisor: Hypervisor, environment: str, guest: str) -> libvirt.virDomain | None:
    """The guest's domain; a stranger's of its name is refused."""
    domain = find_domain(hypervisor, environment, guest)
    other = None if domain else unless_gone(hypervisor.connection.lookupByName, naming.libvirt_name(environment, guest))
    mark = read_mark(ElementTree.fromstring(domain.XMLDesc())) if domain else None
    if other or (domain and (mark is None or mark.environment != environment)):
        raise ForeignObjectError(f"guest {guest}: its domain does not belong to environment {environment}.")
    return domain


def _required(hypervisor: Hypervisor, environment: str, guest: str) -> libvirt.virDomain:
    domain = _find(hypervisor, environment, guest)
    if domain is None:
        raise HypervisorError(f"guest {guest}: environment {environment} has no such guest; converge it first.")
    return domain


def _keepable(hypervisor: Hypervisor, environment: str, guest: str) -> libvirt.virDomain:
    """The domain, if it is there and its state can be kept."""
    domain = _required(hypervisor, environment, guest)
    if firmware_of(ElementTree.fromstring(domain.XMLDesc())) == "uefi":
        raise HypervisorError(
            f"guest {guest}: libvirt cannot keep UEFI's variables in a snapshot. Declare firmware: bios for guests "
            "that are to have snapshots."
        )
    return domain


def _render(domain: libvirt.virDomain, name: str, description: str) -> str:
    """https://libvirt.org/formatsnapshot.html. What the guest cannot write (its seed) is left out."""
    root = Element("domainsnapshot")
    SubElement(root, "name").text = name
    if description:
        SubElement(root, "description").text = description
    disks = SubElement(root, "disks")
    for disk in ElementTree.fromstring(domain.XMLDesc()).findall("devices/disk"):
        target = disk.find("target")
        kept = "no" if disk.find("readonly") is not None else "internal"
        SubElement(disks, "disk", name="" if target is None else target.get("dev", ""), snapshot=kept)
    return to_text(root)


def _parse(text: str, current: str | None) -> Snapshot:
    root = ElementTree.fromstring(text)
    name = root.findtext("name", "")
    memory = root.find("memory")
    kinds = {disk.get("snapshot") for disk in root.findall("disks/disk")}
    kinds |= {memory.get("snapshot")} if memory is not None else set()
    return Snapshot(
        name=name,
        description=root.findtext("description", ""),
        running=root.findtext("state") in ("running", "paused"),
        current=name == current,
        internal="external" not in kinds,
        created=datetime.fromtimestamp(int(root.findtext("creationTime", "0")), UTC),
        parent=root.findtext("parent/name"),
    )


def _disconnect(hypervisor: Hypervisor, environment: str, guest: str) -> None:
    """The guest will know nothing of connections that it has now."""
    if _known(hypervisor, environment, guest):
        access.shell(environment, guest, hypervisor.folders).disconnect()


def _known(hypervisor: Hypervisor, environment: str, guest: str) -> bool:
    """Whether we have access to it; a tiny guest has none."""
    return access.shell(environment, guest, hypervisor.folders).config.exists()
