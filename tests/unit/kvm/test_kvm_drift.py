# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What somebody else changed in libvirt is found by its path, told from a new declaration, and put right."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import libvirt
import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import ForeignObjectError
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.model import Plan
from kvm_lab import converge, empty_qcow2, environment, planned, remove, words

STRANGER = "11111111-2222-3333-4444-555555555555"


def edit(hypervisor: Any, change: Callable[[Element], None]) -> None:
    """What `virsh edit lab-web` does."""
    domain = hypervisor.connection.lookupByName("lab-web")
    root = ElementTree.fromstring(domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE))
    change(root)
    hypervisor.connection.defineXML(ElementTree.tostring(root, encoding="unicode"))


def set_text(path: str, text: str) -> Callable[[Element], None]:
    def change(root: Element) -> None:
        for element in root.findall(path):
            element.text = text

    return change


def set_attribute(path: str, name: str, value: str) -> Callable[[Element], None]:
    return lambda root: root.find(path).set(name, value)


def add_device(xml: str) -> Callable[[Element], None]:
    return lambda root: root.find("devices").append(ElementTree.fromstring(xml))


def drop_interface(root: Element) -> None:
    devices = root.find("devices")
    devices.remove(devices.find("interface"))


def drifted(plan: Plan) -> list[tuple[str, ...]]:
    assert all(difference.cause == "drift" for change in plan for difference in change.differences)
    return [difference.path for change in plan for difference in change.differences]


@pytest.mark.parametrize(
    ("change", "paths"),
    [
        (set_attribute("vcpu", "current", "2"), [("vcpus",), ("vcpus_emulated",)]),
        (set_text("currentMemory", "32768"), [("memory",)]),
        (set_attribute(".", "type", "kvm"), [("vcpus_emulated",), ("virt_type",)]),
        (set_attribute("devices/interface/mac", "address", "52:54:00:00:00:01"), [("interfaces", "lan", "mac")]),
        (
            drop_interface,
            [("interfaces", "lan", leaf) for leaf in ("address", "link", "mac", "position", "resolver")],
        ),
        (
            set_attribute("devices/interface/source", "network", "default"),
            [
                ("edited", "interface"),
                ("interfaces", "lan", "address"),
                ("interfaces", "lan", "link"),
                ("interfaces", "lan", "mac"),
                ("interfaces", "lan", "position"),
                ("interfaces", "lan", "resolver"),
            ],
        ),
        (add_device("<interface type='network'><source network='default'/></interface>"), [("edited", "interface")]),
        (set_text("os/cmdline", "init=/bin/sh"), [("edited", "os")]),
        (set_text("on_crash", "restart"), [("edited", "on_crash")]),
        (set_text("cpu/model", "Nehalem"), [("edited", "cpu")]),
        (set_text("memory", "131072"), [("memory_max",)]),
        (add_device("<serial type='pty'><target port='1'/></serial>"), [("edited", "serial")]),
        (set_attribute("devices/disk/source", "file", "/elsewhere.qcow2"), [("edited", "disk")]),
        (
            add_device(
                "<disk type='file' device='disk'><source file='/other'/><target dev='vdc' bus='virtio'/></disk>"
            ),
            [("edited", "disk")],
        ),
    ],
)
def test_an_edited_guest_is_found_by_the_path_of_the_edit_and_put_right(
    hypervisor: Any, change: Callable[[Element], None], paths: list[tuple[str, ...]]
) -> None:
    converge(hypervisor, environment())
    edit(hypervisor, change)
    found = planned(hypervisor, environment())
    in_place = all(path[0] in ("interfaces", "memory") for path in paths) and paths[0][-1] != "mac"
    assert words(found) == ["update guest web" if in_place else "restart guest web"]
    assert drifted(found) == paths
    converge(hypervisor, environment())
    assert not planned(hypervisor, environment())


def test_an_edit_is_told_by_the_part_that_was_edited(hypervisor: Any) -> None:
    converge(hypervisor, environment())
    edit(hypervisor, set_text("os/cmdline", "init=/bin/sh"))
    (difference,) = next(iter(planned(hypervisor, environment()))).differences
    kernel = "console=ttyS0 norandmaps mitigations=off rcupdate.rcu_expedited=1 no_timer_check systemd.hostname=web"
    assert (difference.path, difference.after) == (("edited", "os"), [])
    assert difference.before == [f"os/cmdline is init=/bin/sh, not {kernel}"]


