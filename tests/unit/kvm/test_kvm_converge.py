# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks, pools, disks and guests on libvirt's test driver: made, changed, repaired, removed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

import kvm_lab
import libvirt
import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.environment import Attachment, Disk, Environment
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import HypervisorError, ImageError, StrataError
from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest import seed
from ansible_collections.strata.kvm_docker.plugins.module_utils.inputs import Inputs
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm import disk
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm import guest as guest_kind
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.model import Key, Need
from kvm_lab import INPUTS, MIB, RECIPES, apply, converge, environment, planned, with_guest, with_network, words

OTHER_IMAGE = replace(INPUTS, guest_images={"debian": RECIPES[1]})


def domain_of(hypervisor: Any, guest: str) -> Any:
    return hypervisor.connection.lookupByName(f"lab-{guest}")


def test_what_is_converged_has_no_difference_when_it_is_read_back(hypervisor: Any) -> None:
    first = converge(hypervisor, environment())
    assert words(first) == [
        "create network lan",
        "create pool lab",
        "create disk apps",
        "create disk web",
        "create guest apps",
        "create guest web",
    ]
    assert not planned(hypervisor, environment())


def test_everything_runs_and_starts_with_the_machine(hypervisor: Any) -> None:
    converge(hypervisor, environment())
    connection = hypervisor.connection
    for thing in (
        connection.networkLookupByName("lab-lan"),
        connection.storagePoolLookupByName("lab"),
        connection.lookupByName("lab-web"),
    ):
        assert thing.isActive()
        assert thing.autostart()


def test_two_environments_side_by_side_do_not_see_each_other(hypervisor: Any) -> None:
    one, other = environment("lab"), with_network(environment("lab-2"), "lan", forward="nat")
    converge(hypervisor, one)
    converge(hypervisor, other)
    assert not planned(hypervisor, one, remove_orphans=True)
    assert not planned(hypervisor, other, remove_orphans=True)
    kvm_lab.remove(hypervisor, "lab")
    assert not planned(hypervisor, other)


def test_removing_leaves_nothing_and_touches_nothing_else(hypervisor: Any) -> None:
    connection = hypervisor.connection
    connection.defineXML(
        "<domain type='test'><name>lab2-web</name><memory>1024</memory><os><type>hvm</type></os></domain>"
    )
    converge(hypervisor, environment())
    pool = hypervisor.folders.pool("lab")
    for name in ("web.console.log", "web.console.log.0"):
        (pool / name).write_text("booted")
    kvm_lab.remove(hypervisor, "lab")
    assert [item.name() for item in connection.listAllDomains()] == ["lab2-web"]
    assert not connection.listAllNetworks()
    assert not connection.listAllStoragePools()
    assert not pool.exists()
    kvm_lab.remove(hypervisor, "lab")


def test_a_strangers_file_in_the_pool_outlives_the_environment(hypervisor: Any) -> None:
    converge(hypervisor, environment())
    pool = hypervisor.folders.pool("lab")
    kvm_lab.empty_qcow2(pool / "backup.qcow2", MIB)
    kvm_lab.remove(hypervisor, "lab")
    assert [path.name for path in pool.iterdir()] == ["backup.qcow2"]


def test_disks_of_another_state_folder_are_refused_and_stay(hypervisor: Any, tmp_path: Path) -> None:
    converge(hypervisor, environment())
    disks = sorted(hypervisor.folders.pool("lab").glob("*.qcow2"))
    domains = [domain.ID() for domain in hypervisor.connection.listAllDomains()]
    with pytest.raises(HypervisorError, match=f"{hypervisor.folders.pool('lab')}, of another state folder"):
        planned(replace(hypervisor, folders=Folders(tmp_path)), environment())
    assert sorted(hypervisor.folders.pool("lab").glob("*.qcow2")) == disks
    assert [domain.ID() for domain in hypervisor.connection.listAllDomains()] == domains


def test_images_are_never_deleted(hypervisor: Any) -> None:
    converge(hypervisor, environment())
    before = sorted(hypervisor.folders.images.rglob("*"))
    kvm_lab.remove(hypervisor, "lab")
    assert sorted(hypervisor.folders.images.rglob("*")) == before


#: Guests hear of what the seed tells them by a restart: gateway, resolver, prefix, domain, key.
RESTARTS = ["restart guest apps", "restart guest web"]


