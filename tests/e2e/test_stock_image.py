# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A guest of a stock cloud image: started by firmware, configured by its own cloud-init, with a Docker API."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from environments import EnvironmentCopy, Lab
from stock_image import stock_image

pytestmark = [pytest.mark.lab, pytest.mark.guests]

DECLARATION = """\
plugin: strata.kvm_docker.environment
name: stock
images: {cloud: {source: %s}}
networks:
  lan: {cidr: 10.86.0.0/24}
  back: {cidr: 10.87.0.0/24, forward: isolated}
guests:
  web:
    image: cloud
    memory: 1 GiB
    boot_timeout: 900
    disk: 4 GiB
    disks: {data: {size: 64 MiB, mount: /srv/data}}
    networks: {lan: {address: 10.86.0.11}, back: {address: 10.87.0.11}}
    engine: {settings: {log-driver: local}}
"""
LOOK = """\
hostname
ip -4 -o address show scope global | awk '$2 ~ /^eth/ {print $2, $4}'
[ $(stat --file-system --format %b /) -gt 900000 ] && echo grown
(cd /etc/ssh && ls ssh_host_*)
findmnt --noheadings --output SOURCE,FSTYPE /srv/data
docker info --format '{{.LoggingDriver}}'
cloud-init status --wait | tail -n 1
systemctl --failed --no-legend
"""
FOUND = [
    "web",
    "eth0 10.86.0.11/24",
    "eth1 10.87.0.11/24",
    "grown",
    "ssh_host_ed25519_key",
    "ssh_host_ed25519_key.pub",
    "/dev/vdc ext4",
    "local",
    "status: done",
]


@pytest.fixture
def copy(lab: Lab, tmp_path: Path) -> Iterator[EnvironmentCopy]:
    lab.start_hypervisor()
    copy = EnvironmentCopy.written(lab, tmp_path / "stock", DECLARATION % stock_image(lab.folders))
    try:
        yield copy
    finally:
        copy.start("absent").popen.communicate(timeout=300)


def test_a_stock_cloud_image_becomes_the_guest_that_is_declared(copy: EnvironmentCopy) -> None:
    made = copy.converge()

    (guest,) = made["guests"]
    assert guest["address"] == "10.86.0.11"
    assert guest["engine"]
    assert copy.inside("web", LOOK) == FOUND
    assert copy.converge()["changes"] == []
