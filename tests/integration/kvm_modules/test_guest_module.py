# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module guest on a real libvirt, with guests that have an empty disk."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import libvirt
import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.hypervisor import Hypervisor
from docker_module import Modules, actions
from kvm_lab import MIB, empty_qcow2

pytestmark = pytest.mark.lab

LAN = {"name": "lan", "cidr": "10.211.0.0/20", "forward": "isolated"}


@pytest.fixture
def web(modules: Modules, kvm: Hypervisor) -> dict[str, Any]:
    """Options of a guest on a network that is there."""
    image = kvm.folders.root / "empty.qcow2"
    empty_qcow2(image, 16 * MIB)
    modules.run("guest_network", **LAN)
    return {
        "name": "web",
        "source": str(image),
        "memory": "64 MiB",
        "disk": "64 MiB",
        "networks": {"lan": {"address": "10.211.0.11"}},
        "virt_type": "qemu",
        "wait": "none",
    }


def domain_of(kvm: Hypervisor, guest: str = "web") -> libvirt.virDomain:
    return kvm.connection.lookupByName(f"lab-{guest}")


def traces(kvm: Hypervisor) -> list[str]:
    """What there is of the environment beside its networks."""
    named = [*kvm.connection.listAllDomains(), *kvm.connection.listAllStoragePools()]
    files = kvm.folders.pool("lab").glob("*") if kvm.folders.pool("lab").exists() else ()
    return [thing.name() for thing in named] + [path.name for path in files]


def test_a_guest_lives_from_its_creation_to_its_end(modules: Modules, kvm: Hypervisor, web: dict[str, Any]) -> None:
    made = modules.four_phases("guest", **web)
    assert {"create disk web", "create guest web", "create pool lab", "update network lan"} <= set(actions(made))
    assert (made["guest"]["running"], made["guest"]["memory"]) == (True, 64 * MIB)
    assert domain_of(kvm).isActive()
    without_image = {key: value for key, value in web.items() if key != "source"}
    modules.stands("guest", **without_image)
    modules.stands("guest_network", **LAN)
    changed = modules.four_phases("guest", **{**web, "disk": "96 MiB", "description": "shop"}, publish={"18099": 80})
    assert actions(changed) == ["update disk web", "update guest web", "create forward 127.0.0.1:18099"]
    assert changed["guest"]["publish"] == {"127.0.0.1:18099": 80}
    gone = modules.four_phases("guest", name="web", state="absent")
    assert {"delete guest web", "delete disk web", "update network lan"} <= set(actions(gone))
    assert traces(kvm) == []
    modules.stands("guest_network", **LAN)


def test_it_is_stopped_and_started_as_it_is(modules: Modules, kvm: Hypervisor, web: dict[str, Any]) -> None:
    assert "has none" in modules.refused("guest", name="web", state="started")
    modules.run("guest", **web)
    assert actions(modules.four_phases("guest", name="web", state="stopped")) == ["stop guest web"]
    assert not domain_of(kvm).isActive()
    assert actions(modules.four_phases("guest", name="web", state="started", wait="none")) == ["start guest web"]
    assert domain_of(kvm).isActive()


def test_edits_behind_our_back_are_taken_back_and_those_of_a_network_left_to_it(
    modules: Modules, kvm: Hypervisor, web: dict[str, Any]
) -> None:
    modules.run("guest", **web)
    domain_of(kvm).setAutostart(0)
    kvm.connection.networkLookupByName("lab-lan").setAutostart(0)
    mended = modules.four_phases("guest", **web)
    assert actions(mended) == ["update guest web"]
    assert [item["cause"] for item in mended["plan"][0]["differences"]] == ["drift"]
    assert not kvm.connection.networkLookupByName("lab-lan").autostart()
    assert actions(modules.run("guest_network", **LAN)) == ["update network lan"]


def test_the_other_guests_are_left_alone(modules: Modules, kvm: Hypervisor, web: dict[str, Any]) -> None:
    modules.run("guest", **web)
    domain_of(kvm).setAutostart(0)
    second = {**web, "name": "apps", "networks": {"lan": {"address": "10.211.0.12"}}}
    taken = {**second, "networks": {"lan": {"address": "10.211.0.11"}}}
    assert "10.211.0.11 is the address of guest web already" in modules.refused("guest", **taken)
    made = modules.run("guest", **second)
    assert set(actions(made)) == {"create disk apps", "create guest apps", "update network lan"}
    gone = modules.run("guest", name="apps", state="absent")
    assert set(actions(gone)) == {"delete disk apps", "delete guest apps", "update network lan"}
    assert domain_of(kvm).isActive()


