# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""XML of libvirt as a tree with paths that stay, and fields that no table knows."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import Any, get_args

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.known import known as tables
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.known.known import Source, known
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.known.xml_tree import tree_of
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.leaf import leaves_below
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.diff import leaves

DOMAIN = """
<domain type='qemu' id='3' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <name>lab-web</name>
  <metadata>
    <strata:object xmlns:strata='urn:strata:kvm_docker:1' environment='lab'>
      <strata:applied>{}</strata:applied>
    </strata:object>
  </metadata>
  <memory unit='KiB'>65536</memory>
  <os><type arch='x86_64' machine='pc-q35-7.2'>hvm</type><boot dev='hd'/><boot dev='network'/></os>
  <features><acpi/></features>
  <cpu mode='custom'><feature policy='require' name='vmx'/><feature policy='disable' name='svm'/></cpu>
  <clock offset='utc'><timer name='rtc' tickpolicy='catchup'/></clock>
  <devices>
    <disk type='file' device='disk'><source file='/x/web.qcow2'/><target dev='vda' bus='virtio'/></disk>
    <disk type='file' device='disk'><source file='/x/data.qcow2'/><target dev='vdb' bus='virtio'/></disk>
    <controller type='pci' index='0' model='pcie-root'/>
    <controller type='pci' index='1' model='pcie-root-port'/>
    %s
    <serial type='pty'><target type='isa-serial' port='0'><model name='isa-serial'/></target></serial>
    <channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
    <hub type='usb'/>
    <hub type='usb'/>
  </devices>
  <qemu:commandline><qemu:arg value='-snapshot'/><qemu:env name='A' value='b'/></qemu:commandline>
</domain>
"""
INTERFACES = (
    "<interface type='network'><mac address='52:54:00:00:00:01'/><source network='lan'/><mtu size='1400'/></interface>",
    "<interface type='network'><mac address='52:54:00:00:00:02'/><source network='back'/></interface>",
    "<interface type='network'><mac address='52:54:00:00:00:03'/><source network='back'/></interface>",
    "<interface type='user'><mac address='52:54:00:00:00:04'/></interface>",
)
NETWORK = """
<network connections='2'>
  <name>lab-lan</name>
  <forward mode='nat'><nat><port start='1024' end='65535'/></nat></forward>
  <dns><host ip='10.0.0.2'><hostname>b</hostname><hostname>a</hostname></host></dns>
  <ip address='10.0.0.1' prefix='24'>
    <dhcp>
      <range start='10.0.0.9' end='10.0.0.99'/>
      <host mac='52:54:00:00:00:01' name='web' ip='10.0.0.2'/>
      <host mac='52:54:00:00:00:02' name='apps'/>
    </dhcp>
  </ip>
</network>
"""
POOL = (
    "<pool type='dir'><name>p</name><capacity unit='bytes'>9</capacity><source/><target><path>/p</path></target></pool>"
)
VOLUME = "<volume type='file'><name>v</name><target><format type='qcow2'/><compat>1.1</compat></target></volume>"

