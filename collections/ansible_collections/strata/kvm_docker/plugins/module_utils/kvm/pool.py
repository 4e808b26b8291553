# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kind ``pool``: the storage pool of an environment, a folder with the disks of its guests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from .. import naming
from ..declare.environment import Environment
from ..errors import HypervisorError
from ..inputs import Inputs
from ..plan.model import Change, Condition, Declared, Difference, Effect, Key, Observed
from ..progress import Progress
from .errors import find, libvirt_errors
from .mark import to_text

if TYPE_CHECKING:
    import libvirt

    from .hypervisor import Hypervisor

#: QEMU, which runs unprivileged, passes through to the files that it is given; nobody else lists the folder.
_MODE = 0o711
#: What a run that was killed while it made a guest may leave beside the disks.
_LEFTOVERS = ("*.seed", ".*.new")


class Pool:
    """Declares, observes and applies the pool.

    ``spec``: ``autostart``; ``elsewhere``: the pool's folder where it is not the one of the state folder's layout.
    """

    kind: ClassVar[str] = "pool"

    def declare(self, environment: Environment, inputs: Inputs) -> Iterator[Declared]:
        """One pool, named like the environment, where there are guests."""
        if environment.guests:
            yield Declared(Key(self.kind, environment.name), {"autostart": True, "elsewhere": ""})

    def effect(self, difference: Difference) -> Effect:
        """Disks elsewhere are those of an environment of another state folder: its guests are not made anew for it."""
        if difference.path == ("elsewhere",):
            raise HypervisorError(
                f"the disks of this environment are in {difference.before}, of another state folder. Run with "
                "STRATA_STATE set to that one, or give this environment another name."
            )
        return Effect.IN_PLACE

    def observe(self, connection: Hypervisor, environment: str) -> Iterator[Observed]:
        """The pool of that name, whosever it is."""
        with libvirt_errors(f"pool {environment}"):
            pool = find(connection.connection.storagePoolLookupByName, environment)
            if pool:
                yield _observed(pool, environment, connection.folders.pool(environment))

    def apply(self, connection: Hypervisor, change: Change, progress: Progress) -> None:
        """Define the pool and have it run, or remove it with its folder; files that are not ours keep the folder."""
        folder = connection.folders.pool(change.key.name)
        with libvirt_errors(str(change.key)):
            if change.declared:
                _apply(connection.connection, change, folder)
            else:
                _delete(find(connection.connection.storagePoolLookupByUUIDString, _uuid(change.key.name)), folder)

    def settle(self, connection: Hypervisor, key: Key, condition: Condition, progress: Progress) -> None:
        """A pool that was started is ready."""


def _uuid(environment: str) -> str:
    return str(naming.object_uuid(environment, "pool", environment))


def _observed(pool: libvirt.virStoragePool, environment: str, folder: Path) -> Observed:
    path = _path(pool)
    return Observed(
        Key("pool", environment),
        {"autostart": bool(pool.autostart()), "elsewhere": "" if path == str(folder) else path},
        owned=pool.UUIDString() == _uuid(environment),
        running=bool(pool.isActive()),
        handle=pool.UUIDString(),
    )


def _path(pool: libvirt.virStoragePool) -> str:
    return ElementTree.fromstring(pool.XMLDesc()).findtext("target/path", "")


def _apply(connection: libvirt.virConnect, change: Change, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(_MODE)
    pool = find(connection.storagePoolLookupByUUIDString, _uuid(change.key.name))
    pool = pool or connection.storagePoolDefineXML(render_pool(change.key.name, folder))
    pool.setAutostart(True)
    if not pool.isActive():
        pool.create()


def _delete(pool: libvirt.virStoragePool | None, folder: Path) -> None:
    """The definition goes last: killed before, the next run still sees what is to be done."""
    if pool:
        _stop(pool)
    for path in [path for pattern in _LEFTOVERS for path in folder.glob(pattern)]:
        path.unlink(missing_ok=True)
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
    if pool:
        pool.undefine()


def _stop(pool: libvirt.virStoragePool) -> None:
    if pool.isActive():
        pool.destroy()


def render_pool(environment: str, folder: Path) -> str:
    """The XML that defines the pool (https://libvirt.org/formatstorage.html)."""
    root = Element("pool", type="dir")
    SubElement(root, "name").text = environment
    SubElement(root, "uuid").text = _uuid(environment)
    SubElement(SubElement(root, "target"), "path").text = str(folder)
    return to_text(root)
