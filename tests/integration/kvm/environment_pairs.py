# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pairs of small environments of a hypervisor: networks, a pool, guests with disks and interfaces."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Network

from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.environment import (
    Attachment,
    DhcpSettings,
    Disk,
    DnsSettings,
    Environment,
    Guest,
    GuestNetwork,
    Reservation,
    StoragePool,
)
from hypothesis import strategies as st
from kvm_lab import MIB
from tree_pairs import Fields, Tree, one_of, tree_pairs

NAME = "lab"
FOLDER = "/nowhere"
POOL = "fast"
GUESTS = ("web", "apps")
SUBNETS = {"lan": ("10.211.0.0/24", "10.211.1.0/24"), "dmz": ("10.212.0.0/24", "10.212.1.0/24")}
#: Of ``kvm_lab.RECIPES``.
IMAGES = ("debian", "other")


def _network(name: str) -> st.SearchStrategy[Fields]:
    """``hosts``: whether it has a reservation and a name of its own."""
    return st.fixed_dictionaries(
        {
            "cidr": one_of(*SUBNETS[name]),
            "forward": one_of("nat", "route", "isolated"),
            "domain": one_of(None, "lab"),
            "mtu": one_of(None, 1400),
            "autostart": st.booleans(),
            "hosts": st.booleans(),
            "dns": st.booleans(),
        }
    )


ATTACHMENT = st.fixed_dictionaries(
    {"host": st.integers(11, 13), "own_mac": st.booleans(), "link": one_of("up", "down")}
)
DISK = st.fixed_dictionaries({"size": one_of(MIB, 2 * MIB), "pool": one_of(None, POOL), "keep": st.booleans()})
GUEST = st.fixed_dictionaries(
    {
        "image": one_of(*IMAGES),
        "description": one_of(None, "one", "what it is <for>"),
        "vcpus": st.integers(1, 2),
        "vcpus_max": one_of(None, 3),
        "memory": one_of(64 * MIB, 96 * MIB),
        "memory_max": one_of(None, 128 * MIB),
        "firmware": one_of("bios", "bios", "uefi"),
        "disk": one_of(64 * MIB, 96 * MIB),
        "disks": st.dictionaries(one_of("data", "logs"), DISK),
        "networks": st.permutations(sorted(SUBNETS)).flatmap(
            lambda names: st.fixed_dictionaries({}, optional=dict.fromkeys(names, ATTACHMENT))
        ),
        "autostart": st.booleans(),
    }
)
ENVIRONMENTS: st.SearchStrategy[Tree] = st.fixed_dictionaries(
    {
        "networks": st.fixed_dictionaries({"lan": _network("lan")}, optional={"dmz": _network("dmz")}),
        "pools": st.fixed_dictionaries({}, optional={POOL: st.fixed_dictionaries({"autostart": st.booleans()})}),
        "guests": st.fixed_dictionaries({GUESTS[0]: GUEST}, optional={GUESTS[1]: GUEST}),
    }
)
PAIRS = (
    tree_pairs(ENVIRONMENTS)
    .map(lambda trees: _reachable(environment(trees[0]), environment(trees[1])))
    .filter(lambda environments: environments[0] != environments[1])
)


def environment(drawn: Tree) -> Environment:
    """What is *drawn*, without references to what is not there; the folder of its pool is relative."""
    networks = {name: _declared_network(fields) for name, fields in drawn["networks"].items()}
    pools = {name: StoragePool(path=name, **fields) for name, fields in drawn["pools"].items()}
    guests = {name: _guest(name, fields, networks, pools) for name, fields in drawn["guests"].items()}
    return Environment(name=NAME, folder=FOLDER, networks=networks, pools=pools, guests=guests)


def _declared_network(drawn: Fields) -> GuestNetwork:
    cidr = IPv4Network(drawn["cidr"])
    hosts = drawn["hosts"]
    return GuestNetwork(
        cidr=cidr,
        **{key: drawn[key] for key in ("forward", "domain", "mtu", "autostart")},
        dhcp=DhcpSettings(hosts={"printer": Reservation(mac="52:54:00:99:00:01", address=cidr[99])} if hosts else {}),
        dns=DnsSettings(enable=drawn["dns"], hosts={"db.lab": cidr[98]} if hosts and drawn["dns"] else {}),
    )


def _guest(name: str, drawn: Fields, networks: dict[str, GuestNetwork], pools: dict[str, StoragePool]) -> Guest:
    index = GUESTS.index(name)
    attached = {
        network: Attachment(
            address=networks[network].cidr[fields["host"] + 10 * index],
            mac=f"52:54:00:00:{index:02}:{position:02}" if fields["own_mac"] else None,
            link=fields["link"],
        )
        for position, (network, fields) in enumerate(drawn["networks"].items())
        if network in networks
    }
    disks = {disk: Disk(**fields) for disk, fields in drawn["disks"].items() if fields["pool"] in (None, *pools)}
    return Guest(name=name, **{**drawn, "networks": attached, "disks": disks})


def _reachable(before: Environment, after: Environment) -> tuple[Environment, Environment]:
    """The two without what is refused, or stays on purpose: disks neither shrink nor move, and kept ones stay."""
    wanted = {name: _grown(guest, before.guests.get(name)) for name, guest in after.guests.items()}
    former = {name: _without_kept(guest, wanted.get(name)) for name, guest in before.guests.items()}
    in_pool = any(disk.pool for guest in wanted.values() for disk in guest.disks.values())
    pools = {**before.pools, **after.pools} if in_pool else after.pools
    return replace(before, guests=former), replace(after, guests=wanted, pools=pools)


def _grown(guest: Guest, former: Guest | None) -> Guest:
    if former is None:
        return guest
    both = {name: (disk, former.disks[name]) for name, disk in guest.disks.items() if name in former.disks}
    grown = {name: replace(disk, size=max(disk.size, was.size), pool=was.pool) for name, (disk, was) in both.items()}
    return replace(guest, disk=max(guest.disk, former.disk), disks={**guest.disks, **grown})


def _without_kept(guest: Guest, wanted: Guest | None) -> Guest:
    stays = wanted.disks if wanted else {}
    disks = {name: replace(disk, keep=disk.keep and name in stays) for name, disk in guest.disks.items()}
    return replace(guest, disks=disks)
