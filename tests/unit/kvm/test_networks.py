# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks as they are written for libvirt, and what a change of a declaration takes, on libvirt's test driver."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import libvirt
import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.environment import (
    AddressRange,
    Attachment,
    DhcpSettings,
    DnsSettings,
    GuestNetwork,
    PortRange,
    Reservation,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest.interfaces import interfaces
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.network import Network
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.network_spec import network_spec
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.network_xml import render_network, unknown_parts
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.model import Plan
from ansible_collections.strata.kvm_docker.plugins.module_utils.resources import plan
from kvm_lab import INPUTS, apply, converge, environment, planned, with_guest, with_network, words

ONE = environment(guests=("web",))
RANGE = DhcpSettings(ranges=(AddressRange(start=IPv4Address("10.211.3.1"), end=IPv4Address("10.211.3.9")),))
PRINTER = Reservation(mac="52:54:00:99:00:01", address=IPv4Address("10.211.2.2"))
PRINTERS = DhcpSettings(hosts={"printer": PRINTER})
NAMES = DnsSettings(hosts={"www": IPv4Address("10.211.0.11"), "db": IPv4Address("10.211.2.3")})
PORTS = PortRange(start=20000, end=29999)


def rendered(**changes: object) -> Element:
    declared = with_network(ONE, "lan", **changes)
    return ElementTree.fromstring(render_network("lab", "lan", network_spec(declared, "lan", declared.networks["lan"])))


def changed(found: Plan) -> list[tuple[str, ...]]:
    return [difference.path for change in found for difference in change.differences]


def test_a_network_without_anything_to_say_of_names_leaves_them_to_libvirt() -> None:
    declared = environment(guests=())
    spec = network_spec(declared, "lan", declared.networks["lan"])
    root = ElementTree.fromstring(render_network("lab", "lan", spec))
    assert [root.find(path) for path in ("dns", "ip/dhcp", "mtu", "domain", "forward")] == [None] * 5


def test_names_of_one_address_are_one_record_with_the_guests_own_first() -> None:
    hosts = rendered(dns=NAMES).findall("dns/host")
    assert {host.get("ip"): [name.text for name in host] for host in hosts} == {
        "10.211.0.11": ["web", "www"],
        "10.211.2.3": ["db"],
    }


def test_a_network_without_a_name_server_has_no_names_and_its_guests_no_resolver() -> None:
    root = rendered(dns=DnsSettings(enable=False))
    assert (root.find("dns").get("enable"), root.findall("dns/host")) == ("no", [])
    silent = with_network(ONE, "lan", dns=DnsSettings(enable=False))
    (interface,) = interfaces(silent, silent.guests["web"])
    assert interface.resolver is None


def test_ports_are_those_of_nat_only() -> None:
    assert rendered(forward="nat", nat_ports=PORTS).find("forward/nat/port[@start='20000'][@end='29999']") is not None
    assert rendered(forward="nat").find("forward/nat") is None


def test_what_we_write_has_no_unknown_part() -> None:
    every = rendered(forward="nat", nat_ports=PORTS, mtu=1400, domain="lab", dhcp=RANGE, dns=NAMES)
    assert list(unknown_parts(every)) == []


@pytest.mark.parametrize(
    ("xml", "parts"),
    [
        ("<network connections='2'><name>x</name></network>", []),
        ("<network trustGuestRxFilters='yes'/>", ["trustGuestRxFilters"]),
        ("<network><bridge name='a' zone='trusted' stp='off' delay='3'/></network>", ["bridge.zone", "bridge.delay"]),
        ("<network><forward dev='a' mode='nat'><interface dev='a'/></forward></network>",
         ["forward.dev", "forward.interface"]),
        ("<network><forward mode='nat'><nat ipv6='yes'><address start='a' end='b'/></nat></forward></network>",
         ["forward.nat.ipv6", "forward.nat.address"]),
        ("<network><ip address='10.0.0.1' prefix='8'/><ip address='11.0.0.1' prefix='8'/></network>", ["ip"]),
        ("<network><ip address='10.0.0.1' prefix='8'><tftp root='/x'/><dhcp><bootp file='x'/></dhcp></ip></network>",
         ["ip.tftp", "ip.dhcp.bootp"]),
        ("<network><domain name='x' localOnly='no'/><vlan/></network>", ["domain.localOnly", "vlan"]),
    ],
)  # fmt: skip
def test_what_we_never_write_is_named_by_its_path(xml: str, parts: list[str]) -> None:
    assert list(unknown_parts(ElementTree.fromstring(xml))) == parts


CHANGES: list[tuple[dict[str, object], list[str], list[tuple[str, ...]]]] = [
    ({"dhcp": RANGE}, ["update network lan"], [("ranges",)]),
    (
        {"dhcp": PRINTERS},
        ["update network lan"],
        [("hosts", "printer", "address"), ("hosts", "printer", "mac")],
    ),
    ({"dns": NAMES}, ["update network lan"], [("names", "10.211.0.11"), ("names", "10.211.2.3")]),
    ({"autostart": False}, ["update network lan"], [("autostart",)]),
    ({"nat_ports": PORTS}, ["restart network lan"], [("nat_ports",)]),
    ({"forward": "open"}, ["restart network lan"], [("forward",)]),
    ({"dns": DnsSettings(forwarders=(IPv4Address("10.0.0.1"),))}, ["restart network lan"], [("forwarders",)]),
    (
        {"mtu": 1400},
        ["restart network lan", "restart guest web"],
        [("mtu",), ("interfaces", "lan", "mtu")],
    ),
    (
        {"domain": "lab"},
        ["restart network lan", "restart guest web"],
        [("domain",), ("interfaces", "lan", "domain")],
    ),
    (
        {"dns": DnsSettings(enable=False)},
        ["restart network lan", "restart guest web"],
        [("dns",), ("names", "10.211.0.11"), ("interfaces", "lan", "resolver")],
    ),
]


@pytest.mark.parametrize(("changes", "steps", "paths"), CHANGES)
def test_a_change_and_its_removal_take_the_same_and_are_told_by_path(
    hypervisor: Any, changes: dict[str, object], steps: list[str], paths: list[tuple[str, ...]]
) -> None:
    before = with_network(ONE, "lan", forward="nat")
    after = with_network(before, "lan", **changes)
    converge(hypervisor, before)
    for wanted in (after, before):
        found = planned(hypervisor, wanted)
        assert (words(found), changed(found)) == (steps, paths)
        assert {difference.cause for change in found for difference in change.differences} == {"declaration"}
        converge(hypervisor, wanted)
        assert not planned(hypervisor, wanted)


def test_another_subnet_replaces_the_network_and_restarts_its_guests(hypervisor: Any) -> None:
    converge(hypervisor, ONE)
    moved = with_network(ONE, "lan", cidr=IPv4Network("10.212.0.0/24"))
    moved = with_guest(moved, "web", networks={"lan": Attachment(address=IPv4Address("10.212.0.11"))})
    assert words(converge(hypervisor, moved)) == ["replace network lan", "restart guest web"]
    assert not planned(hypervisor, moved)


def test_domains_are_read_once_for_all_networks(hypervisor: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    many = {f"net-{number}": GuestNetwork(cidr=IPv4Network(f"10.220.{number}.0/24")) for number in range(20)}
    declared = replace(environment(), networks={**environment().networks, **many})
    converge(hypervisor, declared)
    looks: list[int] = []
    described = libvirt.virConnect.listAllDomains
    monkeypatch.setattr(
        libvirt.virConnect, "listAllDomains", lambda *arguments: looks.append(1) or described(*arguments)
    )
    assert not planned(hypervisor, declared)
    assert len(looks) == 2  # for the links of all networks, and for the guests


def test_a_network_that_is_only_stopped_or_started_keeps_its_definition(hypervisor: Any) -> None:
    """As with `state: stopped`, which takes no other change of a declaration along."""
    converge(hypervisor, environment(guests=()))
    network = hypervisor.connection.networkLookupByName("lab-lan")
    before = network.XMLDesc()
    newer = with_network(environment(guests=()), "lan", domain="newer")
    for running, action in ((False, "stop"), (True, "start")):
        (change,) = planned(hypervisor, newer)
        power = replace(change, action=action, differences=(), declared=replace(change.declared, running=running))
        apply(hypervisor, [power, power])
        assert (bool(network.isActive()), network.XMLDesc()) == (running, before)


def test_a_strangers_network_that_is_adopted_gives_way_to_ours(hypervisor: Any) -> None:
    stranger = hypervisor.connection.networkDefineXML(
        "<network><name>lab-lan</name><bridge name='theirs'/><ip address='10.1.0.1' prefix='24'/></network>"
    )
    stranger.create()
    declared = environment(guests=())
    items = list(Network().declare(declared, INPUTS))
    (change,) = plan(
        items, Network().observe(hypervisor, "lab"), lambda _key, found: Network().effect(found), adopt=True
    )
    apply(hypervisor, [change, change])
    assert [network.UUIDString() for network in hypervisor.connection.listAllNetworks()] != [stranger.UUIDString()]
    assert not planned(hypervisor, declared)
