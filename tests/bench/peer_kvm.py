# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Guests: ours and community.libvirt on one libvirt, and a thousand domains on libvirt's test driver."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import kvm_lab
from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest import seed
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm import disk, embedded
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.connection import connect
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.hypervisor import Hypervisor, open_hypervisor
from ansible_collections.strata.kvm_docker.plugins.module_utils.layers.layer import Layer
from environments import Lab
from figure import Figure
from peer_tools import Peers, alternate, run, timed

GUESTS = 10
DOMAINS = 1000
_LAYER = Path(__file__).with_name("layer_process.py")

#: What a user of community.libvirt writes for a guest as small as ours.
_XML = """\
<domain type="qemu">
  <name>peer-{number}</name>
  <memory unit="MiB">64</memory>
  <vcpu>1</vcpu>
  <os><type arch="x86_64">hvm</type></os>
  <devices>
    <disk type="file" device="disk">
      <driver name="qemu" type="qcow2"/>
      <source file="/var/lib/libvirt/images/peer-{number}.qcow2"/>
      <target dev="vda" bus="virtio"/>
    </disk>
    <interface type="network"><source network="strata-bench-lan"/><model type="virtio"/></interface>
    <console type="pty"/>
  </devices>
</domain>
"""


@dataclass(frozen=True)
class Guests:
    """Ten guests of each contestant on the embedded hypervisor of a lab. Ours run, and have a network, a pool and disks
    that are looked at as well; theirs are defined only."""

    lab: Lab
    peers: Peers
    folder: Path
    rounds: int

    def strata(self) -> float:
        """Our core in a fresh process."""
        folders = self._folders
        told = json.loads(run(sys.executable, _LAYER, "guests", folders.root, folders.images, str(GUESTS)))
        if told["changes"]:
            raise RuntimeError(f"nothing was to be changed: {told['changes']}")
        return float(told["seconds"])

    def strata_process(self) -> float:
        """The same with all that starting a Python process and importing takes."""
        return timed(self.strata)()

    def loop(self) -> float:
        """A playbook with the module ``virt`` for each guest, as its users write it."""
        play = self.folder / "guests.yml"
        definitions = [_XML.format(number=number) for number in range(GUESTS)]
        virt = {"uri": embedded.uri(self.lab.folders), "command": "define", "xml": "{{ item }}"}
        task = {"community.libvirt.virt": virt, "loop": definitions}
        variables = {"ansible_python_interpreter": "{{ ansible_playbook_python }}"}
        shape = {"hosts": "localhost", "connection": "local", "gather_facts": False, "vars": variables}
        play.write_text(json.dumps([{**shape, "tasks": [task]}]))
        return timed(lambda: self.peers.run_playbook("-i", "localhost,", play))()

    def empty(self) -> float:
        """What every playbook costs."""
        play = self.folder / "empty.yml"
        play.write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": []}]))
        return timed(lambda: self.peers.run_playbook("-i", "localhost,", play))()

    def make(self) -> None:
        """Ours, on images of their own; the peer's are made by its first run."""
        kvm_lab.fill_store(self._folders, kernel=None)
        hypervisor = open_hypervisor(embedded.uri(self.lab.folders), self._folders)
        try:
            kvm_lab.converge(hypervisor, kvm_lab.environment("bench", [f"g{number}" for number in range(GUESTS)]))
        finally:
            hypervisor.close()
        self.loop()

    @property
    def _folders(self) -> Folders:
        return Folders(self.lab.folders.root, self.lab.folders.root / "tiny-images")


def guests(contest: Guests) -> Iterator[Figure]:
    """Ten unchanged guests."""
    contest.make()
    contestants = {"strata": contest.strata, "loop": contest.loop, "empty": contest.empty}
    medians = alternate(contest.rounds, contestants)
    theirs = medians["loop"] - medians["empty"]
    yield Figure(f"{GUESTS} unchanged guests, their network, pool and disks: inside", medians["strata"], unit="s")
    yield Figure("  whole playbook with a loop of virt, which looks at no disk", medians["loop"], unit="s")
    yield Figure("  empty playbook", medians["empty"], unit="s")
    yield Figure("  the loop as a multiple of ours", theirs / medians["strata"], 10, "x", at_least=True)


def domains(folder: Path, rounds: int) -> Iterator[Figure]:
    """A thousand guests observed and planned; the driver starts none, so they share one disk and have no seeds."""
    connection = connect("test:///default")
    layer = _thousand(Hypervisor(connection=connection, uri="test:///default", folders=Folders(folder)))
    with patch.object(seed, "write_seed", lambda *_given: True):
        layer.converge()
    medians = alternate(rounds, {"plan": lambda: _planned(layer)})
    yield Figure(f"{DOMAINS} domains of the test driver observed and planned", medians["plan"], 3, "s")
    connection.close()


def _thousand(hypervisor: Hypervisor) -> Layer:
    kvm_lab.fill_store(hypervisor.folders)
    names = [f"g{number}" for number in range(DOMAINS)]
    pool = hypervisor.folders.pool("thousand")
    pool.mkdir(parents=True)
    image = disk.stored_image(hypervisor, names[0], kvm_lab.RECIPES[0]).disk
    run("qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", image, pool / "one")
    for name in names:
        disk.disk_path(pool, name).hardlink_to(pool / "one")
    environment = kvm_lab.environment("thousand", names)
    return Layer(environment=environment, connection=hypervisor, kinds=("guest",), inputs=kvm_lab.INPUTS, running=False)


def _planned(layer: Layer) -> float:
    began = time.monotonic()
    made = layer.plan()
    if made:
        raise RuntimeError(f"nothing was to be changed: {made.changes[0]}")
    return time.monotonic() - began
