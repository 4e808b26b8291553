# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mistakes in the declaration of a network: what its DHCP and name servers are to say."""

from __future__ import annotations

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.naming import bridge_mac, mac_address
from declare_files import DECLARATION, MARK, Folder, marked_line

SPARE = "52:54:00:00:00:01"


def host(name: str = "x", mac: str = SPARE, address: str = "10.80.0.50") -> str:
    return f"hosts: {{{name}: {{mac: '{mac}', address: {address}}}}}"


def dhcp(*ranges: tuple[int, int], hosts: str = "hosts: {}") -> str:
    written = ", ".join(f"{{start: 10.80.0.{start}, end: 10.80.0.{end}}}" for start, end in ranges)
    return f"dhcp: {{ranges: [{written}], {hosts}}}"


CASES = [
    ("nat_ports: {start: 2000, end: 1000}", "nat_ports.end", "1000 is before the start, 2000"),
    ("forward: route, nat_ports: {start: 1, end: 2}", "nat_ports", "needs forward: nat; it is route"),
    (dhcp((9, 8)), "dhcp.ranges.0.end", "is before the start, 10.80.0.9"),
    ("dhcp: {ranges: [{start: 10.80.0.20, end: 10.81.0.9}]}", "dhcp.ranges.0.end", "is outside of 10.80.0.0/24"),
    (dhcp((1, 9)), "dhcp.ranges.0.start", "the hypervisor's address"),
    (dhcp((20, 255)), "dhcp.ranges.0.end", "the broadcast address"),
    (dhcp((12, 20)), "dhcp.ranges.0", "holds 10.80.0.12, the address of guest db"),
    (dhcp((40, 60), hosts=host()), "dhcp.ranges.0", "holds 10.80.0.50, the address of host x"),
    (dhcp((20, 30), (30, 40)), "dhcp.ranges.1", "10.80.0.30-10.80.0.40 overlaps 10.80.0.20-10.80.0.30"),
    (dhcp(hosts=host(address="10.80.0.1")), "dhcp.hosts.x.address", "the hypervisor's address"),
    (dhcp(hosts=host(address="10.80.0.11")), "dhcp.hosts.x.address", "the address of guest web already"),
    (dhcp(hosts=host(mac="53:54:00:00:00:01")), "dhcp.hosts.x.mac", "is a multicast address"),
    (dhcp(hosts=host(mac=mac_address("lab", "db", "lan"))), "dhcp.hosts.x.mac", "that of guest db already"),
    (dhcp(hosts=host(mac=bridge_mac("lab", "lan"))), "dhcp.hosts.x.mac", "that of the network's bridge already"),
    (dhcp(hosts=host("db")), "dhcp.hosts.db", "guest db has its reservation already"),
    (dhcp(hosts=host("a_b")), "dhcp.hosts.a_b", "a host name in lower case"),
    ("dns: {hosts: {web: 10.0.0.1}}", "dns.hosts.web", "guest web has this name already"),
    ("dns: {hosts: {-a: 10.0.0.1}}", "dns.hosts.-a", "a host name in lower case"),
    ("dns: {enable: false, hosts: {a: 10.0.0.1}}", "dns.hosts", "needs the name server, which is off"),
    ("dns: {enable: false, forwarders: [10.0.0.1]}", "dns.forwarders", "needs the name server, which is off"),
    ("mtu: 500", "mtu", "it must be at least 576"),
    ("forward: bridge", "forward", "it must be 'nat', 'route', 'open' or 'isolated'"),
    ("dchp: {}", "dchp", "did you mean 'dhcp'?"),
]


@pytest.mark.parametrize(("written", "path", "message"), CASES)
def test_a_mistake_in_a_network_is_named_with_its_line_and_path(
    folder: Folder, written: str, path: str, message: str
) -> None:
    declaration = DECLARATION.replace(
        "  lan:\n    cidr: 10.80.0.0/24", f"  lan: {{cidr: 10.80.0.0/24, {written}}}{MARK}"
    )
    problem = folder.problem(declaration)
    assert (problem.line, problem.path) == (marked_line(declaration), f"networks.lan.{path}")
    assert message in problem.message


def test_all_mistakes_of_a_network_are_told_at_once(folder: Folder) -> None:
    wrong = (
        "\n    nat_ports: {start: 2, end: 1}\n    dns: {hosts: {db: 10.0.0.1}}\n    dhcp:\n      ranges:\n"
        "        - {start: 10.80.0.2, end: 10.80.0.20}\n        - {start: 10.80.0.20, end: 10.80.0.21}\n"
    )
    found = folder.problems(DECLARATION.replace("    cidr: 10.80.0.0/24\n", "    cidr: 10.80.0.0/24" + wrong))
    assert [(problem.line, problem.path) for problem in found] == [
        (10, "networks.lan.nat_ports.end"),
        (11, "networks.lan.dns.hosts.db"),
        (14, "networks.lan.dhcp.ranges.0"),
        (14, "networks.lan.dhcp.ranges.0"),
        (15, "networks.lan.dhcp.ranges.1"),
    ]


def test_a_network_with_everything_is_read(folder: Folder) -> None:
    full = (
        "    cidr: 10.80.0.0/24\n    mtu: 1400\n    autostart: false\n    nat_ports: {start: 1, end: 2}\n"
        "    dhcp: {ranges: [{start: 10.80.0.20, end: 10.80.0.30}],"
        " hosts: {x: {mac: '52:54:00:00:00:01', address: 10.80.0.50}}}\n"
        "    dns: {hosts: {a.b: 10.0.0.1}, forwarders: [10.0.0.2]}\n"
    )
    network = folder.read(DECLARATION.replace("    cidr: 10.80.0.0/24\n", full)).networks["lan"]
    assert (network.mtu, network.autostart, str(network.dhcp.ranges[0].end)) == (1400, False, "10.80.0.30")
    assert (list(network.dhcp.hosts), {name: str(each) for name, each in network.dns.hosts.items()}) == (
        ["x"],
        {"a.b": "10.0.0.1"},
    )
