# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a program gives the provider ``libvirt``, so that it makes what the core makes."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import kvm_lab
import pulumi
import pulumi_libvirt as libvirt
import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils import naming
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.environment import (
    Disk,
    Environment,
    StoragePool,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest.image_store import StoredImage
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.model import Declared
from hypothesis import given
from hypothesis import strategies as st
from mocked_program import Registered, mocked_program, value
from strata_pulumi import libvirt_twins
from strata_pulumi.libvirt_twins import Twin

FOLDERS = Folders(Path("/srv/strata"))
STORED = StoredImage(
    disk=Path("/srv/images/0a/disk.qcow2"),
    digest="0a",
    kernel=Path("/srv/images/0a/vmlinuz"),
    initrd=Path("/srv/images/0a/initrd.img"),
    cmdline="console=ttyS0",
)
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs"), exclude_characters="\ufffe\uffff"))


def environment(**changes: Any) -> Environment:
    """One guest on a network with NAT; *changes* of the guest."""
    made = kvm_lab.with_network(kvm_lab.environment(guests=["web"]), "lan", forward="nat")
    return kvm_lab.with_guest(made, "web", **changes)


def with_disks() -> Environment:
    """A data disk in the environment's own pool, and one in a declared pool, which is to be kept."""
    disks = {"logs": Disk(size=2**20), "data": Disk(size=2**20, pool="big", keep=True)}
    return replace(environment(disks=disks), pools={"big": StoragePool(path="/srv/big")})


def declared(kind: str, made: Environment, name: str = "") -> Declared:
    found = list(kvm_lab.KINDS[kind].declare(made, kvm_lab.INPUTS))
    return next(item for item in found if item.key.name == name) if name else found[0]


def options(twin: Twin | None, *, found: bool = False) -> pulumi.ResourceOptions:
    assert twin
    return twin.options(found=found)


def all_twins() -> list[Twin]:
    made = environment()
    network = libvirt_twins.network_twin(declared("network", made))
    assert network
    return [
        libvirt_twins.pool_twin(declared("pool", made)),
        network,
        libvirt_twins.disk_twin(declared("disk", made), made, FOLDERS),
        libvirt_twins.guest_twin(declared("guest", made), made),
    ]


def test_an_object_has_the_name_and_the_id_that_the_core_gives_it() -> None:
    pool, network, disk, guest = all_twins()
    assert (pool.arguments["name"], pool.id) == ("lab", str(naming.object_uuid("lab", "pool", "lab")))
    assert (network.arguments["name"], network.id) == ("lab-lan", str(naming.object_uuid("lab", "network", "lan")))
    assert (disk.arguments, disk.id) == ({"name": "web.qcow2", "pool": "lab"}, "/srv/strata/pools/lab/web.qcow2")
    assert (guest.arguments["name"], guest.id) == ("lab-web", str(naming.object_uuid("lab", "guest", "web")))


def test_a_data_disk_is_a_volume_of_its_pool() -> None:
    made = with_disks()
    own = libvirt_twins.disk_twin(declared("disk", made, "web.logs"), made, FOLDERS)
    apart = libvirt_twins.disk_twin(declared("disk", made, "web.data"), made, FOLDERS)
    assert (own.arguments, own.id) == (
        {"name": "web.logs.qcow2", "pool": "lab"},
        "/srv/strata/pools/lab/web.logs.qcow2",
    )
    assert apart.arguments == {"name": "lab-web.data.qcow2", "pool": "lab-big"}
    assert apart.id == "/srv/big/lab-web.data.qcow2"


def test_a_declared_pool_is_in_its_own_folder() -> None:
    made = declared("pool", with_disks(), "big")
    twin, document = libvirt_twins.pool_twin(made), libvirt_twins.pool_document(made, FOLDERS)
    root = ElementTree.fromstring(document)
    assert (twin.arguments["name"], twin.id) == ("lab-big", str(naming.object_uuid("lab", "pool", "big")))
    assert (root.findtext("name"), root.findtext("uuid")) == ("lab-big", twin.id)
    assert root.findtext("target/path") == "/srv/big"


def test_documents_name_what_their_twins_name() -> None:
    made, twins = environment(), all_twins()
    documents = [
        libvirt_twins.pool_document(declared("pool", made), FOLDERS),
        libvirt_twins.network_document(declared("network", made)),
        libvirt_twins.disk_document(declared("disk", made), made, FOLDERS, STORED.disk),
        libvirt_twins.guest_document(declared("guest", made), made, kvm_lab.INPUTS, FOLDERS, STORED),
    ]
    roots = [ElementTree.fromstring(document) for document in documents]
    assert [root.findtext("name") for root in roots] == [twin.arguments["name"] for twin in twins]
    assert [root.findtext("uuid") or twins[2].id for root in roots] == [twin.id for twin in twins]
    assert roots[3].find(f"devices/disk/source[@file='{twins[2].id}']") is not None


def test_a_first_disk_stands_on_its_image_and_a_data_disk_on_nothing() -> None:
    made = with_disks()
    first = libvirt_twins.disk_document(declared("disk", made, "web"), made, FOLDERS, STORED.disk)
    blank = libvirt_twins.disk_document(declared("disk", made, "web.logs"), made, FOLDERS)
    assert ElementTree.fromstring(first).findtext("backingStore/path") == "/srv/images/0a/disk.qcow2"
    assert ElementTree.fromstring(blank).find("backingStore") is None


def test_an_isolated_network_has_no_twin() -> None:
    made = kvm_lab.with_network(environment(), "lan", forward="isolated")
    assert libvirt_twins.network_twin(declared("network", made)) is None


def test_the_provider_makes_what_is_declared_and_neither_replaces_nor_deletes_it() -> None:
    for options in (twin.options() for twin in all_twins()):
        assert options.retain_on_delete
        assert options.replacement_trigger is None


def test_every_argument_is_ignored_that_the_provider_reads_back_otherwise() -> None:
    for twin in all_twins():
        ignored = set(twin.options().ignore_changes or ())
        given = set(inspect.signature(twin.resource._internal_init).parameters) - {"self", "resource_name", "opts"}
        told = {name for name in given if not name.startswith("__")}
        assert told - ignored == ({"type", "fw_cfg_name"} if twin.resource is libvirt.Domain else set())
        assert ignored <= told


def test_what_is_found_is_imported_unless_making_it_takes_it_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: True)
    pool, network, disk, guest = all_twins()
    assert [options(twin, found=True).import_ for twin in (pool, network, guest)] == [pool.id, network.id, guest.id]
    assert options(disk, found=True).import_ is None
    assert [options(twin).import_ for twin in (pool, network, disk, guest)] == [None] * 4


