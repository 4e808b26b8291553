# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

import libvirt
import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils import naming
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.environment import (
    Attachment,
    EngineSettings,
    Environment,
    Guest,
    GuestNetwork,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest.seed import SeedKeys


@pytest.fixture
def environment() -> Environment:
    """Guest ``web`` on a network with a way out and an isolated one, guest ``apps`` on the first."""
    return Environment(
        name="lab",
        folder="/declaration",
        networks={
            "lan": GuestNetwork(cidr=IPv4Network("10.80.0.0/24"), domain="lab"),
            "data": GuestNetwork(cidr=IPv4Network("10.81.0.0/16"), forward="isolated"),
        },
        guests={
            "web": Guest(
                name="web",
                image="debian",
                networks={
                    "data": Attachment(address=IPv4Address("10.81.0.11"), mac="52:54:00:aa:bb:cc"),
                    "lan": Attachment(address=IPv4Address("10.80.0.11")),
                },
                engine=EngineSettings(settings={"log-driver": "local", "debug": True}),
            ),
            "apps": Guest(name="apps", image="debian", networks={"lan": Attachment(address=IPv4Address("10.80.0.12"))}),
        },
    )


@pytest.fixture
def keys() -> SeedKeys:
    return SeedKeys(
        authorized="ssh-ed25519 AAAAopens lab", host_private=b"-- private --\n", host_public="ssh-ed25519 AAAAhost web"
    )


@pytest.fixture
def folders() -> Iterator[Folders]:
    """A short path: unix sockets hold 107 bytes."""
    with TemporaryDirectory(prefix="st-", dir="/tmp") as root:
        yield Folders(Path(root))


@pytest.fixture
def domain(folders: Folders) -> Iterator[Any]:
    """The running domain of guest ``web`` in libvirt's own simulated hypervisor; ``domain.hypervisor`` leads to it."""
    connection = libvirt.open("test:///default")
    uuid = naming.object_uuid("lab", "guest", "web")
    made = connection.createXML(
        f"<domain type='test'><name>lab-web</name><uuid>{uuid}</uuid><memory>65536</memory>"
        "<os><type>hvm</type></os></domain>"
    )
    made.hypervisor = SimpleNamespace(connection=connection, folders=folders)
    yield made
    for end in (made.destroy, made.undefine):
        with suppress(libvirt.libvirtError):
            end()
    connection.close()
