# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kind ``pool``: storage pools. An environment has one of its own, a folder with the disks of its guests.

Those that it declares beside that are in folders that may hold files of others.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, NamedTuple
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from .. import naming
from ..declare.environment import Environment
from ..errors import HypervisorError
from ..folders import make_searchable
from ..inputs import Inputs
from ..plan.model import Change, Condition, Declared, Difference, Effect, Key, Observed, Traits
from ..progress import Progress
from .domain import described
from .errors import libvirt_errors, unless_gone
from .mark import claim, of_another, to_text
from .overlay import read_overlay_mark

if TYPE_CHECKING:
    import libvirt

    from .hypervisor import Hypervisor

#: QEMU, which runs unprivileged, passes through to the files that it is given; nobody else lists the folder.
_MODE = 0o711
#: Of every pool of ours: files in a folder.
_TYPE = "dir"
#: What a run that was killed while it made a guest may leave beside the disks.
_LEFTOVERS = ("*.seed", ".*.new")


class Pool:
    """Declares, observes and applies pools.

    ``spec``: ``autostart``; ``type``, always ``dir``; ``path`` of a declared pool; of the environment's own one
    ``elsewhere``: its folder where it is not the one of the state folder's layout.
    """

    kind: ClassVar[str] = "pool"
    traits: ClassVar[Traits] = Traits(runs=True, adoption=Effect.RESTART)

    def declare(self, environment: Environment, inputs: Inputs) -> Iterator[Declared]:
        """One pool, named like the environment, where there are guests; and the declared ones."""
        if environment.guests:
            yield Declared(Key(self.kind, environment.name), {"autostart": True, "type": _TYPE, "elsewhere": ""})
        for name, pool in environment.pools.items():
            spec = {"autostart": pool.autostart, "type": _TYPE, "path": environment.pool_path(name)}
            yield Declared(Key(self.kind, name), spec, handle=environment.name)

    def effect(self, difference: Difference) -> Effect:
        """A pool stays in its folder: whatever is in it would be lost sight of."""
        if difference.path == ("elsewhere",):
            raise HypervisorError(
                f"its folder is {difference.before}, of another state folder or of somebody else. Run with "
                "STRATA_STATE set to that one, or give this environment another name."
            )
        if difference.path == ("type",):
            raise HypervisorError(
                f"it is of type {difference.before}, and the disks of guests are files in a folder (type {_TYPE}). "
                "Give the declared one another name."
            )
        if difference.path == ("path",):
            raise HypervisorError(
                f"it is in {difference.before} and would leave its disks there. Write that path, give the pool at "
                f"{difference.after} another name, or remove this one first: its files stay."
            )
        return Effect.IN_PLACE

    def observe(self, connection: Hypervisor, environment: str) -> Iterator[Observed]:
        """The pools whose names are ours, whosever they are; what goes away meanwhile is passed over."""
        with libvirt_errors(f"pools of {environment}"):
            for pool in connection.connection.listAllStoragePools():
                claimed = claim_pool(environment, pool)
                if claimed:
                    own = connection.folders.pool(environment) if claimed[0] == environment else None
                    known_as = (pool.name(), pool.UUIDString())
                    other = "" if claimed[1] else of_another(environment, self.kind, *known_as)
                    found = unless_gone(_observed, _Place(environment, claimed[0]), pool, own, claimed[1])
                    if found:
                        yield replace(found, obstacle=other)

    def apply(self, connection: Hypervisor, change: Change, progress: Progress) -> None:
        """Define the pool and have it run, or remove it; its folder goes only where it is the environment's own and
        nothing is in it that is not ours."""
        with libvirt_errors(str(change.key)):
            if change.declared:
                place = _Place(change.declared.handle or change.key.name, change.key.name)
                _apply(connection, place, change, change.declared)
            elif change.observed:
                _delete(connection, change.observed.handle)

    def settle(self, connection: Hypervisor, key: Key, condition: Condition, progress: Progress) -> None:
        """A pool that was started is ready."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Which pool of which environment. ``path``: its folder, of one that is there."""

    environment: str
    pool: str
    path: str = ""

    @property
    def is_own(self) -> bool:
        return self.pool == self.environment

    @property
    def libvirt_name(self) -> str:
        return pool_identity(self.environment, self.pool).name

    @property
    def uuid(self) -> str:
        return pool_identity(self.environment, self.pool).uuid


class PoolIdentity(NamedTuple):
    """What libvirt knows a pool by."""

    name: str
    uuid: str


def pool_identity(environment: str, pool: str) -> PoolIdentity:
    """Of the *pool* of that name in the declaration; the environment's own one has its very name. Pure."""
    name = environment if pool == environment else naming.libvirt_name(environment, pool)
    return PoolIdentity(name, str(naming.object_uuid(environment, "pool", pool)))