def test_a_guest_is_imported_by_every_update_as_the_core_has_made_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: False)
    pool, network, disk, guest = all_twins()
    assert options(guest).import_ == guest.id
    assert [options(twin).import_ for twin in (pool, network, disk)] == [None] * 3


@given(TEXT)
def test_a_stylesheet_holds_a_document_to_the_letter(text: str) -> None:
    document = f"<a b='{{x}}' xmlns:c='urn:c'>  {text} <c:d/>\n</a>"
    root = ElementTree.fromstring(libvirt_twins.stylesheet(document))
    assert root.findtext(".//{http://www.w3.org/1999/XSL/Transform}text") == document


@pytest.fixture
def registered() -> Iterator[Registered]:
    with mocked_program({}) as made:
        yield made


def test_a_twin_is_registered_with_the_stylesheet_of_its_document(registered: Registered) -> None:
    for twin in all_twins():
        made = libvirt_twins.register(replace(twin, by_core=False), "one", pulumi.Output.from_input("<a/>"))
        value(made.id)
    inputs_of = {kind: inputs for kind, _name, inputs, _provider in registered.all}
    domain = inputs_of["libvirt:index/domain:Domain"]
    assert domain == {
        "name": "lab-web",
        "type": "",
        "fwCfgName": "",
        "xml": {"xslt": libvirt_twins.stylesheet("<a/>")},
    }
    assert {tuple(sorted(inputs)) for inputs in inputs_of.values()} == {
        ("name", "type", "xml"),
        ("name", "xml"),
        ("name", "pool", "xml"),
        ("fwCfgName", "name", "type", "xml"),
    }
