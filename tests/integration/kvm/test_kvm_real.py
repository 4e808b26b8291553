# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kinds of the hypervisor on a real libvirtd and QEMU."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import libvirt
import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils import naming
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import HypervisorError
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.hypervisor import Hypervisor
from kvm_lab import (
    INPUTS,
    MIB,
    RECIPES,
    converge,
    environment,
    fill_store,
    planned,
    remove,
    with_guest,
    with_network,
    words,
)

pytestmark = pytest.mark.lab

ONE = environment(guests=("web",))
BRIDGE = naming.bridge_name("lab", "lan")


def inside(kvm: Hypervisor, *argv: str) -> str:
    return subprocess.run(kvm.inside(list(argv)), capture_output=True, text=True, check=True).stdout.strip()


def resolved(kvm: Hypervisor, name: str) -> str:
    return inside(kvm, sys.executable, str(Path(__file__).with_name("ask_dns.py")), "10.211.0.1", name)


def bridged(kvm: Hypervisor) -> list[str]:
    links = json.loads(inside(kvm, "ip", "-json", "link", "show", "master", BRIDGE) or "[]")
    return sorted(link["ifname"] for link in links)


def domain_of(kvm: Hypervisor, guest: str) -> Any:
    return kvm.connection.lookupByName(f"lab-{guest}")


def virtual_size(path: Path) -> int:
    told = subprocess.run(["qemu-img", "info", "-U", "--output=json", path], capture_output=True, check=True)
    return int(json.loads(told.stdout)["virtual-size"])


def test_what_is_converged_runs_and_has_no_difference_when_it_is_read_back(kvm: Hypervisor) -> None:
    converge(kvm, environment())
    assert not planned(kvm, environment())
    assert domain_of(kvm, "web").isActive()
    assert len(bridged(kvm)) == 2
    disk = kvm.folders.pool("lab") / "web.qcow2"
    told = subprocess.run(["qemu-img", "info", "-U", "--output=json", disk], capture_output=True, check=True)
    assert Path(json.loads(told.stdout)["backing-filename"]).is_relative_to(kvm.folders.images)


@pytest.mark.parametrize("forward", ["nat", "route", "isolated"])
def test_a_network_of_every_kind_has_no_difference_when_it_is_read_back(kvm: Hypervisor, forward: str) -> None:
    declared = with_network(environment(guests=()), "lan", forward=forward, domain="lab")
    converge(kvm, declared)
    assert not planned(kvm, declared)


def test_a_new_guest_has_its_name_and_reservation_on_a_network_that_runs_on(kvm: Hypervisor) -> None:
    converge(kvm, ONE)
    server = inside(kvm, "ip", "-json", "link", "show", BRIDGE)
    assert (resolved(kvm, "web"), resolved(kvm, "apps")) == ("10.211.0.11", "none")
    converge(kvm, environment())
    network = kvm.connection.networkLookupByName("lab-lan")
    assert resolved(kvm, "apps") == "10.211.0.12"
    for flags in (0, libvirt.VIR_NETWORK_XML_INACTIVE):
        assert "name='apps' ip='10.211.0.12'" in network.XMLDesc(flags)
    assert (
        json.loads(inside(kvm, "ip", "-json", "link", "show", BRIDGE))[0]["ifindex"] == json.loads(server)[0]["ifindex"]
    )
    converge(kvm, ONE)
    assert resolved(kvm, "apps") == "none"
    assert not planned(kvm, ONE)


def test_guests_keep_running_and_stay_attached_when_their_network_is_made_anew(kvm: Hypervisor) -> None:
    routed = with_network(environment(), "lan", forward="route")
    converge(kvm, routed)
    before = bridged(kvm), [domain.ID() for domain in kvm.connection.listAllDomains()]
    changed = with_network(routed, "lan", forward="nat")
    assert words(converge(kvm, changed)) == ["restart network lan"]
    assert (bridged(kvm), [domain.ID() for domain in kvm.connection.listAllDomains()]) == before
    assert not planned(kvm, changed)


def test_guests_are_restarted_when_their_network_gets_a_way_out_that_they_must_hear_of(kvm: Hypervisor) -> None:
    converge(kvm, ONE)
    changed = with_network(ONE, "lan", forward="nat")
    assert words(converge(kvm, changed)) == ["restart network lan", "restart guest web"]
    assert not planned(kvm, changed)


def test_guests_that_lost_their_bridge_are_attached_again_by_the_next_run(kvm: Hypervisor) -> None:
    """`virsh net-destroy` and `net-start`, or a run that was killed in between."""
    converge(kvm, environment())
    before = bridged(kvm), [domain.ID() for domain in kvm.connection.listAllDomains()]
    network = kvm.connection.networkLookupByName("lab-lan")
    network.destroy()
    network.create()
    assert bridged(kvm) == []
    found = converge(kvm, environment())
    assert words(found) == ["update network lan"]
    assert [(item.path, item.before) for change in found for item in change.differences] == [
        (("detached",), ["lab-apps", "lab-web"])
    ]
    assert (bridged(kvm), [domain.ID() for domain in kvm.connection.listAllDomains()]) == before
    assert not planned(kvm, environment())


