# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks on a real libvirtd with its dnsmasq: what it answers, what a change takes, and edits by others."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from itertools import combinations
from pathlib import Path
from typing import Any

import libvirt
import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils import naming
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.environment import (
    AddressRange,
    Attachment,
    DhcpSettings,
    DnsSettings,
    Environment,
    PortRange,
    Reservation,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.hypervisor import Hypervisor
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.model import Plan
from kvm_lab import converge, environment, planned, remove, with_guest, with_network, words

pytestmark = pytest.mark.lab

PROGRAMS = Path(__file__).parent
BRIDGE = naming.bridge_name("lab", "lan")
EMPTY = environment(guests=())
ONE = environment(guests=("web",))
PRINTER = "52:54:00:99:00:01"
STRANGER = "52:54:00:99:00:02"


def addresses(start: str, end: str) -> AddressRange:
    return AddressRange(start=IPv4Address(f"10.211.{start}"), end=IPv4Address(f"10.211.{end}"))


RANGES = DhcpSettings(
    ranges=(addresses("4.1", "4.1"), addresses("3.1", "3.1")),
    hosts={"printer": Reservation(mac=PRINTER, address=IPv4Address("10.211.2.2"))},
)
NAMES = DnsSettings(hosts={"db.lab": IPv4Address("10.211.2.3"), "www.lab": IPv4Address("10.211.0.11")})
FULL = with_network(
    ONE,
    "lan",
    forward="nat",
    domain="lab",
    mtu=1400,
    autostart=False,
    dhcp=RANGES,
    dns=DnsSettings(hosts=NAMES.hosts, forwarders=(IPv4Address("192.0.2.1"), IPv4Address("192.0.2.2"))),
    nat_ports=PortRange(start=20000, end=29999),
)


def inside(kvm: Hypervisor, *argv: str) -> str:
    return subprocess.run(kvm.inside(list(argv)), capture_output=True, text=True, check=True).stdout.strip()


def resolved(kvm: Hypervisor, name: str) -> str:
    return inside(kvm, sys.executable, str(PROGRAMS / "ask_dns.py"), "10.211.0.1", name)


@pytest.fixture
def leased(kvm: Hypervisor) -> Iterator[Callable[[str], str]]:
    """Asks the network's DHCP server, as a machine with this hardware address, for an address."""
    inside(kvm, "ip", "link", "add", "lease0", "type", "veth", "peer", "name", "lease1")

    def ask(mac: str) -> str:
        for link in ("lease0", "lease1"):
            inside(kvm, "ip", "link", "set", link, "up")
        inside(kvm, "ip", "link", "set", "lease0", "master", BRIDGE)
        return inside(kvm, sys.executable, str(PROGRAMS / "ask_dhcp.py"), "lease1", mac)

    yield ask
    inside(kvm, "ip", "link", "delete", "lease0")


def lan(kvm: Hypervisor) -> Any:
    return kvm.connection.networkLookupByName("lab-lan")


def link(kvm: Hypervisor, name: str = BRIDGE) -> Any:
    return json.loads(inside(kvm, "ip", "-json", "link", "show", name))[0]


def running(kvm: Hypervisor) -> list[int]:
    return sorted(domain.ID() for domain in kvm.connection.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE))


def taps(kvm: Hypervisor) -> list[str]:
    links = json.loads(inside(kvm, "ip", "-json", "link", "show", "master", BRIDGE) or "[]")
    return sorted(link["ifname"] for link in links if link["ifname"].startswith("vnet"))


def test_everything_that_can_be_declared_has_no_difference_when_it_is_read_back(kvm: Hypervisor) -> None:
    converge(kvm, FULL)
    assert not planned(kvm, FULL)
    assert (link(kvm)["mtu"], link(kvm, taps(kvm)[0])["mtu"], lan(kvm).autostart()) == (1400, 1400, 0)
    assert "20000-29999" in inside(kvm, "iptables-save", "-t", "nat")


