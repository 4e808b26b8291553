# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the module tells of a machine, with and without a libvirt that answers."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lab
import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm import embedded
from ansible_collections.strata.kvm_docker.plugins.module_utils.progress import Progress
from traces import run_module

pytestmark = [pytest.mark.lab, pytest.mark.guests]


@pytest.fixture
def folders() -> Iterator[Folders]:
    with lab.lab_folders() as made:
        yield made


def run(folders: Folders, **options: Any) -> dict[str, Any]:
    return run_module("host_info", folders, options)


def test_without_libvirt_it_tells_the_machine_and_starts_nothing(folders: Folders) -> None:
    found = run(folders, probe=False)
    assert (found["changed"], found["uri"]) == (False, "")
    assert found["cpus"] == os.cpu_count()
    total = next(line for line in Path("/proc/meminfo").read_text().splitlines() if line.startswith("MemTotal:"))
    assert found["memory"] == int(total.split()[1]) * 1024
    assert found["free_disk"] > 0
    assert "accelerator" not in found
    assert not embedded.exists(folders)


def test_with_libvirt_it_tells_version_accelerator_and_what_is_taken(folders: Folders) -> None:
    embedded.start(folders, Progress())
    found = run(folders)
    assert found["uri"] == embedded.uri(folders)
    assert [int(part) for part in found["libvirt_version"].split(".")] >= [9]
    assert found["accelerator"]["virt_type"] in ("kvm", "qemu")
    assert found["accelerator"]["reason"]
    assert found["environments"] == {}
