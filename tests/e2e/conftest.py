# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One lab with `two_hosts`, brought up while it is being killed, and used by every end-to-end test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from environments import EnvironmentCopy, Lab, running_lab
from two_hosts import TwoHosts

NEIGHBOUR = """\
plugin: strata.kvm_docker.environment
name: neighbour
images: {debian13: {build: {suite: trixie}}}
networks: {lan: {cidr: 10.81.0.0/24}}
guests:
  only: {image: debian13, memory: 512 MiB, disk: 4 GiB, networks: {lan: {address: 10.81.0.11}}}
"""


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    with running_lab() as made:
        yield made


@pytest.fixture(scope="session")
def two_hosts(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TwoHosts]:
    copy = EnvironmentCopy.of(lab, "two_hosts", tmp_path_factory.mktemp("e2e") / "two_hosts")
    preview = lab.playbook("up", copy.folder, "--check", "--diff")
    assert preview.returncode == 0, preview.stdout + preview.stderr
    lab.start_hypervisor()
    made = TwoHosts(copy, preview.stdout)
    neighbour = EnvironmentCopy.written(lab, copy.folder.parent / "neighbour", NEIGHBOUR)
    beside = neighbour.start()
    try:
        for stages in (0, 1, 2, 3, 1, 2, 3, 2, 3, 2, 3, 4):
            last = copy.start().kill_after(stages)
            if last:
                made.kills.append(last)
        copy.converge()
        made.neighbour = beside.result()
        neighbour.converge("absent")
        yield made
    finally:
        for each in (neighbour, copy):
            each.start("absent").popen.communicate(timeout=300)
