# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""libvirt's own test driver: real definitions in the memory of this process, no guest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import kvm_lab
import libvirt
import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest import seed
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm import disk, overlay


@dataclass
class DrivenByTests:
    """Stands for a ``Hypervisor``."""

    connection: Any
    folders: Folders
    uri: str = "test:///default"
    netns: Path | None = None

    def inside(self, argv: list[str]) -> list[str]:
        return ["true", *argv]


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    folders = Folders(tmp_path / "state")
    kvm_lab.fill_store(folders)
    return folders


@pytest.fixture
def hypervisor(folders: Folders, monkeypatch: pytest.MonkeyPatch) -> Iterator[DrivenByTests]:
    """A hypervisor without guests; its volumes, which the driver keeps in memory only, get a file.

    The driver knows neither checkpoints nor NVRAM, and seeds are not what is tested here.
    """
    connection = libvirt.open("test:///default")
    for domain in connection.listAllDomains():
        for snapshot in domain.listAllSnapshots():
            snapshot.delete()
    for thing in (*connection.listAllDomains(), *connection.listAllNetworks(), *connection.listAllStoragePools()):
        with suppress(libvirt.libvirtError):
            thing.destroy()
        thing.undefine()
    undefine = libvirt.virDomain.undefineFlags
    known = libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE | libvirt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA
    monkeypatch.setattr(libvirt.virDomain, "undefineFlags", lambda domain, flags: undefine(domain, flags & known))
    monkeypatch.setattr(libvirt.virConnect, "networkDefineXML", _define_network())
    monkeypatch.setattr(disk, "make_overlay", _make_overlay)
    monkeypatch.setattr(seed, "write_seed", _write_seed)
    yield DrivenByTests(connection, folders)
    connection.close()


def _define_network() -> Callable[[Any, str], Any]:
    """Of a network that runs the driver shows what it runs as, and never a newer definition; libvirtd has both."""
    define, create, destroy = libvirt.virConnect.networkDefineXML, libvirt.virNetwork.create, libvirt.virNetwork.destroy

    def defined(connection: Any, xml: str) -> Any:
        name = ElementTree.fromstring(xml).findtext("name")
        active = connection.listAllNetworks(libvirt.VIR_CONNECT_LIST_NETWORKS_ACTIVE)
        running = [network for network in active if network.name() == name]
        for network in running:
            destroy(network)
        network = define(connection, xml)
        if running:
            create(network)
        return network

    return defined


def _write_seed(environment: Any, guest: Any, folders: Folders, stored: Any, target: Path) -> bool:
    target.write_bytes(bytes(512))
    return True


def _make_overlay(pool: Any, target: Path, size: int, backing: Path | None, mark: overlay.OverlayMark) -> None:
    kvm_lab.empty_qcow2(target, size, backing)
    overlay.mark_overlay(target, mark)
