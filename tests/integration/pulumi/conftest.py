# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures of the gate: a stand-in for a guest, and a gate that is configured for it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import kvm_lab
import lab
import pytest
import seeming_guest
import stand_in
from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.hypervisor import Hypervisor
from declared import Declaration
from gate_client import Gate, running


@pytest.fixture(scope="session")
def standing(lab_engine: lab.LabEngine) -> Iterator[stand_in.StandIn]:
    with stand_in.stand_in(lab_engine) as made:
        yield made


@pytest.fixture
def guest(standing: stand_in.StandIn) -> stand_in.StandIn:
    """A guest that is up, with its engine, as new for each test."""
    standing.fresh()
    return standing


@pytest.fixture
def unconfigured() -> Iterator[Gate]:
    """A gate that was asked nothing yet, and may be ended."""
    with running(os.environ) as made:
        yield made


@pytest.fixture(scope="module")
def shared() -> Iterator[Gate]:
    """One for all tests that leave it as it was but for its configuration."""
    with running(os.environ) as made:
        yield made


@pytest.fixture
def configured(shared: Gate, guest: stand_in.StandIn) -> Gate:
    """A gate for the guest."""
    return configure(shared, guest)


@pytest.fixture
def passing(unconfigured: Gate, guest: stand_in.StandIn) -> Gate:
    """A gate for the guest that may be ended."""
    return configure(unconfigured, guest)


@pytest.fixture
def declaration(hypervisor: Hypervisor, tmp_path: Path) -> Iterator[Declaration]:
    """Of the environment `lab` with one network on a real libvirt; it is removed at the end."""
    made = Declaration(path=tmp_path / "lab.environment.yml", folders=hypervisor.folders)
    made.write()
    yield made
    kvm_lab.remove(hypervisor, "lab")


@pytest.fixture
def on_libvirt(shared: Gate, hypervisor: Hypervisor) -> Gate:
    """A gate for that libvirt."""
    shared.configure(hypervisor=hypervisor.uri, stateFolder=str(hypervisor.folders.root))
    return shared


@pytest.fixture
def tiny(hypervisor: Hypervisor, declaration: Declaration) -> Iterator[tuple[Gate, Hypervisor, Declaration]]:
    """A gate about objects, and a declared guest that boots nothing, with its image in a store of their own."""
    with lab.root_folder() as root:
        folders = Folders(hypervisor.folders.root, root / "images")
        lan = {"lan": {"address": "10.211.0.11"}}
        data = {"data": {"size": "32 MiB", "pool": "fast"}}
        declaration.write(
            hypervisor={"virt_type": "qemu"},
            images={"debian": {"build": {"suite": "trixie"}}},
            pools={"fast": {"path": str(root / "fast")}},
            guests={
                "web": {"image": "debian", "memory": "64 MiB", "disk": "64 MiB", "networks": lan, "disks": data},
            },
        )
        seeming_guest.store_images(folders, declaration.path)
        with running({**os.environ, "STRATA_IMAGES": str(folders.images)}) as gate:
            gate.configure(hypervisor=hypervisor.uri, stateFolder=str(folders.root))
            yield (
                gate.about("urn:pulumi:dev::shop::strata:index:Object::web"),
                replace(hypervisor, folders=folders),
                declaration,
            )
        kvm_lab.remove(replace(hypervisor, folders=folders), "lab")


def configure(gate: Gate, guest: stand_in.StandIn) -> Gate:
    gate.engine.lines.clear()
    gate.configure(hypervisor=guest.hypervisor, stateFolder=str(guest.folders.root))
    return gate