def claim_pool(environment: str, pool: libvirt.virStoragePool) -> tuple[str, bool] | None:
    """(name, whether it is ours), as :func:`~.mark.claim` has it; the environment's own pool has its very name."""
    if pool.name() == environment:
        return environment, pool.UUIDString() == pool_identity(environment, environment).uuid
    return claim(environment, "pool", pool.name(), pool.UUIDString())


def _observed(place: _Place, pool: libvirt.virStoragePool, own: Path | None, owned: bool) -> Observed:
    root = ElementTree.fromstring(pool.XMLDesc())
    path = root.findtext("target/path", "")
    where = {"elsewhere": "" if path == str(own) else path} if own else {"path": path}
    return Observed(
        Key("pool", place.pool),
        {"autostart": bool(pool.autostart()), "type": root.get("type", ""), **where},
        owned=owned,
        running=bool(pool.isActive()),
        handle=replace(place, path=path),
    )


def pool_path(pool: libvirt.virStoragePool) -> str:
    """Its folder."""
    return ElementTree.fromstring(pool.XMLDesc()).findtext("target/path", "")


def _apply(hypervisor: Hypervisor, place: _Place, change: Change, declared: Declared) -> None:
    """A pool that only starts or stops is otherwise left as it is."""
    folder = hypervisor.folders.pool(place.environment) if place.is_own else Path(declared.spec["path"])
    if declared.running:
        _make_folder(folder, place.is_own)
    if change.observed and not change.observed.owned:
        _give_way(hypervisor.connection, place)
    pool = unless_gone(hypervisor.connection.storagePoolLookupByUUIDString, place.uuid)
    if pool is None or change.differences:
        pool = pool or hypervisor.connection.storagePoolDefineXML(render_pool(place.libvirt_name, place.uuid, folder))
        pool.setAutostart(declared.spec["autostart"])
    if declared.running and not pool.isActive():
        pool.create()
    elif pool.isActive() and not declared.running:
        pool.destroy()


def _give_way(connection: libvirt.virConnect, place: _Place) -> None:
    """Remove the definition that is adopted: libvirt has one of a name, and ours has another UUID. Files stay."""
    pool = unless_gone(connection.storagePoolLookupByName, place.libvirt_name)
    if pool and pool.UUIDString() != place.uuid:
        if pool.isActive():
            pool.destroy()
        pool.undefine()


def _make_folder(folder: Path, is_own: bool) -> None:
    """The rights of a folder that somebody else has made are theirs."""
    if is_own or not folder.exists():
        make_searchable(folder)
        folder.chmod(_MODE)


def _delete(hypervisor: Hypervisor, place: _Place) -> None:
    """The definition goes last: killed before, the next run still sees what is to be done."""
    pool = unless_gone(hypervisor.connection.storagePoolLookupByUUIDString, place.uuid)
    if pool and not place.is_own:
        _refuse_in_use(hypervisor.connection, place, pool)
    if pool and pool.isActive():
        pool.destroy()
    if place.is_own:
        _clear(hypervisor.folders.pool(place.environment))
    if pool:
        pool.undefine()


def _clear(folder: Path) -> None:
    """Files that are not ours keep the folder."""
    clear_leftovers(folder)
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def clear_leftovers(folder: Path) -> None:
    """Remove what a run that was killed may have left in the *folder* of an environment's own pool."""
    for path in [path for pattern in _LEFTOVERS for path in folder.glob(pattern)]:
        path.unlink(missing_ok=True)


def _refuse_in_use(connection: libvirt.virConnect, place: _Place, pool: libvirt.virStoragePool) -> None:
    users = [*_domains_on(connection, place.libvirt_name), *_disks_of_others(Path(pool_path(pool)), place.environment)]
    if users:
        raise HypervisorError(
            f"it was not removed: {', '.join(sorted(users))} still uses it. Move that disk, then run again."
        )


def _domains_on(connection: libvirt.virConnect, pool: str) -> Iterator[str]:
    """Domains that name a volume of *pool*."""
    for domain in connection.listAllDomains():
        sources = described(domain).findall("devices/disk/source")
        if any(source.get("pool") == pool for source in sources):
            yield f"domain {domain.name()}"


def _disks_of_others(folder: Path, environment: str) -> Iterator[str]:
    """Files in *folder* that are marked as another environment's."""
    for path in folder.iterdir() if folder.is_dir() else ():
        mark = read_overlay_mark(path)
        if mark and mark.environment != environment:
            yield f"{path} of environment {mark.environment}"


def render_pool(name: str, uuid: str, folder: Path) -> str:
    """The XML that defines the pool (https://libvirt.org/formatstorage.html)."""
    root = Element("pool", type=_TYPE)
    SubElement(root, "name").text = name
    SubElement(root, "uuid").text = uuid
    SubElement(SubElement(root, "target"), "path").text = str(folder)
    return to_text(root)