@pytest.mark.parametrize(
    ("changed", "inputs", "expected"),
    [
        (with_guest(environment(), "web", memory=96 * MIB), INPUTS, ["restart guest web"]),
        (with_guest(environment(), "web", vcpus=3), INPUTS, ["restart guest web"]),
        (environment(), replace(INPUTS, virt_type="kvm"), RESTARTS),
        (environment(), replace(INPUTS, authorized_key="other"), RESTARTS),
        (
            with_guest(environment(), "web", networks={"lan": Attachment(address=IPv4Address("10.211.0.77"))}),
            INPUTS,
            ["update network lan", "restart guest web"],
        ),
        (with_guest(environment(), "web", networks={}), INPUTS, ["update network lan", "update guest web"]),
        (
            environment(),
            OTHER_IMAGE,
            ["replace disk apps", "replace disk web", "create guest apps", "create guest web"],
        ),
        (with_network(environment(), "lan", forward="nat"), INPUTS, ["restart network lan", *RESTARTS]),
        (with_network(environment(), "lan", domain="lab"), INPUTS, ["restart network lan", *RESTARTS]),
        (
            with_network(environment(), "lan", cidr=IPv4Network("10.211.0.0/24")),
            INPUTS,
            ["replace network lan", *RESTARTS],
        ),
        (environment(guests=("web",)), INPUTS, ["delete guest apps", "delete disk apps", "update network lan"]),
        (
            environment(guests=("web", "apps", "db")),
            INPUTS,
            ["update network lan", "create disk db", "create guest db"],
        ),
    ],
)
def test_a_new_declaration_costs_no_more_than_it_must(
    hypervisor: Any, changed: Environment, inputs: Inputs, expected: list[str]
) -> None:
    converge(hypervisor, environment())
    assert words(converge(hypervisor, changed, inputs)) == expected
    assert not planned(hypervisor, changed, inputs)


def test_a_data_disk_grows_after_the_first_disk_was_made_anew_and_not_while_the_power_is_cut(hypervisor: Any) -> None:
    declared = with_guest(environment(guests=("web",)), "web", disks={"data": Disk(size=MIB)})
    converge(hypervisor, declared)
    grown = with_guest(declared, "web", disks={"data": Disk(size=2 * MIB)})
    made = planned(hypervisor, grown, OTHER_IMAGE)
    assert words(made) == ["replace disk web", "update disk web.data", "create guest web"]
    assert Need(Key("disk", "web")) in made.changes[1].needs


def test_reservations_change_while_the_network_and_its_guests_run(hypervisor: Any) -> None:
    converge(hypervisor, environment())
    running = hypervisor.connection.networkLookupByName("lab-lan")
    ids = [item.ID() for item in hypervisor.connection.listAllDomains()]
    converge(hypervisor, environment(guests=("web", "apps", "db")))
    assert "name='db' ip='10.211.0.13'" in running.XMLDesc()
    assert set(ids) < {item.ID() for item in hypervisor.connection.listAllDomains()}


def test_a_guest_that_was_stopped_is_started_and_nothing_else(hypervisor: Any) -> None:
    converge(hypervisor, environment())
    domain_of(hypervisor, "web").destroy()
    assert words(converge(hypervisor, environment())) == ["start guest web"]
    assert domain_of(hypervisor, "web").isActive()


def test_a_paused_guest_is_let_go_on(hypervisor: Any) -> None:
    converge(hypervisor, environment())
    domain_of(hypervisor, "web").suspend()
    before = domain_of(hypervisor, "web").ID()
    assert words(converge(hypervisor, environment())) == ["start guest web"]
    assert domain_of(hypervisor, "web").state()[0] == libvirt.VIR_DOMAIN_RUNNING
    assert domain_of(hypervisor, "web").ID() == before


def test_a_guest_whose_definition_was_lost_gets_it_back_with_its_disk_kept(hypervisor: Any) -> None:
    converge(hypervisor, environment())
    before = (hypervisor.folders.pool("lab") / "web.qcow2").stat()
    domain_of(hypervisor, "web").undefine()
    assert words(converge(hypervisor, environment())) == ["restart guest web"]
    domain_of(hypervisor, "web").destroy()
    domain_of(hypervisor, "web").undefine()
    assert words(converge(hypervisor, environment())) == ["create guest web"]
    assert (hypervisor.folders.pool("lab") / "web.qcow2").stat() == before