def test_autostart_that_was_switched_off_is_switched_on_while_the_guest_runs(hypervisor: Any) -> None:
    converge(hypervisor, environment())
    domain = hypervisor.connection.lookupByName("lab-web")
    domain.setAutostart(0)
    before = domain.ID()
    found = converge(hypervisor, environment())
    assert (words(found), drifted(found)) == (["update guest web"], [("autostart",)])
    assert (domain.autostart(), domain.ID()) == (1, before)


def test_a_guest_that_would_vanish_with_its_power_is_defined_again(hypervisor: Any) -> None:
    converge(hypervisor, environment())
    hypervisor.connection.lookupByName("lab-web").undefine()
    assert ("persistent",) in drifted(planned(hypervisor, environment()))
    converge(hypervisor, environment())
    assert hypervisor.connection.lookupByName("lab-web").isPersistent()


@pytest.mark.parametrize(
    ("pattern", "edited", "paths", "action"),
    [
        ("name='web' ip='10.211.0.11'", "name='web' ip='10.211.0.99'", [("hosts", "web", "address")], "update"),
        ("<hostname>web</hostname>", "<hostname>www</hostname>", [("names", "10.211.0.11")], "update"),
        ("address='10.211.0.1'", "address='10.211.0.2'", [("gateway",)], "restart"),
        ("prefix='20'", "prefix='21'", [("cidr",)], "replace"),
        ("<bridge ", "<forward mode='nat'/><bridge ", [("forward",)], "restart"),
        ("<bridge ", "<domain name='other'/><bridge ", [("domain",)], "restart"),
        ("<bridge ", "<mtu size='1400'/><bridge ", [("mtu",)], "restart"),
        ("<dns>", "<dns><forwarder addr='10.0.0.1'/>", [("forwarders",)], "restart"),
        ("<dhcp>", "<dhcp><range start='10.211.9.1' end='10.211.9.2'/>", [("ranges",)], "update"),
        ("<dhcp>", "<dhcp><host mac='52:54:00:00:00:09' ip='10.211.9.9'/>", [("edited",)], "update"),
        ("<dns>", "<dns><host ip='10.211.9.9'><hostname>x</hostname></host>", [("edited",)], "update"),
        ("<dns>", "<dns><txt name='x' value='y'/>", [("edited",)], "update"),
        ("</network>", "<portgroup name='fast'/></network>", [("edited",)], "update"),
        ("stp='off'", "stp='on'", [("edited",)], "restart"),
        ("</network>", "<bandwidth><inbound average='9'/></bandwidth></network>", [("edited",)], "restart"),
        (
            "</network>",
            "<route address='10.9.0.0' prefix='16' gateway='10.211.0.9'/></network>",
            [("edited",)],
            "restart",
        ),
        ("</network>", "<ip family='ipv6' address='fd00::1' prefix='64'/></network>", [("edited",)], "restart"),
        ("<network", "<network ipv6='yes'", [("edited",)], "restart"),
    ],
)
def test_an_edited_network_is_found_by_the_path_of_the_edit_and_put_right(
    hypervisor: Any, pattern: str, edited: str, paths: list[tuple[str, ...]], action: str
) -> None:
    converge(hypervisor, environment())
    network = hypervisor.connection.networkLookupByName("lab-lan")
    xml = network.XMLDesc()
    assert xml.count(pattern) == 1
    network.destroy()
    hypervisor.connection.networkDefineXML(xml.replace(pattern, edited))
    network.create()
    found = converge(hypervisor, environment())
    assert f"{action} network lan" in words(found)
    assert set(paths) <= set(drifted(found))
    assert not planned(hypervisor, environment())


def test_autostart_of_a_network_is_put_right_while_it_runs(hypervisor: Any) -> None:
    converge(hypervisor, environment())
    hypervisor.connection.networkLookupByName("lab-lan").setAutostart(0)
    found = converge(hypervisor, environment())
    assert (words(found), drifted(found)) == (["update network lan"], [("autostart",)])
    assert not planned(hypervisor, environment())


def test_a_network_that_was_stopped_is_started_and_its_guests_are_attached_again(hypervisor: Any) -> None:
    converge(hypervisor, environment())
    hypervisor.connection.networkLookupByName("lab-lan").destroy()
    assert words(converge(hypervisor, environment())) == ["start network lan"]
    assert not planned(hypervisor, environment())