@pytest.mark.parametrize("forward", ["nat", "route", "open", "isolated"])
def test_what_libvirt_fills_in_is_no_difference(kvm: Hypervisor, forward: str) -> None:
    declared = with_network(EMPTY, "lan", forward=forward)
    converge(kvm, declared)
    assert not planned(kvm, declared)
    lan(kvm).destroy()
    lan(kvm).create()
    assert not planned(kvm, declared)


def test_an_open_network_has_no_firewall_rule_of_libvirts(kvm: Hypervisor) -> None:
    converge(kvm, with_network(EMPTY, "lan", forward="open"))
    assert BRIDGE not in inside(kvm, "iptables-save", "-t", "nat")
    assert f"-o {BRIDGE}" not in inside(kvm, "iptables-save", "-t", "filter").replace("LIBVIRT_OUT", "")


def test_the_usual_ports_of_nat_may_be_written_down(kvm: Hypervisor) -> None:
    usual = with_network(EMPTY, "lan", forward="nat", nat_ports=PortRange(start=1024, end=65535))
    converge(kvm, usual)
    assert not planned(kvm, usual)
    assert not planned(kvm, with_network(EMPTY, "lan", forward="nat"))


def test_reservations_ranges_and_names_come_and_go_on_a_network_that_runs_on(
    kvm: Hypervisor, leased: Callable[[str], str]
) -> None:
    converge(kvm, EMPTY)
    before = link(kvm)["ifindex"]
    assert (leased(PRINTER), resolved(kvm, "db.lab")) == ("none", "none")
    both = with_network(EMPTY, "lan", dhcp=RANGES, dns=NAMES)
    assert words(converge(kvm, both)) == ["update network lan"]
    assert (leased(PRINTER), resolved(kvm, "db.lab")) == ("10.211.2.2", "10.211.2.3")
    assert leased(STRANGER) in ("10.211.3.1", "10.211.4.1")
    assert not planned(kvm, both)
    moved = with_network(EMPTY, "lan", dhcp=DhcpSettings(ranges=(addresses("5.1", "5.1"),), hosts=RANGES.hosts))
    assert words(converge(kvm, moved)) == ["update network lan"]
    assert (leased(STRANGER), resolved(kvm, "db.lab")) == ("10.211.5.1", "none")
    assert words(converge(kvm, EMPTY)) == ["update network lan"]
    assert (leased(STRANGER), leased(PRINTER)) == ("none", "none")
    assert link(kvm)["ifindex"] == before
    assert not planned(kvm, EMPTY)


def test_an_address_passes_from_one_reservation_to_another_in_one_change(
    kvm: Hypervisor, leased: Callable[[str], str]
) -> None:
    def reserved(**hosts: str) -> Environment:
        given = {
            name: Reservation(mac=mac, address=IPv4Address(f"10.211.2.{number}"))
            for number, (name, mac) in enumerate(hosts.items(), 2)
        }
        return with_network(EMPTY, "lan", dhcp=DhcpSettings(hosts=given))

    converge(kvm, reserved(printer=PRINTER, scanner=STRANGER))
    assert words(converge(kvm, reserved(scanner=STRANGER, printer=PRINTER))) == ["update network lan"]
    assert (leased(PRINTER), leased(STRANGER)) == ("10.211.2.3", "10.211.2.2")