#: What an engine of the 29 series tells with containerd's image store, shortened.
CONTAINER: dict[str, Any] = {
    "Id": "c" * 64,
    "State": {"Status": "running", "Health": {"Log": [{"Start": "2026", "Output": "", "ExitCode": 0}]}},
    "ImageManifestDescriptor": {"digest": "sha256:aa", "platform": {"architecture": "amd64", "os": "linux"}},
    "Storage": {"RootFS": {"Snapshot": {"Name": "overlayfs"}}},
    "HostConfig": {
        "PortBindings": {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8080"}]},
        "LogConfig": {"Type": "json-file", "Config": {"max-size": "1m"}},
        "Ulimits": [{"Name": "nofile", "Hard": 9, "Soft": 9}],
        "Sysctls": {"net.ipv4.ip_forward": "1"},
    },
    "Config": {"Env": ["A=b"], "Labels": {"com.example/any": "x"}, "ExposedPorts": {"80/tcp": {}}},
    "NetworkSettings": {"Ports": {"80/tcp": None}, "Networks": {"front": {"GwPriority": 0, "DNSNames": ["web"]}}},
}


def domain(*interfaces: str) -> str:
    return DOMAIN % "".join(interfaces or INTERFACES)


def paths(xml: str) -> dict[str, Any]:
    return {"/".join(path): value for path, value in leaves(tree_of(xml))}


def unknown(source: Source, tree: Any) -> list[str]:
    return ["/".join(path) for path, _value in leaves_below(tree) if not known(source).knows(path)]


def test_a_path_says_what_a_value_is_about() -> None:
    found = paths(domain())
    assert found["@type"] == "qemu"
    assert found["name"] == "lab-web"
    assert found["memory/#text"] == "65536"
    assert found["features/acpi"] == ""
    assert found["cpu/feature[vmx]/@policy"] == "require"
    assert found["clock/timer[rtc]/@tickpolicy"] == "catchup"
    assert found["devices/disk[vdb]/source/@file"] == "/x/data.qcow2"
    assert found["devices/controller[pci:1]/@model"] == "pcie-root-port"
    assert found["devices/interface[lan]/mtu/@size"] == "1400"
    assert found["devices/serial[isa-serial:0]/target/model/@name"] == "isa-serial"
    assert found["devices/channel[org.qemu.guest_agent.0]/@type"] == "unix"


def test_what_has_no_identity_is_numbered_where_there_are_several() -> None:
    found = paths(domain())
    assert (found["os/boot[0]/@dev"], found["os/boot[1]/@dev"]) == ("hd", "network")
    assert found["devices/hub[1]/@type"] == "usb"
    assert "qemu:commandline/qemu:arg/@value" in found


def test_namespaces_of_libvirt_and_ours_are_short_and_others_are_told_in_full() -> None:
    found = paths(domain())
    assert found["metadata/strata:object/strata:applied"] == "{}"
    assert found["qemu:commandline/qemu:env[A]/@value"] == "b"
    strange = paths("<domain><a:b xmlns:a='urn:a' a:c='d'/></domain>")
    assert strange == {"{urn:a}b/@{urn:a}c": "d"}


def test_hosts_and_addresses_of_a_network_go_by_what_identifies_them() -> None:
    found = paths(NETWORK)
    assert found["ip[10.0.0.1]/dhcp/host[10.0.0.2]/@name"] == "web"
    assert found["ip[10.0.0.1]/dhcp/host[52:54:00:00:00:02]/@name"] == "apps"
    assert found["ip[10.0.0.1]/dhcp/range[10.0.0.9]/@end"] == "10.0.0.99"
    assert found["dns/host[10.0.0.2]/hostname[a]"] == "a"


@pytest.mark.parametrize("order", list(itertools.permutations(INTERFACES)))
def test_the_order_of_interfaces_changes_no_path(order: tuple[str, ...]) -> None:
    assert paths(domain(*order)) == paths(domain())


def test_interfaces_on_one_network_are_told_apart_by_their_hardware_addresses() -> None:
    found = tree_of(domain())["devices"]
    assert [key for key in found if key.startswith("interface")] == [
        "interface[lan]",
        "interface[back:52:54:00:00:00:02]",
        "interface[back:52:54:00:00:00:03]",
        "interface[52:54:00:00:00:04]",
    ]


def test_no_element_takes_the_place_of_another() -> None:
    names = "<vcpu id='0'/><vcpu/><vcpu id='1'/><vcpu id='1'/><host ip='a'/><host mac='a'/><host/>"
    found = tree_of(f"<x>{names}</x>")
    assert list(found) == ["vcpu[0]", "vcpu[2]", "vcpu[3]", "vcpu[4]", "host[a]", "host[0]", "host[1]"]


def test_text_beside_elements_is_not_lost() -> None:
    assert tree_of("<x>a <b/> c</x>") == {"b": "", "#text": "a  c"}


@pytest.mark.parametrize(
    ("source", "xml"), [("domain", domain()), ("network", NETWORK), ("pool", POOL), ("volume", VOLUME)]
)
def test_fields_of_libvirt_are_known(source: Source, xml: str) -> None:
    assert not unknown(source, tree_of(xml))


@pytest.mark.parametrize(
    ("source", "xml", "path"),
    [
        ("domain", domain().replace("<hub type='usb'/>", "<warp-drive speed='9'/>", 1), "devices/warp-drive/@speed"),
        ("domain", domain().replace("dev='vda'", "dev='vda' warp='9'"), "devices/disk[vda]/target/@warp"),
        ("domain", domain().replace("<acpi/>", "<features/>"), "features/features"),
        ("domain", domain().replace("<acpi/>", "<x:acpi xmlns:x='urn:x'/>"), "features/{urn:x}acpi"),
        ("network", NETWORK.replace("<dns>", "<dns><warp/>"), "dns/warp"),
        ("pool", POOL.replace("<source/>", "<source warp=''/>"), "source/@warp"),
        ("volume", VOLUME.replace("<compat>1.1", "<compat>1.1<warp/>"), "target/compat/warp"),
    ],
)
def test_a_field_that_libvirt_did_not_have_is_noticed(source: Source, xml: str, path: str) -> None:
    assert unknown(source, tree_of(xml)) == [path]


def test_fields_of_an_engine_are_known() -> None:
    assert not unknown("container", CONTAINER)


@pytest.mark.parametrize(
    ("where", "path"),
    [
        ((), "Warp"),
        (("State",), "State/Warp"),
        (("HostConfig",), "HostConfig/Warp"),
        (("HostConfig", "PortBindings", "80/tcp", 0), "HostConfig/PortBindings/80/tcp/0/Warp"),
        (("HostConfig", "Ulimits", 0), "HostConfig/Ulimits/0/Warp"),
        (("NetworkSettings", "Networks", "front"), "NetworkSettings/Networks/front/Warp"),
        (("Storage", "RootFS"), "Storage/RootFS/Warp"),
    ],
)
def test_a_field_that_engines_did_not_have_is_noticed(where: tuple[Any, ...], path: str) -> None:
    def planted(tree: Any, where: tuple[Any, ...]) -> Any:
        if not where:
            return {**tree, "Warp": 9}
        if isinstance(tree, list):
            return [planted(entry, where[1:]) if index == where[0] else entry for index, entry in enumerate(tree)]
        return {**tree, where[0]: planted(tree[where[0]], where[1:])}

    assert unknown("container", planted(CONTAINER, where)) == [path]


def test_what_descriptions_lack_is_known_from_the_table_that_is_kept_by_hand() -> None:
    service = {"VIP": "10.0.0.2", "Ports": [], "LocalLBIndex": 256, "Tasks": [{"Name": "s.1", "Info": {"a": "b"}}]}
    assert not unknown("docker_network", {"Name": "ingress", "Services": {"s": service}})


def test_names_in_open_maps_are_anybodys() -> None:
    assert known("container").knows(("Config", "Labels", "any/thing"))
    assert known("docker_volume").knows(("Options", "o"))
    assert known("domain").knows(("metadata", "{urn:x}y", "z", "@a"))
    assert not known("container").knows(("Config", "Labels", "any", "thing"))


@pytest.mark.parametrize("source", get_args(Source))
def test_every_source_has_a_table_without_a_row_that_cannot_be_reached(source: Source) -> None:
    names = known(source).names
    assert names[known(source).root]
    if known(source).root:
        reached = set(itertools.chain.from_iterable(names.values())) | {source}
    else:
        reached = {f"{place}/{name}".lstrip("/") for place, below in names.items() for name in below} | {""}
    assert names.keys() <= reached


def test_tables_are_sorted_and_hold_names_only() -> None:
    for file in Path(tables.__file__).parent.glob("known_*.py"):
        for table in re.findall(r'"""\\\n(.*?)"""', file.read_text(), re.DOTALL):
            places = [row.partition(": ")[0] for row in table.splitlines() if not row.startswith(" ")]
            assert places == sorted(places)
            assert re.fullmatch(r"[\w@#:/*. \n-]+", table)
