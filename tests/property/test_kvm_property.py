# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever guest or network is declared: what is written for libvirt reads back as what was meant."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.environment import (
    AddressRange,
    Attachment,
    DhcpSettings,
    DnsSettings,
    Environment,
    Guest,
    GuestNetwork,
    PortRange,
    Reservation,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest.image_store import StoredImage
from ansible_collections.strata.kvm_docker.plugins.module_utils.inputs import Inputs
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.domain_xml import parse_domain, render_domain
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.guest_spec import (
    domain_of,
    guest_spec,
    observed_spec,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.mark import Mark, read_mark
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.network_spec import (
    network_spec,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.network_spec import (
    observed_spec as observed_network,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.network_xml import render_network
from hypothesis import given
from hypothesis import strategies as st

NAMES = st.from_regex(r"[a-z][a-z0-9_-]{0,39}", fullmatch=True)
MACS = st.from_regex(r"([0-9a-f]{2}:){5}[0-9a-f]{2}", fullmatch=True)
#: Whatever XML can carry: a path may hold quotes, brackets and letters of any script.
TEXT = st.text(st.characters(blacklist_categories=("Cs", "Cc", "Cn"), blacklist_characters="\ufffe\uffff"), min_size=1)
PATHS = TEXT.map(lambda text: Path("/pools") / text.replace("/", "_"))

SUBNETS = st.builds(
    lambda address, prefix: IPv4Network((address, prefix), strict=False),
    st.integers(0x0A000000, 0x0AFFFFFF),
    st.integers(8, 29),
)
ADDRESSES = st.integers(0x0A000000, 0x0AFFFFFF).map(IPv4Address)
PORTS = st.integers(1, 65535)
NETWORKS = st.builds(
    GuestNetwork,
    cidr=SUBNETS,
    forward=st.sampled_from(["nat", "route", "open", "isolated"]),
    domain=st.none() | NAMES,
    mtu=st.none() | st.integers(576, 65535),
    autostart=st.booleans(),
    dhcp=st.builds(
        DhcpSettings,
        ranges=st.lists(st.builds(AddressRange, start=ADDRESSES, end=ADDRESSES), max_size=3).map(tuple),
        hosts=st.dictionaries(NAMES, st.builds(Reservation, mac=MACS, address=ADDRESSES), max_size=3),
    ),
    dns=st.builds(
        DnsSettings,
        enable=st.booleans(),
        hosts=st.dictionaries(NAMES, ADDRESSES, max_size=3),
        forwarders=st.lists(ADDRESSES, max_size=2).map(tuple),
    ),
    nat_ports=st.none() | st.builds(PortRange, start=PORTS, end=PORTS),
)


@st.composite
def environments(draw: Any) -> Environment:
    networks = draw(st.dictionaries(NAMES, NETWORKS, min_size=1, max_size=3))
    guests = {}
    for number, name in enumerate(draw(st.lists(NAMES, unique=True, max_size=4))):
        attached = draw(st.lists(st.sampled_from(sorted(networks)), unique=True))
        guests[name] = Guest(
            name=name,
            image="image",
            vcpus=draw(st.integers(1, 64)),
            memory=draw(st.integers(1, 2**40)),
            networks={
                network: Attachment(address=networks[network].cidr[2 + number], mac=draw(st.none() | MACS))
                for network in attached
            },
        )
    return Environment(name=draw(NAMES), folder="/", networks=networks, guests=guests)


STORED = st.builds(
    StoredImage,
    disk=PATHS,
    digest=NAMES,
    kernel=st.none() | PATHS,
    initrd=PATHS,
    cmdline=TEXT.map(str.strip),
)
INPUTS = st.builds(
    Inputs,
    guest_images=st.fixed_dictionaries({"image": NAMES}),
    virt_type=st.sampled_from(["kvm", "qemu"]),
    authorized_key=TEXT,
)


@given(environments(), INPUTS, STORED, st.fixed_dictionaries({"disk": PATHS, "seed": PATHS, "console": PATHS}))
def test_a_guest_reads_back_as_it_was_declared(
    environment: Environment, inputs: Inputs, stored: StoredImage, files: dict[str, Path]
) -> None:
    for name, guest in environment.guests.items():
        spec = guest_spec(environment, guest, inputs)
        domain = domain_of(environment.name, name, spec, stored, files)
        mark = Mark(environment=environment.name, applied=spec, written={"os": {"os/type": "hvm"}})
        root = ElementTree.fromstring(render_domain(domain, mark))
        assert parse_domain(root) == domain
        assert read_mark(root) == mark
        found = observed_spec(environment.name, parse_domain(root), mark)
        assert {**found, "autostart": True, "persistent": True, "edited": spec["edited"]} == spec


@given(environments())
def test_a_network_reads_back_as_it_was_declared(environment: Environment) -> None:
    for name, network in environment.networks.items():
        spec = network_spec(environment, name, network)
        root = ElementTree.fromstring(render_network(environment.name, name, spec))
        mark = read_mark(root)
        assert {**observed_network(root, mark), "autostart": spec["autostart"], "persistent": True} == spec
        assert mark is not None
        assert mark.applied == spec


@given(environments())
def test_every_guest_on_a_network_has_one_reservation_and_a_name(environment: Environment) -> None:
    for name, network in environment.networks.items():
        spec = network_spec(environment, name, network)
        for guest in environment.guests.values():
            if name in guest.networks:
                address = str(guest.networks[name].address)
                assert spec["hosts"][guest.name]["address"] == address or guest.name in network.dhcp.hosts
                assert guest.name in spec["names"].get(address, ()) or not network.dns.enable
