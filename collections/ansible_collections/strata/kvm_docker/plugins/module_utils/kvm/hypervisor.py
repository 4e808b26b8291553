# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The connection to the libvirt that runs the guests, the machine's own or the embedded one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import HypervisorError
from ..folders import Folders
from . import embedded, namespaces
from .connection import connect
from .stopped import connect_to_definitions

if TYPE_CHECKING:
    import libvirt

SYSTEM = "qemu:///system"

#: Sockets of the monolithic and of the modular daemon; where neither exists nothing can answer.
SYSTEM_SOCKETS = (Path("/run/libvirt/libvirt-sock"), Path("/run/libvirt/virtqemud-sock"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Hypervisor:
    """An open connection. ``netns``: file of the guests' network namespace where the hypervisor is embedded."""

    connection: libvirt.virConnect
    uri: str
    folders: Folders
    netns: Path | None = None

    def inside(self, argv: Sequence[str]) -> list[str]:
        """*argv*, to be run where guests are reachable."""
        return namespaces.inside(self.netns, argv) if self.netns else list(argv)

    def seen(self, path: Path) -> Path:
        """A file of this machine as the hypervisor has it at *path*, an embedded one in its mount namespace."""
        return embedded.seen(self.folders, path) if self.netns else path

    def version(self) -> str:
        """libvirt's version; it writes a.b.c as a * 1000000 + b * 1000 + c (virConnectGetLibVersion)."""
        number = self.connection.getLibVersion()
        return f"{number // 10**6}.{number // 1000 % 1000}.{number % 1000}"

    def close(self) -> None:
        """Close the connection; guests run on."""
        self.connection.close()


def find_uri(uri: str, folders: Folders) -> str | None:
    """The URI that *uri* stands for, if any.

    ``embedded`` is the hypervisor of this state folder. ``auto`` is that one too where it was started, or was
    stopped and holds definitions (its guests must not be lost sight of when a system libvirt is installed later), else
    ``qemu:///system`` where there is one.
    """
    if uri not in ("auto", "embedded"):
        return uri
    if embedded.exists(folders) or embedded.holds_definitions(folders):
        return embedded.uri(folders)
    if uri == "embedded":
        return None
    return SYSTEM if any(socket.exists() for socket in SYSTEM_SOCKETS) else None


def open_hypervisor(uri: str, folders: Folders) -> Hypervisor:
    """Connect to *uri*, or find one for ``auto`` (see :func:`find_uri`).

    Raises :class:`HypervisorError` with one message, within seconds, where it does not answer.
    """
    found = find_uri(uri, folders)
    own = found == embedded.uri(folders)
    if found is None or (own and not embedded.is_running(folders)):
        raise HypervisorError(_absent(own, folders))
    return Hypervisor(
        connection=connect(found), uri=found, folders=folders, netns=embedded.netns(folders) if own else None
    )


@contextmanager
def opened(
    uri: str, folders: Folders, may_be_absent: bool = False, may_be_stopped: bool = False
) -> Iterator[Hypervisor]:
    """As :func:`open_hypervisor`, closed at the end. With *may_be_absent* libvirt's test driver, which is empty, stands
    for one that was never started: neither a preview nor a removal starts it. With *may_be_stopped* it stands, with
    what is defined, for an embedded one that does not run: good for a preview of a removal only."""
    found = find_uri(uri, folders)
    if may_be_stopped and found == embedded.uri(folders) and not embedded.is_running(folders):
        hypervisor = Hypervisor(connection=connect_to_definitions(folders), uri=found, folders=folders)
    else:
        absent = may_be_absent and found is None
        hypervisor = open_hypervisor("test:///default" if absent else uri, folders)
    try:
        yield hypervisor
    finally:
        hypervisor.close()


def _absent(own: bool, folders: Folders) -> str:
    start = "strata.kvm_docker.hypervisor (state: started)"
    if own:
        return f"the embedded hypervisor in {folders.root} does not run (any more). Start it with the module {start}."
    return (
        f"no libvirt answers: neither qemu:///system nor an embedded hypervisor in {folders.root}. "
        f"Start one with the module {start}, or set hypervisor.uri."
    )