def test_a_pool_that_was_lost_comes_back_and_the_disks_in_it_stay(hypervisor: Any) -> None:
    converge(hypervisor, environment())
    pool = hypervisor.connection.storagePoolLookupByName("lab")
    pool.destroy()
    assert words(converge(hypervisor, environment())) == ["start pool lab"]
    pool.destroy()
    pool.undefine()
    assert words(converge(hypervisor, environment())) == ["create pool lab"]
    assert not planned(hypervisor, environment())


def test_a_disk_that_is_damaged_is_made_anew_with_its_guest(hypervisor: Any) -> None:
    converge(hypervisor, environment())
    with (hypervisor.folders.pool("lab") / "web.qcow2").open("r+b") as stream:
        stream.write(bytes(64))
    assert words(converge(hypervisor, environment())) == ["replace disk web", "create guest web"]
    assert not planned(hypervisor, environment())


def test_a_disk_never_shrinks(hypervisor: Any) -> None:
    converge(hypervisor, environment())
    with pytest.raises(StrataError, match=r"64 MiB cannot shrink to 32 MiB: its data would be lost.*at least 64 MiB"):
        planned(hypervisor, with_guest(environment(), "web", disk=32 * MIB))


def test_a_disk_that_is_smaller_than_its_image_is_refused(hypervisor: Any) -> None:
    with pytest.raises(HypervisorError, match=r"guest web: a disk of 8 MiB is smaller than its image \(16 MiB\)"):
        converge(hypervisor, with_guest(environment(), "web", disk=8 * MIB))


def test_no_disk_is_begun_where_its_first_boot_would_fill_the_file_system(
    hypervisor: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk, "free_space", lambda folder: 100 * 4096)
    with pytest.raises(HypervisorError, match=r"guest apps: .*/pools/lab has 0.391 MiB free, .* up to 64 MiB"):
        converge(hypervisor, environment())
    assert not list(hypervisor.folders.pool("lab").iterdir())


