# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module guest_network on a real libvirt."""

from __future__ import annotations

from typing import Any

import libvirt
import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.hypervisor import Hypervisor
from docker_module import Modules, actions
from kvm_lab import converge, environment, planned
from kvm_module import causes

pytestmark = pytest.mark.lab

LAN: dict[str, Any] = {"name": "lan", "cidr": "10.211.0.0/20", "forward": "isolated"}
RANGES = {"ranges": [{"start": "10.211.1.1", "end": "10.211.1.9"}]}
PRINTER = {"printer": {"mac": "52:54:00:00:00:07", "address": "10.211.0.7"}}


def test_a_network_lives_from_its_creation_to_its_end(modules: Modules, kvm: Hypervisor) -> None:
    made = modules.four_phases("guest_network", **LAN, domain="lab.internal", dhcp=RANGES)
    assert actions(made) == ["create network lan"]
    assert made["network"]["libvirt_name"] == "lab-lan"
    assert (made["network"]["running"], made["network"]["gateway"]) == (True, "10.211.0.1")
    assert made["network"]["uuid"] == kvm.connection.networkLookupByName("lab-lan").UUIDString()
    changed = modules.four_phases("guest_network", **LAN, dhcp={**RANGES, "hosts": PRINTER})
    assert causes(changed) == {
        "domain": "declaration",
        "hosts.printer.address": "declaration",
        "hosts.printer.mac": "declaration",
    }
    assert changed["network"]["hosts"] == PRINTER
    gone = modules.four_phases("guest_network", name="lan", state="absent")
    assert actions(gone) == ["delete network lan"]
    assert "network" not in gone
    assert kvm.connection.listAllNetworks() == []


def test_an_edit_behind_our_back_is_told_as_drift_and_taken_back_in_place(modules: Modules, kvm: Hypervisor) -> None:
    modules.run("guest_network", **LAN, dhcp={"hosts": PRINTER})
    kvm.connection.networkLookupByName("lab-lan").update(
        libvirt.VIR_NETWORK_UPDATE_COMMAND_DELETE,
        libvirt.VIR_NETWORK_SECTION_IP_DHCP_HOST,
        -1,
        "<host mac='52:54:00:00:00:07'/>",
        libvirt.VIR_NETWORK_UPDATE_AFFECT_LIVE | libvirt.VIR_NETWORK_UPDATE_AFFECT_CONFIG,
    )
    mended = modules.four_phases("guest_network", **LAN, dhcp={"hosts": PRINTER})
    assert actions(mended) == ["update network lan"]
    assert set(causes(mended).values()) == {"drift"}


def test_it_is_stopped_and_started_as_it_is(modules: Modules, kvm: Hypervisor) -> None:
    assert "has none" in modules.refused("guest_network", name="lan", state="started")
    modules.run("guest_network", **LAN, mtu=1400)
    assert actions(modules.four_phases("guest_network", name="lan", state="stopped")) == ["stop network lan"]
    assert not kvm.connection.networkLookupByName("lab-lan").isActive()
    assert actions(modules.four_phases("guest_network", name="lan", state="started")) == ["start network lan"]
    modules.stands("guest_network", **LAN, mtu=1400)


def test_guests_of_the_environment_keep_their_reservations_and_the_network(modules: Modules, kvm: Hypervisor) -> None:
    converge(kvm, environment())
    modules.stands("guest_network", **LAN)
    changed = modules.run("guest_network", **LAN, dhcp=RANGES)
    assert sorted(changed["network"]["hosts"]) == ["apps", "web"]
    assert "guest apps, web is on it" in modules.refused("guest_network", name="lan", state="absent")
    moved = modules.refused("guest_network", name="lan", cidr="10.212.0.0/24", forward="isolated")
    assert "guests.web.networks.lan.address: 10.211.0.11 is outside of 10.212.0.0/24" in moved
    modules.run("guest_network", **LAN)
    assert not planned(kvm, environment())


def test_a_strangers_network_is_left_alone_until_it_is_adopted(modules: Modules, kvm: Hypervisor) -> None:
    kvm.connection.networkDefineXML("<network><name>lab-lan</name><bridge name='theirs'/></network>")
    for check in (True, False):
        assert "adopt: true" in modules.refused("guest_network", check=check, **LAN)
    assert "does not belong" in modules.refused("guest_network", name="lan", state="absent")
    adopted = modules.four_phases("guest_network", **LAN, adopt=True)
    assert adopted["plan"][0]["reason"] == "adopted: somebody else made it"


def test_other_networks_of_the_environment_are_left_alone(modules: Modules, kvm: Hypervisor) -> None:
    modules.run("guest_network", **LAN)
    kvm.connection.networkLookupByName("lab-lan").setAutostart(0)
    second = modules.four_phases("guest_network", name="back", cidr="10.212.0.0/24", forward="isolated")
    assert actions(second) == ["create network back"]
    assert second["orphans"] == []
    overlapping = modules.refused("guest_network", name="third", cidr="10.212.0.0/25")
    assert overlapping.startswith("options: cidr: 10.212.0.0/25 overlaps 10.212.0.0/24")
    assert actions(modules.run("guest_network", name="back", state="absent")) == ["delete network back"]
    assert kvm.connection.networkLookupByName("lab-lan").isActive()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"cidr": "10.211.0.1/24"}, "options: cidr: 10.211.0.1/24 has host bits set; did you mean 10.211.0.0/24?"),
        ({"dhcp": {"ranges": [{"start": "10.9.0.1", "end": "10.9.0.2"}]}}, "options: dhcp.ranges.0.start: 10.9.0.1 is"),
        ({"dhcp": {"hosts": {"db": {"mac": "x", "address": "10.211.0.8"}}}}, "options: dhcp.hosts.db.mac: it must be"),
        ({"dhcp": {"hosts": {"db": {"address": "10.211.0.8"}}}}, "options: dhcp.hosts.db: 'mac' is required"),
        ({"nat_ports": {"start": 1, "end": 9}}, "options: nat_ports: needs forward: nat; it is isolated"),
        ({"name": "No Name"}, "options: name: the key must be a name"),
        ({"environment": "No Name"}, "environment: 'No Name' is not a name"),
        ({"cidr": None}, "options: 'cidr' is required"),
        ({"uri": "qemu:///system?socket=/nowhere"}, "cannot be used"),
    ],
)
def test_bad_options_are_told_with_their_path(modules: Modules, options: dict[str, Any], words: str) -> None:
    assert words in modules.refused("guest_network", check=True, **{**LAN, **options})


def test_a_network_without_a_subnet_is_refused(modules: Modules) -> None:
    assert "all of the following are missing: cidr" in modules.refused("guest_network", check=True, name="lan")
