# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is written for libvirt: the parts that a guest's speed, safety and identity hang on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils import naming
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest.image_store import StoredImage
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.domain_leaves import definition_leaves, edits
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.domain_xml import render_domain
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.guest_spec import (
    EMULATED,
    domain_of,
    guest_spec,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.mark import Mark, claim
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.network_spec import network_spec
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.network_xml import render_network
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.qcow2 import Qcow2, read_qcow2
from kvm_lab import INPUTS, empty_qcow2, environment, with_guest, with_network

FILES = {part: Path(f"/pools/lab/web.{part}") for part in ("disk", "seed", "console")}
BUILT = StoredImage(
    disk=Path("/images/x/disk.qcow2"),
    digest="x",
    kernel=Path("/images/x/vmlinuz"),
    initrd=Path("/images/x/initrd.img"),
    cmdline="root=/dev/vda console=ttyS0",
)
STOCK = StoredImage(disk=Path("/images/y/disk.qcow2"), digest="y")


def domain(stored: StoredImage = BUILT, virt_type: str = "qemu", memory: int = 64 * 1024**2, vcpus: int = 1) -> Element:
    declared = with_guest(environment(), "web", memory=memory, vcpus=vcpus)
    spec = guest_spec(declared, declared.guests["web"], replace(INPUTS, virt_type=virt_type))
    made = domain_of("lab", "web", spec, stored, FILES)
    return ElementTree.fromstring(render_domain(made, Mark(environment="lab", applied=spec)))


def network(**changes: object) -> Element:
    declared = with_network(environment(), "lan", **changes)
    return ElementTree.fromstring(render_network("lab", "lan", network_spec(declared, "lan", declared.networks["lan"])))


def test_an_image_with_a_kernel_is_booted_by_it_under_the_guests_name() -> None:
    root = domain()
    assert root.findtext("os/kernel") == "/images/x/vmlinuz"
    assert root.findtext("os/initrd") == "/images/x/initrd.img"
    assert root.findtext("os/cmdline") == f"root=/dev/vda console=ttyS0 {EMULATED} systemd.hostname=web"
    assert root.find("os/boot") is None


def test_only_an_emulated_processor_is_spared_the_unpacking_of_its_kernel() -> None:
    stored = replace(BUILT, unpacked=Path("/images/x/vmlinux"))
    kernels = [domain(stored, virt_type).findtext("os/kernel") for virt_type in ("qemu", "kvm")]
    assert kernels == ["/images/x/vmlinux", "/images/x/vmlinuz"]


def test_uefi_starts_the_kernel_that_unpacks_itself() -> None:
    declared = with_guest(environment(), "web", firmware="uefi")
    spec = guest_spec(declared, declared.guests["web"], replace(INPUTS, virt_type="qemu"))
    stored = replace(BUILT, unpacked=Path("/images/x/vmlinux"))
    assert domain_of("lab", "web", spec, stored, FILES).boot.kernel == "/images/x/vmlinuz"


def test_a_stock_image_is_booted_by_the_firmware_from_its_disk() -> None:
    root = domain(STOCK)
    assert root.find("os/kernel") is None
    assert root.find("os/boot[@dev='hd']") is not None


def test_a_lonely_emulated_processor_has_a_second_place_so_that_qemu_emulates_cmpxchg16b_right() -> None:
    vcpu = domain().find("vcpu")
    assert vcpu is not None
    assert (vcpu.get("current"), vcpu.text) == ("1", "2")


def test_no_other_guest_has_more_processors_than_declared() -> None:
    assert (domain(virt_type="kvm").findtext("vcpu"), domain(vcpus=2).findtext("vcpu")) == ("1", "2")


def test_only_a_kernel_on_an_emulated_processor_does_without_what_is_slow_there() -> None:
    assert EMULATED not in (domain(virt_type="kvm").findtext("os/cmdline") or "")


def test_software_emulation_runs_programs_for_the_second_x86_64_level() -> None:
    required = {feature.get("name") for feature in domain().findall("cpu/feature[@policy='require']")}
    assert {"ssse3", "sse4.1", "sse4.2", "popcnt"} <= required
    assert domain().find("cpu/feature[@policy='disable']") is None


def test_kvm_guests_have_the_processor_of_the_host() -> None:
    root = domain(virt_type="kvm")
    assert root.get("type") == "kvm"
    assert root.find("cpu[@mode='host-passthrough']") is not None


def test_the_disk_keeps_what_the_guest_flushes_and_the_seed_cannot_be_written() -> None:
    disk, seed = domain().findall("devices/disk")
    assert disk.find("driver[@cache='writeback'][@type='qcow2']") is not None
    assert disk.find("readonly") is None
    assert seed.findtext("serial") == "strata-seed"
    assert seed.find("readonly") is not None


def test_a_guest_is_the_same_each_time_it_is_built() -> None:
    assert domain().findtext("uuid") == str(naming.object_uuid("lab", "guest", "web"))
    assert domain().find("devices/interface/mac[@address='52:54:00:7f:4b:59']") is not None
    assert ElementTree.tostring(domain()) == ElementTree.tostring(domain())


def test_what_tells_a_copy_is_no_edit_of_a_definition() -> None:
    root = domain()
    assert root.findtext("genid") == root.findtext("uuid")
    written = definition_leaves(root)
    drawn = root.find("genid")
    assert drawn is not None
    drawn.text = "bae52967-b402-441e-9eaf-c599032a1ffe"
    assert not any(edits(definition_leaves(root), written, frozenset()).values())


def test_memory_that_is_no_whole_kib_is_rounded_up() -> None:
    assert domain(memory=1_000_000).findtext("memory") == "977"


@pytest.mark.parametrize("device", ["graphics", "sound", "video", "hostdev", "controller[@type='virtio-serial']"])
def test_a_guest_has_no_device_that_a_server_has_no_use_for(device: str) -> None:
    assert domain().find(f"devices/{device}") is None


def test_an_isolated_network_has_no_way_out() -> None:
    assert network(forward="isolated").find("forward") is None
    assert network(forward="route").find("forward[@mode='route']") is not None


def test_names_of_a_network_with_a_domain_are_answered_there_and_nowhere_else() -> None:
    root = network(domain="lab")
    assert root.find("domain[@name='lab'][@localOnly='yes']") is not None
    assert [host.findtext("hostname") for host in root.findall("dns/host")] == ["web", "apps"]


def test_a_network_is_the_same_each_time_it_is_built() -> None:
    root = network()
    assert root.findtext("uuid") == str(naming.object_uuid("lab", "network", "lan"))
    assert root.find("mac") is not None
    assert root.find("bridge[@stp='off']") is not None


@pytest.mark.parametrize(
    ("name", "uuid", "expected"),
    [
        ("lab-web", str(naming.object_uuid("lab", "guest", "web")), ("web", True)),
        ("lab-web", str(naming.object_uuid("lab", "network", "web")), ("web", False)),
        ("lab-web", str(naming.object_uuid("other", "guest", "web")), ("web", False)),
        ("lab2-web", str(naming.object_uuid("lab", "guest", "web")), None),
        ("web", str(naming.object_uuid("lab", "guest", "web")), None),
    ],
)
def test_an_object_is_ours_by_name_and_uuid_together(name: str, uuid: str, expected: tuple[str, bool] | None) -> None:
    assert claim("lab", "guest", name, uuid) == expected


def test_the_header_of_a_disk_tells_its_size(tmp_path: Path) -> None:
    empty_qcow2(tmp_path / "disk.qcow2", 3 * 1024**3)
    assert read_qcow2(tmp_path / "disk.qcow2") == Qcow2(3 * 1024**3, None)


@pytest.mark.parametrize("kept", [0, 4, 31])
def test_a_header_that_was_cut_is_none(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "disk.qcow2"
    empty_qcow2(path, 1024**3)
    path.write_bytes(path.read_bytes()[:kept])
    assert read_qcow2(path) is None


def test_a_file_of_another_format_has_no_header(tmp_path: Path) -> None:
    (tmp_path / "disk.qcow2").write_bytes(b"KDMV" * 100)
    assert read_qcow2(tmp_path / "disk.qcow2") is None
