# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Twins by the real CLI and its plugin on the embedded libvirt: what they make, how they are followed, and their end.

No guest runs: the core leaves it off; and libvirt refuses to start one that the provider makes, as it has no seed.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import kvm_lab
import libvirt
import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest import image_store
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.disk import mark_of
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.guest_definition import note_written
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.hypervisor import Hypervisor
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.mark import Mark
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.overlay import mark_overlay
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.qcow2 import read_qcow2
from pulumi_tools import Project, binaries
from twins_program import Case, core_plan

pytestmark = pytest.mark.pulumi

ALL = ("pool", "network", "guest")
PROJECT = "name: twins\nruntime: python\noptions: {refresh: always}\n"
TESTS = Path(__file__).parents[2]
MAIN = f"""
import sys
sys.path[:0] = {[str(TESTS), str(Path(__file__).parent)]!r}
import twins_program
twins_program.main()
"""


@dataclass(slots=True, kw_only=True)
class World:
    """A stack of the program, and the hypervisor that it is about."""

    kvm: Hypervisor
    project: Project
    case: Case

    def about(self, **changes: Any) -> None:
        """Have the next runs be about another case."""
        self.case = replace(self.case, **changes)
        self.case.write(self.project.folder)

    def up(self, *argv: str) -> str:
        return self.project.pulumi("up", "--yes", "--skip-preview", "--stack", "test", *argv)

    def unchanged(self) -> None:
        """Fails where an update would do anything."""
        self.project.pulumi("preview", "--expect-no-changes", "--stack", "test")

    def planned(self) -> dict[str, str]:
        """What an update would do: name of the resource -> operation."""
        told = json.loads(self.project.pulumi("preview", "--json", "--stack", "test"))
        steps = [(step["urn"].rpartition("::")[2], step["op"]) for step in told["steps"]]
        return {name: op for name, op in steps if op not in ("same", "refresh")}

    def known(self) -> dict[str, str]:
        """What the stack knows: name of the resource -> id."""
        told = json.loads(self.project.pulumi("stack", "export", "--stack", "test"))
        found = told["deployment"].get("resources", [])
        return {one["urn"].rpartition("::")[2]: one.get("id", "") for one in found if "libvirt:index" in one["type"]}

    def destroy(self) -> None:
        self.project.pulumi("destroy", "--yes", "--stack", "test")

    @property
    def disk(self) -> Path:
        return self.case.folders.pool("lab") / "web.qcow2"

    def made(self) -> None:
        """All of it is there, and the stack knows it."""
        self.up()
        self.about(found=ALL)

    def domain(self) -> libvirt.virDomain:
        return self.kvm.connection.lookupByName("lab-web")


@pytest.fixture
def world(hypervisor: Hypervisor, tmp_path: Path) -> Iterator[World]:
    root = hypervisor.folders.root
    kvm = replace(hypervisor, folders=Folders(root, root / "images-of-twins"))
    kvm_lab.fill_store(kvm.folders)
    kvm_lab.remove(kvm, "lab")
    (tmp_path / "Pulumi.yaml").write_text(PROJECT)
    (tmp_path / "__main__.py").write_text(MAIN)
    made = World(
        kvm=kvm,
        project=Project(tmp_path),
        case=Case(uri=kvm.uri, root=str(root), images=str(kvm.folders.images)),
    )
    made.about()
    made.project.pulumi("stack", "init", "test")
    yield made
    clear(kvm)


def clear(kvm: Hypervisor) -> None:
    """Also what is not marked, as only a twin has made it."""
    kvm_lab.remove(kvm, "lab")
    for path in kvm.folders.pool("lab").glob("*"):
        path.unlink()
    kvm_lab.remove(kvm, "lab")


def converge(world: World) -> None:
    """What the core makes of the case; the guest stays off."""
    kvm_lab.apply(world.kvm, core_plan(world.kvm, world.case))


def complete(world: World) -> None:
    """What the core adds to twins."""
    for disk in world.case.declared("disk"):
        mark_overlay(world.disk.with_name(f"{disk.key.name}.qcow2"), mark_of(disk))
    guest = world.case.declared("guest")[0]
    note_written(world.domain(), Mark(environment="lab", applied=guest.spec))
    world.domain().setAutostart(True)
    world.kvm.connection.networkLookupByName("lab-lan").setAutostart(True)


