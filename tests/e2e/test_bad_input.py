# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes wrong outside: one clear message, nothing left half-made, and a run after the fix that converges."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path

import pytest
from environments import EnvironmentCopy, Lab

pytestmark = [pytest.mark.lab, pytest.mark.guests]

DECLARATION = """\
plugin: strata.kvm_docker.environment
name: blank
hypervisor: {uri: %(uri)s, virt_type: qemu}
images: {blank: {source: blank.qcow2}}
networks: {lan: {cidr: %(cidr)s}}
guests:
  web:
    image: blank
    memory: 128 MiB
    disk: 64 MiB
    boot_timeout: 120
    publish: {%(port)d: 80}
    networks: {lan: {address: 10.82.0.11}}
"""


@pytest.fixture
def blank(lab: Lab, tmp_path: Path) -> EnvironmentCopy:
    """A guest whose disk has neither a boot loader nor a kernel."""
    lab.start_hypervisor()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    text = DECLARATION % {"uri": "auto", "cidr": "10.82.0.0/24", "port": port}
    copy = EnvironmentCopy.written(lab, tmp_path / "blank", text)
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", copy.folder / "blank.qcow2", "16M"], check=True)
    return copy


def domains(lab: Lab) -> list[str]:
    return lab.virsh("list", "--all", "--name").split()


def test_a_guest_that_never_boots_fails_long_before_its_time_is_up_with_its_console(blank: EnvironmentCopy) -> None:
    try:
        words = blank.refused()
        assert "guest web" in words
        assert "No bootable device" in words
    finally:
        blank.converge("absent")
    assert "blank-web" not in domains(blank.lab)


def test_a_libvirt_that_does_not_answer_is_told_and_nothing_is_made(blank: EnvironmentCopy) -> None:
    blank.edit(blank.declaration, "uri: auto", "uri: 'qemu:///system?socket=/nonexistent/libvirt-sock'")
    words = blank.refused()
    assert "/nonexistent/libvirt-sock" in words
    assert not (blank.lab.folders.root / "environments/blank").exists()


def test_an_image_that_is_none_is_told_before_anything_is_made(blank: EnvironmentCopy) -> None:
    (blank.folder / "blank.qcow2").write_text("<html>404 Not Found</html>")
    blank.edit(blank.declaration, "source: blank.qcow2", "source: blank.qcow2")
    words = blank.refused()
    assert "blank.qcow2" in words
    assert "blank-web" not in domains(blank.lab)


def test_every_mistake_is_told_at_once_with_its_line_and_nothing_is_made(blank: EnvironmentCopy) -> None:
    blank.edit(blank.declaration, "memory:", "memmory:")
    blank.edit(blank.declaration, "10.82.0.11", "10.83.0.11")
    words = blank.refused()
    assert f"{blank.declaration}:9: guests.web.memmory:" in words
    assert "memory" in words
    assert f"{blank.declaration}:13: guests.web.networks.lan.address:" in words
    assert "blank-web" not in domains(blank.lab)


def test_a_port_that_is_in_use_is_told_before_anything_is_made(blank: EnvironmentCopy) -> None:
    port = int(blank.declaration.read_text().split("publish: {")[1].split(":")[0])
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", port))
        listener.listen()
        words = blank.refused()
    assert str(port) in words
    assert "blank-web" not in domains(blank.lab)


def test_a_strangers_domain_of_our_name_is_refused_and_untouched(blank: EnvironmentCopy) -> None:
    stranger = blank.folder / "stranger.xml"
    stranger.write_text(
        "<domain type='qemu'><name>blank-web</name><memory>65536</memory><os><type>hvm</type></os></domain>"
    )
    blank.lab.virsh("define", str(stranger))
    before = blank.lab.virsh("dumpxml", "--inactive", "blank-web")
    try:
        assert "guest web: exists already and does not belong to this environment" in blank.refused()
        assert blank.lab.virsh("dumpxml", "--inactive", "blank-web") == before
    finally:
        blank.lab.virsh("undefine", "blank-web")


def test_a_subnet_of_another_network_of_the_host_is_refused(blank: EnvironmentCopy) -> None:
    other = blank.folder / "other.xml"
    other.write_text("<network><name>other</name><ip address='10.82.0.1' netmask='255.255.0.0'/></network>")
    blank.lab.virsh("net-create", str(other))
    try:
        words = blank.refused()
        assert "10.82.0.0/24" in words
        assert "overlap" in words
    finally:
        blank.lab.virsh("net-destroy", "other")
