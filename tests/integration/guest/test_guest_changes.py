# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One booted guest that changes while it runs, and takes each change over inside; it is never restarted."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Network
from typing import TYPE_CHECKING, Any

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils import naming
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.environment import (
    Attachment,
    Disk,
    Environment,
    Guest,
    GuestNetwork,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.engine import Engine
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.mount import Mount, declared_mounts
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest import access, guest_image
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest.ssh import Shell
from ansible_collections.strata.kvm_docker.plugins.module_utils.inputs import Inputs
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm import ready, snapshot
from ansible_collections.strata.kvm_docker.plugins.module_utils.progress import Progress
from ansible_collections.strata.kvm_docker.plugins.module_utils.resources import plan
from conftest import IMAGE
from kvm_lab import converge, planned, remove, with_guest, words

if TYPE_CHECKING:
    from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.hypervisor import Hypervisor

pytestmark = [pytest.mark.lab, pytest.mark.guests]

GIB, MIB = 1024**3, 1024**2
DMZ = Attachment(address=IPv4Address("10.88.1.11"))


@dataclass
class Living:
    """A guest that runs, as it is declared now."""

    hypervisor: Hypervisor
    environment: Environment
    inputs: Inputs
    shell: Shell

    def change(self, **changes: Any) -> list[str]:
        """Declare the guest otherwise; what was done for it."""
        self.environment = with_guest(self.environment, "web", **changes)
        access.prepare(self.environment, self.hypervisor.folders, self.hypervisor.inside([]))
        domain = self.domain.ID()
        done = words(converge(self.hypervisor, self.environment, self.inputs))
        assert self.domain.ID() == domain, "it was restarted"
        assert not planned(self.hypervisor, self.environment, self.inputs)
        return done

    @property
    def domain(self) -> Any:
        return self.hypervisor.connection.lookupByName("changes-web")

    def says(self, command: str) -> str:
        return self.shell.run(command).decode().strip()

    def mounts(self) -> list[str]:
        """Plan and apply what is mounted."""
        guest = self.environment.guests["web"]
        engine: Any = Engine(
            guest="web",
            environment="changes",
            client=None,
            shell=self.shell,
            mounts=declared_mounts(guest),
        )
        kind = Mount()
        made = plan(
            kind.declare(self.environment, self.inputs),
            kind.observe(engine, "changes"),
            lambda key, difference: kind.effect(difference),
            remove_orphans=True,
        )
        for change in made:
            kind.apply(engine, change, Progress())
        return words(made)


@pytest.fixture(scope="module")
def living(hypervisor: Hypervisor) -> Iterator[Living]:
    environment = Environment(
        name="changes",
        folder="/",
        images={"debian": IMAGE},
        networks={
            "lan": GuestNetwork(cidr=IPv4Network("10.88.0.0/24")),
            "dmz": GuestNetwork(cidr=IPv4Network("10.88.1.0/24"), forward="isolated"),
        },
        guests={
            "web": Guest(
                name="web",
                image="debian",
                memory=512 * MIB,
                memory_max=768 * MIB,
                vcpus_max=2,
                boot_timeout=900,
                disk=4 * GIB,
                networks={"lan": Attachment(address=IPv4Address("10.88.0.11"))},
            )
        },
    )
    prepared = access.prepare(environment, hypervisor.folders, hypervisor.inside([]))
    guest_image.obtain(IMAGE, "/", hypervisor.folders, lambda message, fraction: None)
    digests = {"debian": guest_image.recipe_digest(IMAGE, "/")}
    inputs = Inputs(guest_images=digests, authorized_key=prepared.public_key)
    try:
        converge(hypervisor, environment, inputs)
        shell = ready.wait_for_shell(hypervisor, environment, environment.guests["web"], Progress())
        shell.run("systemctl start multi-user.target", timeout=120)
        yield Living(hypervisor, environment, inputs, shell)
    finally:
        access.disconnect("changes", hypervisor.folders)
        remove(hypervisor, "changes")


def memory(living: Living) -> int:
    return int(living.says("awk '/MemTotal/ {print $2}' /proc/meminfo")) // 1024


def test_memory_grows_and_shrinks_within_its_maximum(living: Living) -> None:
    before = memory(living)
    assert living.change(memory=704 * MIB) == ["update guest web"]
    assert 150 < memory(living) - before < 250
    assert living.change(memory=512 * MIB) == ["update guest web"]
    assert abs(memory(living) - before) < 20


def test_the_file_system_grows_with_the_first_disk(living: Living) -> None:
    assert living.change(disk=5 * GIB) == ["update disk web"]
    assert int(living.says("df --output=size --block-size=1M / | tail -1")) > 4600


def test_a_data_disk_comes_is_formatted_mounted_grows_and_goes(living: Living) -> None:
    disk = Disk(size=256 * MIB, mount="/srv/da-ta")
    assert living.change(disks={"data": disk}) == ["create disk web.data", "update guest web"]
    assert living.mounts() == ["create mount web/data"]
    assert living.mounts() == []
    living.says("echo kept > /srv/da-ta/file")
    living.change(disks={"data": replace(disk, size=512 * MIB)})
    assert int(living.says("df --output=size --block-size=1M /srv/da-ta | tail -1")) > 440
    living.says("systemctl disable 'srv-da\\x2dta.mount'; mount -o remount,ro /srv/da-ta")
    assert living.mounts() == ["update mount web/data"]
    assert living.mounts() == []
    assert living.says("systemctl is-enabled 'srv-da\\x2dta.mount'; touch /srv/da-ta/again") == "enabled"
    living.says("umount /srv/da-ta")
    assert living.mounts() == ["create mount web/data"]
    assert living.says("cat /srv/da-ta/file") == "kept"
    assert living.change(disks={}) == ["delete disk web.data", "update guest web"]
    assert living.says("ls /dev/disk/by-id /etc/systemd/system/*.mount 2>/dev/null || true").count("data") == 0


def test_a_disk_that_is_kept_comes_back_with_its_data(living: Living) -> None:
    disk = Disk(size=64 * MIB, mount="/srv/kept", keep=True)
    living.change(disks={"kept": disk})
    living.mounts()
    living.says("echo still here > /srv/kept/file; sync")
    assert living.change(disks={}) == ["update guest web"]
    assert living.change(disks={"kept": disk}) == ["update guest web"]
    living.mounts()
    assert living.says("cat /srv/kept/file") == "still here"
    living.change(disks={"kept": replace(disk, keep=False)})
    living.change(disks={})


def test_an_interface_comes_with_its_address_and_goes(living: Living) -> None:
    lan = living.environment.guests["web"].networks["lan"]
    assert living.change(networks={"lan": lan, "dmz": DMZ}) == ["update network dmz", "update guest web"]
    mac = naming.mac_address("changes", "web", "dmz")
    until = time.monotonic() + 30
    while "10.88.1.11/24" not in living.says("ip -o address") and time.monotonic() < until:
        time.sleep(0.5)
    assert "10.88.1.11/24" in living.says("ip -o address")
    living.change(networks={"lan": lan, "dmz": replace(DMZ, link="down")})
    assert living.says(f"cat $(dirname $(grep -l {mac} /sys/class/net/*/address))/carrier") == "0"
    assert living.change(networks={"lan": lan}) == ["update network dmz", "update guest web"]
    assert mac not in living.says("cat /sys/class/net/*/address")


def test_a_guest_that_was_reverted_answers_again_with_its_clock_right_and_its_plan_empty(living: Living) -> None:
    living.says("echo before > /root/state; sync")
    assert snapshot.create(living.hypervisor, "changes", "web", "tidy", "before the change")
    assert not planned(living.hypervisor, living.environment, living.inputs)
    living.says("echo after > /root/state; sync")
    time.sleep(6)
    snapshot.revert(living.hypervisor, "changes", "web", "tidy", Progress())
    assert living.says("cat /root/state") == "before"
    assert living.says("dmesg | grep --count 'reseeded due to virtual machine fork'") == "1"
    assert abs(int(living.says("date +%s")) - time.time()) < 5
    assert not planned(living.hypervisor, living.environment, living.inputs)
    assert snapshot.delete(living.hypervisor, "changes", "web", "tidy")