def held(world: World) -> dict[str, str]:
    """What libvirt holds, as canonical XML, and the content of the disks."""
    connection = world.kvm.connection
    pool = connection.storagePoolLookupByName("lab")
    pool.refresh()
    network = connection.networkLookupByName("lab-lan")
    volumes = {f"volume {name}": pool.storageVolLookupByName(name) for name in ("web.qcow2", "web.data.qcow2")}
    return {
        "pool": canonical(pool.XMLDesc(), "capacity", "allocation", "available"),
        "network": canonical(network.XMLDesc(libvirt.VIR_NETWORK_XML_INACTIVE)),
        "domain": canonical(world.domain().XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)),
        **{
            name: canonical(volume.XMLDesc(), "target/timestamps", "backingStore/timestamps")
            for name, volume in volumes.items()
        },
        **{
            path.name: f"{path.stat().st_mode:o} {hashlib.sha256(path.read_bytes()).hexdigest()}"
            for path in sorted(world.disk.parent.glob("*.qcow2"))
        },
    }


def canonical(xml: str, *left_out: str) -> str:
    """*xml* without what the machine has it say."""
    root = ElementTree.fromstring(xml)
    for path in left_out:
        parent, _slash, tag = path.rpartition("/")
        holder = root.find(parent) if parent else root
        found = None if holder is None else holder.find(tag)
        if holder is not None and found is not None:
            holder.remove(found)
    return ElementTree.canonicalize(ElementTree.tostring(root, encoding="unicode"), strip_text=True)


def test_what_the_provider_makes_by_a_stylesheet_is_what_the_core_makes(world: World) -> None:
    converge(world)
    by_core = held(world)
    kvm_lab.remove(world.kvm, "lab")
    world.about(by_core=False)
    with pytest.raises(AssertionError, match="Cannot access storage file"):
        world.up()
    assert "web" not in world.known()
    complete(world)
    assert held(world) == by_core
    assert kvm_lab.words(core_plan(world.kvm, world.case)) == []


def test_twins_stay_as_they_are_whatever_the_provider_reads_and_the_declaration_says(world: World) -> None:
    world.made()
    world.unchanged()
    world.project.pulumi("refresh", "--yes", "--stack", "test")
    world.about(memory=96)
    world.up("--expect-no-changes")
    assert world.domain().maxMemory() == 96 * 1024  # the core's work
    world.about(found=())
    world.unchanged()


def test_another_image_is_the_cores_to_apply(world: World) -> None:
    world.made()
    data = world.disk.with_name("web.data.qcow2").stat().st_ino
    world.about(recipe=1)
    assert world.planned() == {}
    world.up("--expect-no-changes")
    stored = image_store.resolve(world.case.folders, kvm_lab.RECIPES[1])
    header = read_qcow2(world.disk)
    assert stored
    assert header
    assert header.backing == stored.disk
    assert f"<kernel>{stored.kernel}</kernel>" in world.domain().XMLDesc()
    assert world.disk.with_name("web.data.qcow2").stat().st_ino == data
    world.unchanged()


def test_a_domain_that_somebody_has_removed_is_made_again(world: World) -> None:
    world.made()
    world.domain().undefine()
    world.about(found=("pool", "network"))
    assert world.planned() == {"web": "create"}
    world.up()
    assert world.domain().UUIDString() == world.known()["web"]
    world.unchanged()


def test_an_environment_that_the_core_has_made_is_taken_over_and_left_to_the_core_to_remove(world: World) -> None:
    converge(world)
    assert "web.seed" in world.kvm.connection.storagePoolLookupByName("lab").listVolumes()
    before = held(world)
    world.about(found=ALL)
    world.up()
    assert held(world) == before
    world.unchanged()
    world.destroy()
    assert world.known() == {}
    assert held(world) == before


def test_what_a_killed_run_has_made_and_not_written_down_is_imported(world: World) -> None:
    kill_once_there(world)
    assert "lan" not in world.known()
    world.project.pulumi("cancel", "--yes", "--stack", "test")
    pool = [change for change in core_plan(world.kvm, world.case, adopt=True) if change.key.kind == "pool"]
    kvm_lab.apply(world.kvm, pool)  # wherever the provider was with it
    world.about(found=("pool", "network"))
    world.up()
    assert set(world.known()) == {"pool", "lan", "disk-web", "disk-web.data", "web"}
    world.about(found=ALL)
    world.unchanged()


def kill_once_there(world: World) -> None:
    """Ends a run with its plugins the moment that the network is there."""
    argv = [binaries() / "pulumi", "--non-interactive", "up", "--yes", "--skip-preview", "--stack", "test"]
    with subprocess.Popen(
        argv,
        cwd=world.project.folder,
        env=world.project.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as running:
        until = time.monotonic() + 120
        while "lab-lan" not in [one.name() for one in world.kvm.connection.listAllNetworks()]:
            assert running.poll() is None
            assert time.monotonic() < until
            time.sleep(0.01)
        os.killpg(running.pid, signal.SIGKILL)
