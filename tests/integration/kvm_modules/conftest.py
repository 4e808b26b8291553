# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures of the modules of the KVM layer: the session's embedded hypervisor, an environment that is removed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import kvm_lab
import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm import domain
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.hypervisor import Hypervisor
from kvm_module import Modules


@pytest.fixture
def kvm(hypervisor: Hypervisor, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hypervisor]:
    """The hypervisor with an image store of its own, and without the environment `lab` at the end."""
    root = hypervisor.folders.root
    made = replace(hypervisor, folders=Folders(root, root / "tiny-images"))
    kvm_lab.fill_store(made.folders, kernel=None)
    monkeypatch.setattr(domain, "SHUTDOWN_TIMEOUT", 0.5)
    monkeypatch.setenv("STRATA_IMAGES", str(root / "tiny-images"))
    kvm_lab.remove(made, "lab")
    yield made
    kvm_lab.remove(made, "lab")


@pytest.fixture
def modules(kvm: Hypervisor) -> Modules:
    """Modules on the environment `lab` of the hypervisor."""
    return Modules(defaults={"environment": "lab", "uri": kvm.uri, "state_folder": str(kvm.folders.root)})