def test_a_disk_that_another_removes_meanwhile_is_not_there(hypervisor: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    converge(hypervisor, with_guest(environment(), "web"))
    listed = disk.disk_files

    def then_removed(hypervisor: Any, environment: str) -> Any:
        for file in listed(hypervisor, environment):
            if file.name == "apps":
                file.path.unlink()
            yield file

    monkeypatch.setattr(disk, "disk_files", then_removed)
    assert [found.key.name for found in disk.Disk().observe(hypervisor, "lab")] == ["web"]


def test_an_image_that_is_not_in_the_store_is_named(hypervisor: Any) -> None:
    with pytest.raises(ImageError, match="guest apps: its image cccccc"):
        converge(hypervisor, environment(), replace(INPUTS, guest_images={"debian": "c" * 64}))


def test_a_guest_is_not_started_over_another_build_of_its_image(hypervisor: Any) -> None:
    converge(hypervisor, environment())
    kvm_lab.fill_store(hypervisor.folders, kernel=b"another build")
    with pytest.raises(HypervisorError, match=r"guest web: its disk stands on .*, but its image is .* now"):
        converge(hypervisor, with_guest(environment(), "web", vcpus=2))


@pytest.mark.parametrize("action", ["restart", "create", "replace"])
def test_a_change_that_is_refused_leaves_the_guest_running_as_it_was(hypervisor: Any, action: str) -> None:
    converge(hypervisor, environment())
    before = domain_of(hypervisor, "web").ID(), domain_of(hypervisor, "web").XMLDesc()
    changes = planned(hypervisor, with_guest(environment(), "web", vcpus=2))
    kvm_lab.fill_store(hypervisor.folders, kernel=b"another build")
    with pytest.raises(HypervisorError, match="its disk stands on"):
        apply(hypervisor, [replace(change, action=action) for change in changes])
    assert (domain_of(hypervisor, "web").ID(), domain_of(hypervisor, "web").XMLDesc()) == before


def test_a_seed_that_cannot_be_written_leaves_the_guest_running(
    hypervisor: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    converge(hypervisor, environment())
    before = domain_of(hypervisor, "web").ID()
    changed = with_guest(environment(), "web", vcpus=2)
    with monkeypatch.context() as patch:
        patch.setattr(seed, "write_seed", refuse)
        with pytest.raises(HypervisorError, match="guest web: no room"):
            converge(hypervisor, changed)
    assert domain_of(hypervisor, "web").ID() == before
    assert words(converge(hypervisor, changed)) == ["restart guest web"]


def test_processors_are_plugged_in_where_they_are_not_emulated(hypervisor: Any) -> None:
    kvm, roomy = replace(INPUTS, virt_type="kvm"), with_guest(environment(), "web", vcpus_max=2)
    converge(hypervisor, roomy, kvm)
    before = domain_of(hypervisor, "web").ID()
    assert words(converge(hypervisor, with_guest(roomy, "web", vcpus=2), kvm)) == ["update guest web"]
    assert domain_of(hypervisor, "web").ID() == before
    assert domain_of(hypervisor, "web").info()[3] == 2
    assert not planned(hypervisor, with_guest(roomy, "web", vcpus=2), kvm)


def test_a_guest_that_does_not_start_stays_defined_and_the_next_run_tries_again(
    hypervisor: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(guest_kind, "power_on", refuse)
        with pytest.raises(HypervisorError, match="guest apps: no room"):
            converge(hypervisor, environment())
    assert words(converge(hypervisor, environment())) == ["start guest apps", "create guest web"]
    assert not planned(hypervisor, environment())


def refuse(*_arguments: Any) -> None:
    raise OSError("no room")


#: Everything that changes something in libvirt on the way to an environment and back.
CALLS = [
    (libvirt.virConnect, "networkDefineXML"),
    (libvirt.virConnect, "storagePoolDefineXML"),
    (libvirt.virConnect, "defineXML"),
    (libvirt.virNetwork, "setAutostart"),
    (libvirt.virNetwork, "create"),
    (libvirt.virNetwork, "destroy"),
    (libvirt.virNetwork, "undefine"),
    (libvirt.virNetwork, "update"),
    (libvirt.virStoragePool, "setAutostart"),
    (libvirt.virStoragePool, "create"),
    (libvirt.virStoragePool, "destroy"),
    (libvirt.virStoragePool, "undefine"),
    (libvirt.virDomain, "setMetadata"),
    (libvirt.virDomain, "setAutostart"),
    (libvirt.virDomain, "create"),
    (libvirt.virDomain, "shutdown"),
    (libvirt.virDomain, "destroy"),
    (libvirt.virDomain, "undefineFlags"),
]


class Killed(BaseException):
    """Stands for SIGKILL: nothing of ours catches it."""


@contextmanager
def killed_at(number: int) -> Iterator[list[str]]:
    """Let *number* calls that change something pass, and end the run right after the next one."""
    made: list[str] = []

    def counted(name: str, call: Any) -> Any:
        def wrapper(*arguments: Any) -> Any:
            result = call(*arguments)
            made.append(name)
            if len(made) > number:
                raise Killed
            return result

        return wrapper

    with pytest.MonkeyPatch.context() as patch:
        for owner, name in CALLS:
            patch.setattr(owner, name, counted(name, getattr(owner, name)))
        with suppress(Killed):
            yield made


@pytest.mark.parametrize("number", range(18))
def test_a_run_that_was_killed_anywhere_is_finished_by_the_next_one(hypervisor: Any, number: int) -> None:
    changed = with_guest(with_network(environment(guests=("web", "db")), "lan", forward="nat"), "web", vcpus=2)
    for wanted in (environment(), changed):
        with killed_at(number):
            converge(hypervisor, wanted)
        converge(hypervisor, wanted)
        assert not planned(hypervisor, wanted, remove_orphans=True)
    with killed_at(number):
        kvm_lab.remove(hypervisor, "lab")
    kvm_lab.remove(hypervisor, "lab")
    assert not hypervisor.connection.listAllDomains()
    assert not hypervisor.connection.listAllNetworks()
    assert not hypervisor.folders.pool("lab").exists()


@pytest.mark.parametrize("action", ["create", "replace"])
def test_every_step_can_be_taken_twice(hypervisor: Any, action: str) -> None:
    first = planned(hypervisor, environment())
    apply(hypervisor, first)
    apply(hypervisor, [replace(change, action=action) for change in first])
    assert not planned(hypervisor, environment())


def test_a_thousand_guests_are_planned_in_a_moment(hypervisor: Any) -> None:
    """Processor time, because the machine may have other work; the bound only catches what grows with the square."""
    many = environment(guests=[f"guest-{number}" for number in range(1000)])
    converge(hypervisor, many)
    began = time.process_time()
    assert not planned(hypervisor, many)
    took = time.process_time() - began
    print(f"planned in {took:.2f} s")
    assert took < 3