#: Stands for `ip`: the links are a file beside it, one "tap bridge" a line.
IP = """#!/bin/sh
links=${0%/*}/links
case "$*" in
"ip -json link show")
    sed 's/\\(.*\\) \\(.*\\)/{"ifname":"\\1","master":"\\2"}/' "$links" | paste -s -d , | sed 's/.*/[&]/' ;;
"ip link set dev "*) sed -i "s/^$5 .*/$5 $7/" "$links" ;;
*) exit 1 ;;
esac
"""


def test_guests_whose_network_was_taken_down_and_up_below_them_are_attached_again(
    hypervisor: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    converge(hypervisor, environment())
    (tmp_path / "ip").write_text(IP)
    (tmp_path / "ip").chmod(0o755)
    bridge = hypervisor.connection.networkLookupByName("lab-lan").bridgeName()
    web = ElementTree.fromstring(hypervisor.connection.lookupByName("lab-web").XMLDesc())
    tap = web.find("devices/interface/target").get("dev")
    (tmp_path / "links").write_text(f"{tap} elsewhere\neth0 none\n")
    monkeypatch.setattr(type(hypervisor), "inside", lambda _self, argv: [str(tmp_path / "ip"), *argv])
    found = planned(hypervisor, environment())
    assert (words(found), drifted(found)) == (["update network lan"], [("detached",)])
    converge(hypervisor, environment())
    assert (tmp_path / "links").read_text() == f"{tap} {bridge}\neth0 none\n"
    assert not planned(hypervisor, environment())


DOMAIN = "<domain type='test'><name>lab-web</name>{}<memory>1024</memory><os><type>hvm</type></os></domain>"


def define_domain(hypervisor: Any) -> None:
    hypervisor.connection.defineXML(DOMAIN.format(f"<uuid>{STRANGER}</uuid>"))


def define_network(hypervisor: Any) -> None:
    hypervisor.connection.networkDefineXML(
        f"<network><name>lab-lan</name><uuid>{STRANGER}</uuid><bridge name='br'/></network>"
    )


def define_pool(hypervisor: Any) -> None:
    hypervisor.connection.storagePoolDefineXML(
        f"<pool type='dir'><name>lab</name><uuid>{STRANGER}</uuid><target><path>/srv</path></target></pool>"
    )


def leave_file(hypervisor: Any) -> None:
    hypervisor.folders.pool("lab").mkdir(parents=True)
    empty_qcow2(hypervisor.folders.pool("lab") / "web.qcow2", 1024**2)


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (define_domain, "guest web"),
        (define_network, "network lan"),
        (define_pool, "pool lab"),
        (leave_file, "disk web"),
    ],
)
def test_a_strangers_object_with_our_name_is_refused_and_nothing_is_touched(
    hypervisor: Any, make: Callable[[Any], None], named: str
) -> None:
    make(hypervisor)
    before = state(hypervisor)
    with pytest.raises(ForeignObjectError, match=f"{named}: exists already and does not belong to this environment"):
        converge(hypervisor, environment())
    remove(hypervisor, "lab")
    assert state(hypervisor) == before


def state(hypervisor: Any) -> list[str]:
    connection = hypervisor.connection
    lists = (connection.listAllDomains(), connection.listAllNetworks(), connection.listAllStoragePools())
    files = sorted(str(path) for path in hypervisor.folders.root.rglob("*"))
    return [thing.XMLDesc() for things in lists for thing in things] + files


def test_our_uuid_without_our_mark_is_a_strangers(hypervisor: Any) -> None:
    converge(hypervisor, environment())
    edit(hypervisor, lambda root: root.remove(root.find("metadata")))
    with pytest.raises(ForeignObjectError, match="guest web"):
        planned(hypervisor, environment())


@pytest.mark.parametrize("text", ["", "no json", "[1]"])
def test_a_mark_that_cannot_be_read_is_none(hypervisor: Any, text: str) -> None:
    converge(hypervisor, environment())

    def spoil(root: Element) -> None:
        root.find("metadata")[0][0].text = text

    edit(hypervisor, spoil)
    with pytest.raises(ForeignObjectError, match="guest web"):
        planned(hypervisor, environment())
