# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Snapshots on libvirt's test driver: what would change is told exactly, and what was done is there."""

from __future__ import annotations

from typing import Any

import libvirt
import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import ForeignObjectError, HypervisorError
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm import snapshot
from ansible_collections.strata.kvm_docker.plugins.module_utils.layers.kvm_layer import Site
from ansible_collections.strata.kvm_docker.plugins.module_utils.progress import Progress
from ansible_collections.strata.kvm_docker.plugins.modules import snapshot as module
from kvm_lab import converge, environment, planned


@pytest.fixture
def made(hypervisor: Any) -> Any:
    converge(hypervisor, environment())
    return hypervisor


def names(hypervisor: Any, guest: str = "web") -> list[str]:
    return [item.name for item in snapshot.observe(hypervisor, "lab", guest)]


def test_what_would_change_is_told_before_and_true_after(made: Any) -> None:
    before = snapshot.observe(made, "lab", "web")
    assert snapshot.creation(before, "one")
    assert not snapshot.deletion(before, "one")
    assert snapshot.create(made, "lab", "web", "one", "the first")
    after = snapshot.observe(made, "lab", "web")
    assert not snapshot.creation(after, "one")
    assert snapshot.deletion(after, "one")
    assert snapshot.reversion(after, "one", "web")
    assert not snapshot.create(made, "lab", "web", "one")


def test_a_snapshot_tells_what_it_is(made: Any) -> None:
    snapshot.create(made, "lab", "web", "one", "the first")
    snapshot.create(made, "lab", "web", "two")
    one, two = snapshot.observe(made, "lab", "web")
    assert (one.name, one.description, one.running, one.current, one.parent) == ("one", "the first", True, False, None)
    assert (two.current, two.parent, two.internal) == (True, "one", True)


def test_snapshots_are_deleted_one_by_one_and_twice_is_no_change(made: Any) -> None:
    for name in ("one", "two", "three"):
        snapshot.create(made, "lab", "web", name)
    assert snapshot.delete(made, "lab", "web", "two")
    assert not snapshot.delete(made, "lab", "web", "two")
    assert names(made) == ["one", "three"]
    assert names(made, "apps") == []


def test_those_of_one_second_are_in_the_order_of_their_making(made: Any) -> None:
    for name in ("third", "second", "first"):
        snapshot.create(made, "lab", "web", name)
    assert names(made) == ["third", "second", "first"]


def test_a_guest_is_as_planned_after_a_revert(made: Any) -> None:
    snapshot.create(made, "lab", "web", "one")
    made.connection.lookupByName("lab-web").destroy()
    assert snapshot.revert(made, "lab", "web", "one", Progress())
    assert made.connection.lookupByName("lab-web").isActive()
    assert not planned(made, environment())


def test_a_snapshot_that_is_not_there_is_named_with_those_that_are(made: Any) -> None:
    snapshot.create(made, "lab", "web", "one")
    with pytest.raises(HypervisorError, match=r"guest web: there is no snapshot 'two'; there are: one"):
        snapshot.revert(made, "lab", "web", "two", Progress())


def test_a_guest_that_is_not_there_has_no_snapshots_and_gets_none(made: Any) -> None:
    assert snapshot.observe(made, "lab", "db") == []
    assert not snapshot.delete(made, "lab", "db", "one")
    with pytest.raises(HypervisorError, match="environment lab has no such guest"):
        snapshot.create(made, "lab", "db", "one")


def test_a_strangers_guest_is_refused(hypervisor: Any) -> None:
    hypervisor.connection.defineXML(
        "<domain type='test'><name>lab-web</name><memory>1024</memory><os><type>hvm</type></os></domain>"
    )
    with pytest.raises(ForeignObjectError, match="guest web: its domain does not belong to environment lab"):
        snapshot.observe(hypervisor, "lab", "web")


UEFI = [
    ("<os>", "<os firmware='efi'>"),
    ("<os>", "<os><loader readonly='yes' type='pflash'>/usr/share/OVMF/OVMF_CODE.fd</loader>"),
]


@pytest.mark.parametrize(("plain", "uefi"), UEFI)
def test_a_preview_refuses_a_uefi_guest_as_the_run_does(
    made: Any, plain: str, uefi: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The driver of the tests forgets the firmware of what it defines."""
    told = libvirt.virDomain.XMLDesc
    monkeypatch.setattr(libvirt.virDomain, "XMLDesc", lambda domain, flags=0: told(domain, flags).replace(plain, uefi))
    site = Site(environment="lab", hypervisor=made, check=True)
    with pytest.raises(HypervisorError, match="guest web: libvirt cannot keep UEFI's variables") as previewed:
        module.is_due(site, "web", "one", "create")
    with pytest.raises(HypervisorError) as run:
        snapshot.create(made, "lab", "web", "one")
    assert str(previewed.value) == str(run.value)
    assert names(made) == []


def test_a_preview_of_a_snapshot_that_a_guest_can_have_is_a_change_once(made: Any) -> None:
    site = Site(environment="lab", hypervisor=made, check=True)
    assert module.is_due(site, "web", "one", "create")
    snapshot.create(made, "lab", "web", "one")
    assert not module.is_due(site, "web", "one", "create")