def test_another_image_needs_consent(modules: Modules, kvm: Hypervisor, web: dict[str, Any]) -> None:
    modules.run("guest", **web)
    other = kvm.folders.root / "other.qcow2"
    empty_qcow2(other, 32 * MIB)
    for check in (True, False):
        said = modules.refused("guest", check=check, **{**web, "source": str(other)})
        assert "Give replace_guests: true" in said
    replaced = modules.four_phases("guest", **{**web, "source": str(other)}, replace_guests=True)
    assert {"replace disk web", "create guest web"} <= set(actions(replaced))


def test_data_disks_come_and_go_and_stay_where_nothing_is_said_of_them(
    modules: Modules, kvm: Hypervisor, web: dict[str, Any]
) -> None:
    made = modules.run("guest", **web, disks={"data": {"size": "8 MiB"}, "kept": {"size": "8 MiB", "keep": True}})
    assert [disk["name"] for disk in made["guest"]["disks"]] == ["web", "web.data", "web.kept"]
    modules.stands("guest", **web)
    without = modules.run("guest", **web, disks={"kept": {"size": "8 MiB", "keep": True}})
    assert without["orphans"] == ["disk web.data"]
    modules.run("guest", name="web", state="absent")
    left = traces(kvm)
    assert left == ["web.kept.qcow2"]
    Path(kvm.folders.pool("lab") / "web.kept.qcow2").unlink()


def estranged(kvm: Hypervisor) -> libvirt.virDomain:
    """The guest as somebody else made it by hand: neither domain nor disk tells that it was ours."""
    domain_of(kvm).destroy()
    root = ElementTree.fromstring(domain_of(kvm).XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE))
    for tag in ("uuid", "metadata"):
        root.remove(root.find(tag))
    domain_of(kvm).undefine()
    os.removexattr(kvm.folders.pool("lab") / "web.qcow2", "user.strata.disk")
    return kvm.connection.defineXML(ElementTree.tostring(root, encoding="unicode"))


def test_a_strangers_guest_is_left_alone_until_it_is_adopted(
    modules: Modules, kvm: Hypervisor, web: dict[str, Any]
) -> None:
    modules.run("guest", **web)
    stranger = estranged(kvm)
    for check in (True, False):
        said = modules.refused("guest", check=check, **web)
        assert said.startswith("disk web: exists already and does not belong to this environment")
        assert "or give adopt: true" in said
    assert "does not belong" in modules.refused("guest", name="web", state="absent")
    stranger.create()
    for check in (True, False):
        said = modules.refused("guest", check=check, **web, adopt=True)
        assert "guest web cannot be taken over: it runs. Shut it down first (virsh shutdown lab-web)." in said
    stranger.destroy()
    adopted = modules.four_phases("guest", **web, adopt=True)
    assert actions(adopted) == ["update disk web", "start guest web"]
    assert {change["reason"] for change in adopted["plan"]} == {"adopted: somebody else made it"}
    assert domain_of(kvm).UUIDString() == adopted["guest"]["uuid"] != stranger.UUIDString()
    modules.stands("guest", **web)
    modules.run("guest", name="web", state="absent")
    assert traces(kvm) == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"source": None}, "options: build or source is required for a new guest"),
        ({"memory": "much"}, "options: memory: 'much' is not a size; write it like 768 MiB, 1 GiB or 1g"),
        ({"networks": {"wan": {"address": "10.0.0.1"}}}, "options: networks.wan: unknown network 'wan'"),
        ({"networks": {"lan": {"adress": "10.0.0.1"}}}, "options: networks.lan"),
        ({"disks": {"data": {"size": "1g", "pool": "slow"}}}, "options: disks.data.pool: unknown pool 'slow'"),
        ({"disks": {"data": {"size": "1g", "mount": "/srv"}}}, "options: disks.data.mount: is for the module"),
        ({"source": "http://host/image.qcow2"}, "options: sha256 is required: what a URL leads to may change"),
        ({"name": "web_1"}, "options: name: 'web_1' is no host name (RFC 1123)"),
    ],
)
def test_bad_options_are_told_with_their_path(
    modules: Modules, web: dict[str, Any], options: dict[str, Any], words: str
) -> None:
    assert words in modules.refused("guest", check=True, **{**web, **options})
