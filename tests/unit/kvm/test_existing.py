# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What there is, read back as a declaration: declared again it plans nothing."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.checks import check
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.environment import (
    AddressRange,
    Attachment,
    DhcpSettings,
    Disk,
    DnsSettings,
    Environment,
    GuestNetwork,
    PortRange,
    Reservation,
    StoragePool,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.existing import Existing, left_to, read_back
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.hypervisor import Hypervisor
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.model import Observed
from kvm_lab import INPUTS, MIB, converge, environment, observe, planned, with_guest, words

BACK = GuestNetwork(
    cidr=IPv4Network("10.212.0.0/24"),
    forward="nat",
    domain="back.internal",
    mtu=1400,
    autostart=False,
    dhcp=DhcpSettings(
        ranges=(AddressRange(start=IPv4Address("10.212.0.100"), end=IPv4Address("10.212.0.120")),),
        hosts={"printer": Reservation(mac="52:54:00:00:00:07", address=IPv4Address("10.212.0.7"))},
    ),
    dns=DnsSettings(
        hosts={"www": IPv4Address("10.212.0.11"), "nas": IPv4Address("10.212.0.9")},
        forwarders=(IPv4Address("10.0.0.53"),),
    ),
    nat_ports=PortRange(start=2000, end=3000),
)


def rich(folder: str) -> Environment:
    """Two networks of every kind of leaf, a pool, a guest on both networks with a hardware address of its own."""
    declared = with_guest(
        environment(),
        "web",
        networks={
            "lan": Attachment(address=IPv4Address("10.211.0.11")),
            "back": Attachment(address=IPv4Address("10.212.0.11"), mac="52:54:00:aa:bb:cc", link="down"),
        },
        description="the shop",
        vcpus=2,
        vcpus_max=4,
        memory_max=128 * MIB,
        autostart=False,
        disks={"data": Disk(size=8 * MIB, keep=True), "scratch": Disk(size=16 * MIB, pool="fast")},
    )
    quiet = GuestNetwork(cidr=IPv4Network("10.213.0.0/24"), forward="isolated", dns=DnsSettings(enable=False))
    networks = {**declared.networks, "back": BACK, "quiet": quiet}
    return replace(declared, networks=networks, pools={"fast": StoragePool(path=f"{folder}/fast", autostart=False)})


def read(hypervisor: Hypervisor, declared: Environment) -> Existing:
    return read_back(declared.name, declared.folder, observe(hypervisor, declared.name))


def test_what_was_made_is_read_back_as_it_was_declared(hypervisor: Hypervisor) -> None:
    declared = rich(str(hypervisor.folders.root))
    converge(hypervisor, declared)
    existing = read(hypervisor, declared)
    assert existing.environment.networks == declared.networks
    assert existing.environment.pools == declared.pools
    for name, guest in existing.environment.guests.items():
        assert list(guest.networks.items()) == list(declared.guests[name].networks.items())
        told = (guest.description, guest.vcpus, guest.memory, guest.disk, guest.disks, guest.autostart)
        given = declared.guests[name]
        assert told == (given.description, given.vcpus, given.memory, given.disk, given.disks, given.autostart)
    assert not planned(hypervisor, existing.environment, replace(INPUTS, guest_images=existing.guest_images))


def test_nothing_is_wrong_with_what_is_read_back(hypervisor: Hypervisor) -> None:
    declared = rich(str(hypervisor.folders.root))
    converge(hypervisor, declared)
    assert check(read(hypervisor, declared).environment) == []


def test_drift_is_not_taken_over(hypervisor: Hypervisor) -> None:
    declared = environment(guests=())
    converge(hypervisor, declared)
    hypervisor.connection.networkLookupByName("lab-lan").setAutostart(0)
    existing = read(hypervisor, declared)
    assert existing.environment.networks == declared.networks
    assert words(planned(hypervisor, existing.environment)) == ["update network lan"]


def test_strangers_are_not_read(hypervisor: Hypervisor) -> None:
    hypervisor.connection.networkDefineXML("<network><name>lab-theirs</name><bridge name='theirs'/></network>")
    found = observe(hypervisor, "lab")
    assert [item.owned for item in found] == [False]
    assert read_back("lab", "/", found).environment == Environment(name="lab", folder="/")


@pytest.mark.parametrize("guests", [(), ("web",)])
def test_a_reservation_without_its_guest_is_one_of_the_network(hypervisor: Hypervisor, guests: tuple[str, ...]) -> None:
    converge(hypervisor, environment(guests=("web",)))

    def there(item: Observed) -> bool:
        return item.key.kind != "guest" or item.key.name in guests

    lan = read_back("lab", "/", filter(there, observe(hypervisor, "lab"))).environment.networks["lan"]
    assert sorted(lan.dhcp.hosts) == sorted(lan.dns.hosts) == sorted({"web"} - set(guests))
    left = left_to(environment(guests=("web",)).guests, {"lan": lan})["lan"]
    assert left == environment().networks["lan"]
    assert left_to(environment(guests=("apps",)).guests, {"lan": lan})["lan"] == lan
