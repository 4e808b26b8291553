# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the disks of an environment are, how their files are named, and who else uses one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from .. import naming
from ..errors import HypervisorError
from .domain import described
from .errors import unless_gone
from .overlay import OverlayMark, read_overlay_mark
from .pool import claim_pool, pool_path
from .qcow2 import backing_of, read_qcow2

if TYPE_CHECKING:
    import libvirt

    from ..declare.environment import Environment, Guest
    from ..folders import Folders
    from .hypervisor import Hypervisor

SUFFIX = ".qcow2"


@dataclass(frozen=True, slots=True)
class DiskFile:
    """A file in one of the environment's pools. ``pool``: the pool's name, empty for the environment's own."""

    path: Path
    name: str
    pool: str
    mark: OverlayMark | None


def disk_path(folder: Path, guest: str) -> Path:
    """The first disk of *guest* in the environment's own pool, whose *folder* is given."""
    return folder / f"{guest}{SUFFIX}"


def disk_name(guest: str, disk: str) -> str:
    """Name of a data disk among all disks; neither name has a dot."""
    return f"{guest}.{disk}"


def data_disk_path(environment: Environment, folders: Folders, guest: Guest, disk: str) -> Path:
    """The file of a data disk; in a folder that others may use too, its name begins with the environment's."""
    pool, name = guest.disks[disk].pool, disk_name(guest.name, disk)
    if pool:
        return Path(environment.pool_path(pool)) / f"{environment.name}-{name}{SUFFIX}"
    return folders.pool(environment.name) / f"{name}{SUFFIX}"


def disk_files(hypervisor: Hypervisor, environment: str) -> Iterator[DiskFile]:
    """Every file that has, or could have, a disk's name: strangers' too, whose names may be ours."""
    for path in sorted(hypervisor.folders.pool(environment).glob(f"[!.]*{SUFFIX}")):
        yield DiskFile(path, path.name.removesuffix(SUFFIX), "", read_overlay_mark(path))
    for pool in hypervisor.connection.listAllStoragePools():
        claimed, folder = claim_pool(environment, pool), Path(unless_gone(pool_path, pool) or "")
        if claimed and claimed[0] != environment and folder.is_absolute():
            yield from _in_pool(folder, environment, claimed[0])


def _in_pool(folder: Path, environment: str, pool: str) -> Iterator[DiskFile]:
    for path in sorted(folder.glob(f"{environment}-*.*{SUFFIX}")):
        name = path.name.removeprefix(f"{environment}-").removesuffix(SUFFIX)
        yield DiskFile(path, name, pool, read_overlay_mark(path))


def image_of(hypervisor: Hypervisor, file: DiskFile) -> str:
    """Digest of the image that a first disk stands on; without a mark the store tells it, and where that does not, it
    is the path of what is below."""
    from ..guest.image_store import recipe_of

    if file.mark:
        return file.mark.image
    below = backing_of(file.path)
    lowest = [file.path, *chain(file.path)][-1]
    return (recipe_of(hypervisor.folders, lowest) or str(below)) if below else "no image"


def obstacle(hypervisor: Hypervisor, environment: str, file: DiskFile) -> str:
    """Why *file*, whose mark is not that of its name, cannot be taken over as it is, and what to do; empty where it
    can. A domain of its guest's name is not in the way: whether that is ours, or can be, the guest tells."""
    mark, header = file.mark, read_qcow2(file.path)
    if mark:
        owner = f"{disk_name(mark.guest, mark.disk) if mark.disk else mark.guest} of environment {mark.environment}"
        return (
            f"its mark says that {file.path} is disk {owner}. Move it away; a plain cp of it, which leaves the mark "
            "behind, can be taken over."
        )
    if header is None:
        return f"{file.path} is no whole qcow2 file. Repair or convert it (qemu-img convert -O qcow2), or move it away."
    if header.backing and "." in file.name:
        return f"{file.path} stands on {header.backing}. Make it independent first (qemu-img rebase -b '')."
    guest = file.name.partition(".")[0]
    try:
        refuse_in_use(hypervisor, environment, guest, file.path, naming.libvirt_name(environment, guest))
        external_snapshots(None, file.path)
    except HypervisorError as error:
        return str(error)
    return ""


def refuse_in_use(hypervisor: Hypervisor, environment: str, guest: str, path: Path, apart: str = "") -> None:
    """Raise :class:`HypervisorError` where another domain than *guest*'s own, or the one named *apart*, uses *path*, or
    stands on it."""
    own = str(naming.object_uuid(environment, "guest", guest))
    for domain in hypervisor.connection.listAllDomains():
        if domain.UUIDString() == own or domain.name() == apart:
            continue
        sources = described(domain).findall("devices/disk/source")
        if any(path in chain(Path(source.get("file", ""))) for source in sources if source.get("file")):
            raise HypervisorError(
                f"{path} was not touched: domain {domain.name()}, which is not ours, uses it. Remove that domain, or "
                "give it a copy, then run again."
            )


def domain_disks(hypervisor: Hypervisor) -> list[Path]:
    """The files of the disks of every domain."""
    domains = hypervisor.connection.listAllDomains()
    sources = (source for domain in domains for source in described(domain).findall("devices/disk/source"))
    return [Path(file) for source in sources if (file := source.get("file"))]


def external_snapshots(domain: libvirt.virDomain | None, path: Path) -> list[Path]:
    """The files that stand on the disk *path* and that its guest's *domain* knows, the topmost first.

    Raises :class:`HypervisorError` where something stands on it that the domain does not know: that is a stranger's.
    """
    found, known = _standing_on(path), _files_of(domain) if domain else set()
    strangers = [str(other) for other in found if other not in known]
    if strangers:
        raise HypervisorError(
            f"{path} was not touched: {', '.join(strangers)} stands on it, which is no snapshot of its guest. Make it "
            "independent (qemu-img rebase -b '') or remove it, then run again."
        )
    return found


def _files_of(domain: libvirt.virDomain) -> set[Path]:
    """Every file that the domain's definition, what runs of it, or one of its snapshots names."""
    import libvirt

    texts = [domain.XMLDesc(), domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)]
    texts += [snapshot.getXMLDesc() for snapshot in domain.listAllSnapshots()]
    sources = (source for text in texts for source in ElementTree.fromstring(text).iter("source"))
    return {Path(source.get("file", "")) for source in sources}


def goes_with(file: DiskFile, environment: str, guest: str) -> bool:
    """Whether *file* is a disk that does not outlive its *guest*."""
    return bool(file.mark and (file.mark.environment, file.mark.guest, file.mark.keep) == (environment, guest, False))


def chain(path: Path) -> Iterator[Path]:
    """*path* and the files that it stands on, from the top down."""
    seen: set[Path] = set()
    following: Path | None = path
    while following and following not in seen and following.is_file():
        seen.add(following)
        yield following
        following = backing_of(following)


def _standing_on(path: Path) -> list[Path]:
    """Unmarked files beside *path* that stand on it, from the top down."""
    if not path.exists():
        return []
    found = [
        other
        for other in path.parent.iterdir()
        if other != path and other.is_file() and not other.name.startswith(".") and read_overlay_mark(other) is None
    ]
    return sorted((other for other in found if path in chain(other)), key=lambda other: -len(list(chain(other))))
