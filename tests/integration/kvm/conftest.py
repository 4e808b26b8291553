# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks, pools, disks and guests on the embedded libvirt with the real QEMU; the guests have an empty disk."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import kvm_lab
import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm import domain
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.hypervisor import Hypervisor


@pytest.fixture
def kvm_as_left(hypervisor: Hypervisor, monkeypatch: pytest.MonkeyPatch) -> Hypervisor:
    """The hypervisor with an image store of its own, and with what the test before left there.

    Firmware that finds nothing to boot does not hear the power button, so it is not waited for.
    """
    root = hypervisor.folders.root
    made = replace(hypervisor, folders=Folders(root, root / "tiny-images"))
    kvm_lab.fill_store(made.folders, kernel=None)
    monkeypatch.setattr(domain, "SHUTDOWN_TIMEOUT", 0.5)
    return made


@pytest.fixture
def kvm(kvm_as_left: Hypervisor) -> Iterator[Hypervisor]:
    """The hypervisor without guests, at the beginning and at the end."""
    kvm_lab.remove(kvm_as_left, "lab")
    yield kvm_as_left
    kvm_lab.remove(kvm_as_left, "lab")