def test_what_was_changed_on_a_running_network_alone_is_found_and_put_right(kvm: Hypervisor) -> None:
    converge(kvm, ONE)
    kvm.connection.networkLookupByName("lab-lan").update(
        libvirt.VIR_NETWORK_UPDATE_COMMAND_DELETE,
        libvirt.VIR_NETWORK_SECTION_DNS_HOST,
        -1,
        "<host ip='10.211.0.11'><hostname>web</hostname></host>",
        libvirt.VIR_NETWORK_UPDATE_AFFECT_LIVE,
    )
    assert resolved(kvm, "web") == "none"
    assert words(converge(kvm, ONE)) == ["update network lan"]
    assert resolved(kvm, "web") == "10.211.0.11"


def test_a_device_that_was_added_to_a_running_guest_alone_is_found(kvm: Hypervisor) -> None:
    converge(kvm, ONE)
    domain_of(kvm, "web").attachDeviceFlags(
        "<interface type='network'><source network='lab-lan'/><model type='virtio'/></interface>",
        libvirt.VIR_DOMAIN_AFFECT_LIVE,
    )
    (change,) = planned(kvm, ONE)
    assert [difference.path for difference in change.differences] == [
        ("edited", "interface"),
    ]
    converge(kvm, ONE)
    assert len(bridged(kvm)) == 1
    assert not planned(kvm, ONE)


def test_a_disk_grows_under_a_guest_that_runs_and_under_one_that_is_off(kvm: Hypervisor) -> None:
    converge(kvm, ONE)
    disk = kvm.folders.pool("lab") / "web.qcow2"
    before = domain_of(kvm, "web").ID()
    converge(kvm, with_guest(ONE, "web", disk=80 * MIB))
    assert (virtual_size(disk), domain_of(kvm, "web").ID()) == (80 * MIB, before)
    assert domain_of(kvm, "web").blockInfo("vda")[0] == 80 * MIB
    domain_of(kvm, "web").destroy()
    converge(kvm, with_guest(ONE, "web", disk=96 * MIB))
    assert virtual_size(disk) == 96 * MIB
    assert not planned(kvm, with_guest(ONE, "web", disk=96 * MIB))


def test_another_image_gives_another_disk_even_while_the_old_guest_runs(kvm: Hypervisor) -> None:
    converge(kvm, ONE)
    other = replace(INPUTS, guest_images={"debian": RECIPES[1]})
    assert words(converge(kvm, ONE, other)) == ["replace disk web", "create guest web"]
    assert domain_of(kvm, "web").isActive()
    assert not planned(kvm, ONE, other)


def test_a_guest_with_a_saved_state_comes_up_as_it_is_declared_now(kvm: Hypervisor) -> None:
    converge(kvm, ONE)
    domain_of(kvm, "web").managedSave()
    changed = with_guest(ONE, "web", memory=96 * MIB)
    converge(kvm, changed)
    assert domain_of(kvm, "web").info()[1] == 96 * 1024
    assert not planned(kvm, changed)


def test_a_guest_that_does_not_start_tells_why_and_starts_once_that_is_put_right(kvm: Hypervisor) -> None:
    converge(kvm, ONE)
    domain_of(kvm, "web").destroy()
    seed = kvm.folders.pool("lab") / "web.seed"
    seed.rename(seed.with_suffix(".away"))
    with pytest.raises(HypervisorError, match=r"guest web: .*web\.seed.*No such file"):
        converge(kvm, ONE)
    assert not domain_of(kvm, "web").isActive()
    seed.with_suffix(".away").rename(seed)
    assert words(converge(kvm, ONE)) == ["start guest web"]


def test_a_kernel_that_is_none_is_told_in_the_words_of_qemu(kvm: Hypervisor) -> None:
    fill_store(kvm.folders, kernel=b"no kernel")
    with pytest.raises(HypervisorError, match=r"guest web: (?s:.*)kernel"):
        converge(kvm, ONE)
    fill_store(kvm.folders, kernel=None)
    remove(kvm, "lab")
    converge(kvm, ONE)
    assert not planned(kvm, ONE)


def test_a_guest_with_snapshots_is_removed_whole(kvm: Hypervisor) -> None:
    converge(kvm, ONE)
    domain_of(kvm, "web").destroy()
    domain_of(kvm, "web").snapshotCreateXML("<domainsnapshot><name>before</name></domainsnapshot>")
    remove(kvm, "lab")
    assert not kvm.connection.listAllDomains()


def test_removing_leaves_no_object_no_bridge_and_no_file(kvm: Hypervisor) -> None:
    converge(kvm, environment())
    (kvm.folders.pool("lab") / ".web.qcow2.new").write_bytes(b"half a disk")
    images = sorted(kvm.folders.images.rglob("*"))
    remove(kvm, "lab")
    connection = kvm.connection
    assert not [*connection.listAllDomains(), *connection.listAllNetworks(), *connection.listAllStoragePools()]
    assert BRIDGE not in inside(kvm, "ip", "link")
    assert not kvm.folders.pool("lab").exists()
    assert sorted(kvm.folders.images.rglob("*")) == images
