# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real libvirtd tells nothing of our objects, and of rich ones of others, that our tables do not know."""

from __future__ import annotations

import runpy
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import kvm_lab
import libvirt
import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.known.known import Source, known
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.known.xml_tree import tree_of
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.leaf import leaves_below
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm import domain
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.hypervisor import Hypervisor
from environments import REPOSITORY

pytestmark = pytest.mark.lab

RICH_DOMAIN = """
<domain type='qemu' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <name>known-rich</name>
  <title>t</title>
  <memory unit='MiB'>256</memory>
  <vcpu placement='static' current='1'>4</vcpu>
  <iothreads>1</iothreads>
  <cputune><shares>512</shares><vcpupin vcpu='0' cpuset='0'/><emulatorpin cpuset='0'/></cputune>
  <memtune><hard_limit unit='MiB'>900</hard_limit></memtune>
  <memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>
  <os>
    <type arch='x86_64' machine='q35'>hvm</type>
    <boot dev='hd'/><boot dev='network'/>
    <bootmenu enable='yes' timeout='10'/><smbios mode='sysinfo'/>
  </os>
  <sysinfo type='smbios'><system><entry name='serial'>s</entry><entry name='product'>p</entry></system></sysinfo>
  <features><acpi/><apic/><hyperv><relaxed state='on'/><spinlocks state='on' retries='8191'/></hyperv></features>
  <cpu mode='custom' match='exact'>
    <model fallback='allow'>qemu64</model>
    <topology sockets='2' dies='1' cores='2' threads='1'/>
    <feature policy='disable' name='svm'/>
    <numa><cell id='0' cpus='0-3' memory='256' unit='MiB'/></numa>
  </cpu>
  <clock offset='utc'><timer name='rtc' tickpolicy='catchup'/><timer name='pit' tickpolicy='delay'/></clock>
  <on_crash>preserve</on_crash>
  <pm><suspend-to-mem enabled='no'/></pm>
  <devices>
    <disk type='file' device='disk'>
      <driver name='qemu' type='qcow2' cache='none' discard='unmap' iothread='1'/>
      <source file='/nowhere/a.qcow2'/>
      <target dev='vda' bus='virtio'/>
      <iotune><total_iops_sec>100</total_iops_sec></iotune>
      <serial>abc</serial>
    </disk>
    <disk type='network' device='cdrom'>
      <source protocol='http' name='a.iso'><host name='example' port='80'/></source>
      <target dev='sda' bus='sata'/><readonly/>
    </disk>
    <controller type='scsi' index='0' model='virtio-scsi'><driver queues='2'/></controller>
    <controller type='usb' model='qemu-xhci' ports='8'/>
    <filesystem type='mount' accessmode='passthrough'>
      <driver type='virtiofs'/><source dir='/srv'/><target dir='srv'/>
    </filesystem>
    <interface type='network'>
      <source network='known-rich' portgroup='slow'/><model type='virtio'/><driver name='vhost' queues='2'/>
      <bandwidth><inbound average='1000' peak='2000' burst='64'/></bandwidth>
      <link state='down'/><mtu size='1400'/>
      <filterref filter='clean-traffic'><parameter name='IP' value='10.213.0.9'/></filterref>
    </interface>
    <interface type='user'><ip address='10.0.2.15' family='ipv4' prefix='24'/></interface>
    <serial type='pty'><log file='/nowhere/log' append='on'/></serial>
    <channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
    <graphics type='vnc' autoport='yes' passwd='x'><listen type='address' address='127.0.0.1'/></graphics>
    <sound model='ich9'/>
    <video><model type='virtio' heads='1'/></video>
    <hostdev mode='subsystem' type='pci' managed='yes'>
      <source><address domain='0' bus='1' slot='0' function='1'/></source><rom bar='off'/>
    </hostdev>
    <watchdog model='i6300esb' action='reset'/>
    <memballoon model='virtio' autodeflate='on'><stats period='5'/></memballoon>
    <rng model='virtio'><rate bytes='1024' period='1000'/><backend model='random'>/dev/urandom</backend></rng>
    <panic model='isa'/>
    <shmem name='shared'><model type='ivshmem-plain'/><size unit='M'>4</size></shmem>
    <vsock model='virtio'><cid auto='no' address='9'/></vsock>
  </devices>
  <qemu:commandline><qemu:arg value='-no-hpet'/><qemu:env name='A' value='b'/></qemu:commandline>
</domain>
"""
RICH_NETWORK = """
<network xmlns:dnsmasq='http://libvirt.org/schemas/network/dnsmasq/1.0' ipv6='yes' trustGuestRxFilters='no'>
  <name>known-rich</name>
  <metadata><a:b xmlns:a='urn:a' c='d'>e</a:b></metadata>
  <forward mode='nat'><nat><address start='10.9.0.1' end='10.9.0.2'/><port start='2000' end='3000'/></nat></forward>
  <bridge name='stknown' stp='off' delay='0'/>
  <mtu size='1400'/>
  <domain name='example' localOnly='yes'/>
  <bandwidth><inbound average='1000'/></bandwidth>
  <portgroup name='slow' default='yes'><bandwidth><outbound average='100'/></bandwidth></portgroup>
  <dns>
    <forwarder domain='example' addr='10.9.0.53'/>
    <txt name='a' value='b'/>
    <srv service='s' protocol='tcp' domain='example' target='t' port='9'/>
    <host ip='10.213.0.2'><hostname>a</hostname><hostname>b</hostname></host>
  </dns>
  <ip address='10.213.0.1' prefix='24'>
    <tftp root='/srv'/>
    <dhcp>
      <range start='10.213.0.9' end='10.213.0.99'><lease expiry='9' unit='minutes'/></range>
      <host mac='52:54:00:00:00:09' name='x' ip='10.213.0.3'/>
      <bootp file='f' server='10.9.0.9'/>
    </dhcp>
  </ip>
  <route address='10.8.0.0' prefix='24' gateway='10.213.0.7'/>
  <dnsmasq:options><dnsmasq:option value='log-queries'/></dnsmasq:options>
</network>
"""


