# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for a guest: an sshd in a network namespace, a real engine, and a domain of libvirt's test driver."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import lab
import sshd
from ansible_collections.strata.kvm_docker.plugins.module_utils import naming
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.environment import (
    Attachment,
    Environment,
    Guest,
    GuestNetwork,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest import access
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest.console import console_path
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm import namespaces, processes

ADDRESS = "10.83.0.11"
ENVIRONMENT = Environment(
    name="lab",
    folder="/declaration",
    networks={"lan": GuestNetwork(cidr=IPv4Network("10.83.0.0/24"))},
    guests={"web": Guest(name="web", image="debian", networks={"lan": Attachment(address=IPv4Address(ADDRESS))})},
)
#: States of the test driver's domains (virDomainState).
RUNNING, OFF = 1, 5


@dataclass(slots=True, kw_only=True)
class StandIn:
    """Guest ``web`` of environment ``lab``. ``folders``: its environment's; ``root``: of the sshd."""

    root: Path
    folders: Folders
    engine: lab.LabEngine
    daemon: processes.Process | None = None

    @property
    def netns(self) -> Path:
        return self.root / "netns"

    @property
    def hypervisor(self) -> str:
        return f"test://{self.root}/node.xml"

    @property
    def host_key(self) -> Path:
        """The private one that it shows; the pinned one is the environment's."""
        return self.root / "host_key"

    def boot(self) -> None:
        """SSH answers from now on."""
        sshd.configure(self.root, ADDRESS, 22, self.host_key)
        self.daemon = sshd.start(self.root, self._listens, namespaces.inside(self.netns, []), empty="/var/lib")

    def stop(self) -> None:
        """Neither SSH nor any connection is left."""
        access.shell("lab", "web", self.folders).disconnect()
        processes.terminate(processes.in_network(self.netns), grace=2)
        self.daemon = None

    def start_engine(self) -> None:
        """The engine answers from now on."""
        (self.root / "docker.sock").symlink_to(self.engine.socket)

    def stop_engine(self) -> None:
        (self.root / "docker.sock").unlink(missing_ok=True)

    def power(self, state: int) -> None:
        """What libvirt tells of the domain."""
        (self.root / "node.xml").write_text(
            "<node><domain type='test' xmlns:test='http://libvirt.org/schemas/domain/test/1.0'><name>lab-web</name>"
            f"<uuid>{naming.object_uuid('lab', 'guest', 'web')}</uuid><memory>65536</memory><os><type>hvm</type></os>"
            f"<test:runstate>{state}</test:runstate></domain></node>"
        )

    def says(self, text: str) -> None:
        """*text* is all that is on its console."""
        path = console_path(self.folders, "lab", "web")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def led_by(self, *way: str) -> None:
        """Have SSH go by another *way* into its network: the start of a command line."""
        access.prepare(ENVIRONMENT, self.folders, way or namespaces.inside(self.netns, []))

    def logins(self) -> int:
        return sshd.logins(self.root)

    def connected(self) -> bool:
        """Whether the one connection is there."""
        config = access.shell("lab", "web", self.folders).config
        return not subprocess.run(
            ["ssh", "-F", config, "-O", "check", "web"], capture_output=True, check=False
        ).returncode

    def fresh(self) -> None:
        """As new: on, its engine up, nobody connected."""
        self.stop()
        self.stop_engine()
        self.says("Linux version 6.12\n")
        self.power(RUNNING)
        self.led_by()
        shutil.copy(self.folders.environment("lab") / "hostkeys" / "web", self.host_key)
        shutil.copy(self.folders.environment("lab") / "id_ed25519.pub", self.root / "authorized_keys")
        self.start_engine()
        self.boot()

    def _listens(self) -> bool:
        probe = ["sh", "-c", f"socat -u OPEN:/dev/null TCP:{ADDRESS}:22,connect-timeout=1"]
        argv = namespaces.inside(self.netns, probe)
        return not subprocess.run(argv, capture_output=True, check=False).returncode


@contextmanager
def stand_in(engine: lab.LabEngine) -> Iterator[StandIn]:
    """At its end no process, namespace or file of it is left."""
    with lab.root_folder() as root, lab.root_folder() as state:
        made = StandIn(root=root, folders=Folders(state), engine=engine)
        namespaces.pin(made.netns)
        try:
            namespaces.run(namespaces.inside(made.netns, ["ip", "address", "add", f"{ADDRESS}/32", "dev", "lo"]))
            sshd.unpack(root)
            made.led_by()
            yield made
        finally:
            made.stop()
            namespaces.unpin(made.netns)


def with_address(address: str) -> Environment:
    """The environment with its guest elsewhere."""
    guest = replace(ENVIRONMENT.guests["web"], networks={"lan": Attachment(address=IPv4Address(address))})
    return replace(ENVIRONMENT, guests={"web": guest})