@pytest.mark.parametrize(
    "changes",
    [
        {"domain": "lab"},
        {"nat_ports": PortRange(start=20000, end=29999)},
        {"dns": DnsSettings(forwarders=(IPv4Address("192.0.2.1"),))},
        {"forward": "open"},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_restart_of_a_network_keeps_the_links_of_its_guests(kvm: Hypervisor, changes: dict[str, Any]) -> None:
    first = with_network(environment(), "lan", forward="nat")
    converge(kvm, first)
    before = taps(kvm)
    found = planned(kvm, with_network(first, "lan", **changes))
    (network,) = (change for change in found if change.key.kind == "network")
    assert network.action == "restart"
    converge(kvm, with_network(first, "lan", **changes))
    assert len(taps(kvm)) == 2
    assert taps(kvm) == before or "domain" in changes
    assert not planned(kvm, with_network(first, "lan", **changes))


def test_guests_run_on_while_their_network_is_restarted_for_what_they_need_not_know(kvm: Hypervisor) -> None:
    first = with_network(environment(), "lan", forward="nat")
    converge(kvm, first)
    before = running(kvm), taps(kvm)
    changed = with_network(first, "lan", nat_ports=PortRange(start=20000, end=29999))
    assert words(converge(kvm, changed)) == ["restart network lan"]
    assert (running(kvm), taps(kvm)) == before
    assert [link(kvm, tap)["operstate"] for tap in taps(kvm)] == ["UNKNOWN", "UNKNOWN"]


@pytest.mark.parametrize(
    "changes", [{"domain": "lab"}, {"mtu": 1400}, {"dns": DnsSettings(enable=False)}], ids=lambda each: next(iter(each))
)
def test_guests_are_restarted_where_they_hear_of_a_change_at_their_boot_only(
    kvm: Hypervisor, changes: dict[str, Any]
) -> None:
    converge(kvm, ONE)
    changed = with_network(ONE, "lan", **changes)
    assert words(converge(kvm, changed)) == ["restart network lan", "restart guest web"]
    assert not planned(kvm, changed)
    assert words(converge(kvm, ONE)) == ["restart network lan", "restart guest web"]
    assert link(kvm)["mtu"] == 1500


def test_another_subnet_replaces_the_network_and_restarts_its_guests(kvm: Hypervisor) -> None:
    converge(kvm, ONE)
    disk = (kvm.folders.pool("lab") / "web.qcow2").stat().st_ino
    moved = with_network(ONE, "lan", cidr=IPv4Network("10.212.0.0/24"))
    moved = with_guest(moved, "web", networks={"lan": Attachment(address=IPv4Address("10.212.0.11"))})
    assert words(converge(kvm, moved)) == ["replace network lan", "restart guest web"]
    assert "10.212.0.1/24" in inside(kvm, "ip", "address", "show", BRIDGE)
    assert len(taps(kvm)) == 1
    assert (kvm.folders.pool("lab") / "web.qcow2").stat().st_ino == disk
    assert not planned(kvm, moved)


STATES = [
    EMPTY,
    with_network(EMPTY, "lan", dhcp=RANGES, dns=NAMES),
    with_network(EMPTY, "lan", forward="nat", domain="lab", dhcp=DhcpSettings(hosts=RANGES.hosts)),
    with_network(EMPTY, "lan", forward="open", mtu=1400, dns=DnsSettings(enable=False), autostart=False),
    replace(FULL, guests={}),
]


def described(kvm: Hypervisor) -> list[list[str]]:
    """What runs and what is defined, without the mark, which what runs has from its start."""
    texts = [lan(kvm).XMLDesc(flags) for flags in (0, libvirt.VIR_NETWORK_XML_INACTIVE)]
    return [sorted((text[: text.index("<metadata>")] + text[text.index("</metadata>") :]).split()) for text in texts]


def test_whatever_was_there_before_a_network_ends_as_if_it_had_been_made_anew(kvm: Hypervisor) -> None:
    anew = []
    for state in STATES:
        remove(kvm, "lab")
        converge(kvm, state)
        anew.append(described(kvm))
    every_pair = [step for one, other in combinations(range(len(STATES)), 2) for step in (one, other, one)]
    for step in every_pair:
        converge(kvm, STATES[step])
        assert described(kvm) == anew[step]


def update(command: str, section: str, xml: str, flags: int = 3) -> Callable[[Any], None]:
    """What `virsh net-update` does; *flags*: 1 what runs, 2 the definition, 3 both."""

    def edit(network: Any) -> None:
        network.update(
            getattr(libvirt, f"VIR_NETWORK_UPDATE_COMMAND_{command}"),
            getattr(libvirt, f"VIR_NETWORK_SECTION_{section}"),
            -1,
            xml,
            flags,
        )

    return edit


def defined(old: str, new: str) -> Callable[[Any], None]:
    """What `virsh net-edit` does."""

    def edit(network: Any) -> None:
        xml = network.XMLDesc(libvirt.VIR_NETWORK_XML_INACTIVE)
        assert xml.count(old) == 1, xml
        network.connect().networkDefineXML(xml.replace(old, new))

    return edit


HOST = f"<host mac='{STRANGER}' name='stranger' ip='10.211.7.7'/>"
END = "</network>"
EDITS = [
    (update("ADD_LAST", "IP_DHCP_HOST", HOST), [("edited",)], ["hosts.stranger"]),
    (update("ADD_LAST", "IP_DHCP_HOST", HOST, 1), [("edited",)], ["hosts.stranger"]),
    (update("ADD_LAST", "IP_DHCP_HOST", HOST, 2), [("edited",)], ["hosts.stranger"]),
    (update("ADD_LAST", "DNS_HOST", "<host ip='10.211.7.7'><hostname>x</hostname></host>"), [("edited",)], None),
    (update("DELETE", "IP_DHCP_HOST", f"<host mac='{PRINTER}'/>"), [("hosts", "printer", "address"),
     ("hosts", "printer", "mac")], None),
    (update("MODIFY", "IP_DHCP_HOST", f"<host mac='{PRINTER}' name='printer' ip='10.211.2.9'/>"),
     [("hosts", "printer", "address")], "10.211.2.9"),
    (update("DELETE", "DNS_HOST", "<host ip='10.211.2.3'/>"), [("names", "10.211.2.3")], None),
    (update("ADD_LAST", "IP_DHCP_RANGE", "<range start='10.211.6.1' end='10.211.6.9'/>"), [("ranges",)], None),
    (update("DELETE", "IP_DHCP_RANGE", "<range start='10.211.3.1' end='10.211.3.1'/>", 1), [("ranges",)],
     ["10.211.4.1-10.211.4.1"]),
    (update("ADD_LAST", "DNS_TXT", "<txt name='x' value='y'/>"), [("edited",)], ["dns.txt"]),
    (update("ADD_LAST", "DNS_TXT", "<txt name='x' value='y'/>", 1), [("edited",)], ["dns.txt"]),
    (update("ADD_LAST", "DNS_SRV", "<srv service='s' protocol='tcp' target='web' port='1'/>"), [("edited",)],
     ["dns.srv"]),
    (update("ADD_LAST", "PORTGROUP", "<portgroup name='fast'/>"), [("edited",)], ["portgroup"]),
    (lambda network: network.setAutostart(1), [("autostart",)], True),
    (lambda network: network.undefine(), [("autostart",), ("persistent",)], None),
]  # fmt: skip


def drifted(plan: Plan) -> list[tuple[str, ...]]:
    assert all(difference.cause == "drift" for change in plan for difference in change.differences)
    return [difference.path for change in plan for difference in change.differences]


@pytest.mark.parametrize(("edit", "paths", "before"), EDITS)
def test_an_edit_of_a_network_that_runs_is_named_and_taken_back_in_place(
    kvm: Hypervisor, edit: Callable[[Any], None], paths: list[tuple[str, ...]], before: Any
) -> None:
    declared = with_network(EMPTY, "lan", dhcp=RANGES, dns=NAMES, autostart=edit is EDITS[-1][0])
    converge(kvm, declared)
    bridge, live, kept = link(kvm)["ifindex"], lan(kvm).XMLDesc(), lan(kvm).XMLDesc(1)
    edit(lan(kvm))
    found = converge(kvm, declared)
    assert (words(found), drifted(found)) == (["update network lan"], paths)
    assert before in (None, found.changes[0].differences[0].before)
    assert not planned(kvm, declared)
    assert link(kvm)["ifindex"] == bridge
    assert sorted(lan(kvm).XMLDesc().split()) == sorted(live.split())
    assert lan(kvm).XMLDesc(1) == kept


@pytest.mark.parametrize(
    ("edit", "path", "before"),
    [
        (defined("<domain name='lab'", "<domain name='other'"), "domain", "other"),
        (defined("mode='nat'", "mode='route'"), "forward", "route"),
        (defined("end='29999'", "end='30000'"), "nat_ports", "20000-30000"),
        (defined("<mtu size='1400'/>", ""), "mtu", 0),
        (defined("<forwarder addr='192.0.2.1'/>", ""), "forwarders", ["192.0.2.2"]),
        (defined("<network>", "<network trustGuestRxFilters='yes'>"), "edited", ["trustGuestRxFilters"]),
        (defined(END, "<route address='10.9.0.0' prefix='16' gateway='10.211.0.9'/>" + END), "edited", ["route"]),
        (defined(END, "<ip family='ipv6' address='fd00::1' prefix='64'/>" + END), "edited", ["ip"]),
        (defined("stp='off'", "stp='on'"), "edited", ["bridge.stp"]),
    ],
)
def test_an_edit_that_takes_a_restart_is_named_and_taken_back(
    kvm: Hypervisor, edit: Callable[[Any], None], path: str, before: Any
) -> None:
    ports = {} if path == "forward" else {"nat_ports": PortRange(start=20000, end=29999)}
    forwarders = DnsSettings(forwarders=(IPv4Address("192.0.2.1"), IPv4Address("192.0.2.2")))
    declared = with_network(EMPTY, "lan", forward="nat", domain="lab", mtu=1400, dns=forwarders, **ports)
    converge(kvm, declared)
    edit(lan(kvm))
    found = planned(kvm, declared)
    assert (words(found), drifted(found)) == (["restart network lan"], [(path,)])
    assert found.changes[0].differences[0].before == before
    lan(kvm).destroy()
    lan(kvm).create()
    assert drifted(planned(kvm, declared)) == [(path,)]
    converge(kvm, declared)
    assert not planned(kvm, declared)


@pytest.mark.parametrize(
    ("edit", "named"),
    [
        (defined(END, "<bandwidth><inbound average='1000'/></bandwidth>" + END), "bandwidth"),
        (defined("<ip ", "<ip localPtr='yes' "), "ip.localPtr"),
    ],
)
def test_an_edit_that_was_not_started_yet_is_taken_back_too(
    kvm: Hypervisor, edit: Callable[[Any], None], named: str
) -> None:
    """Nor could these be: not every kernel limits bandwidth, and libvirt makes no PTR domain of a /20."""
    converge(kvm, EMPTY)
    edit(lan(kvm))
    found = converge(kvm, EMPTY)
    assert (words(found), found.changes[0].differences[0].before) == (["restart network lan"], [named])
    assert not planned(kvm, EMPTY)


def test_a_mark_that_was_removed_is_written_again(kvm: Hypervisor) -> None:
    converge(kvm, ONE)
    xml = lan(kvm).XMLDesc(1)
    kvm.connection.networkDefineXML(xml[: xml.index("<metadata>")] + xml[xml.index("</metadata>") + 11 :])
    found = converge(kvm, ONE)
    assert words(found) == ["update network lan"]
    assert found.changes[0].differences[0].before == ["hosts.web", "metadata", "names.10.211.0.11"]
    assert not planned(kvm, ONE)


def test_a_network_without_a_definition_is_removed(kvm: Hypervisor) -> None:
    converge(kvm, EMPTY)
    lan(kvm).undefine()
    remove(kvm, "lab")
    assert not kvm.connection.listAllNetworks()