@pytest.fixture(scope="module")
def kvm(hypervisor: Hypervisor) -> Iterator[Hypervisor]:
    """The hypervisor with two guests that run, which boot nothing, and with what others may define."""
    root = hypervisor.folders.root
    made = replace(hypervisor, folders=Folders(root, root / "tiny-images"))
    kvm_lab.fill_store(made.folders, kernel=None)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(domain, "SHUTDOWN_TIMEOUT", 0.5)
        kvm_lab.converge(made, kvm_lab.environment())
        rich = made.connection.defineXML(RICH_DOMAIN), made.connection.networkDefineXML(RICH_NETWORK)
        yield made
        for one in rich:
            one.undefine()
        kvm_lab.remove(made, "lab")


def unknown(source: Source, xml: str) -> list[str]:
    return ["/".join(path) for path, _value in leaves_below(tree_of(xml)) if not known(source).knows(path)]


def test_domains_that_run_and_that_do_not_tell_nothing_unknown(kvm: Hypervisor) -> None:
    found = {one.name(): one for one in kvm.connection.listAllDomains()}
    assert found.keys() == {"lab-web", "lab-apps", "known-rich"}
    for flags in (0, libvirt.VIR_DOMAIN_XML_INACTIVE, libvirt.VIR_DOMAIN_XML_SECURE):
        told = {name: unknown("domain", one.XMLDesc(flags)) for name, one in found.items()}
        assert not any(told.values()), told


def test_networks_tell_nothing_unknown(kvm: Hypervisor) -> None:
    found = {one.name(): one for one in kvm.connection.listAllNetworks()}
    assert found["lab-lan"].isActive()
    for flags in (0, libvirt.VIR_NETWORK_XML_INACTIVE):
        told = {name: unknown("network", one.XMLDesc(flags)) for name, one in found.items()}
        assert not any(told.values()), told


def test_pools_and_volumes_tell_nothing_unknown(kvm: Hypervisor) -> None:
    pools = kvm.connection.listAllStoragePools()
    volumes = [volume for pool in pools for volume in pool.listAllVolumes()]
    assert len(volumes) >= 2
    assert [unknown("pool", pool.XMLDesc()) for pool in pools] == [[]] * len(pools)
    assert [unknown("volume", volume.XMLDesc()) for volume in volumes] == [[]] * len(volumes)


@pytest.mark.parametrize(
    ("source", "file"),
    [("domain", "domain.rng"), ("network", "network.rng"), ("pool", "storagepool.rng"), ("volume", "storagevol.rng")],
)
def test_schemas_of_the_libvirt_that_is_installed_have_no_name_that_is_missing(source: Source, file: str) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.syspath_prepend(REPOSITORY / "tools")
        tool = runpy.run_path(str(REPOSITORY / "tools/known_libvirt"))
    below = tool["Schema"](Path("/usr/share/libvirt/schemas") / file).below
    assert below[source]
    names = known(source).names
    assert {place: rest for place in below if (rest := below[place] - names.get(place, frozenset()))} == {}


def test_what_is_rich_has_a_path_for_each_of_its_devices(kvm: Hypervisor) -> None:
    devices = tree_of(kvm.connection.lookupByName("known-rich").XMLDesc())["devices"]
    told = {"disk[vda]", "disk[sda]", "interface[known-rich]", "filesystem[srv]", "shmem[shared]", "graphics[vnc]"}
    assert told <= devices.keys()
    assert devices["controller[usb:0]"]["@model"] == "qemu-xhci"
