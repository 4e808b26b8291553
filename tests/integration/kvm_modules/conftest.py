# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures of the modules of the KVM layer: the session's embedded hypervisor, an environment that is removed."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import kvm_lab
import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.environment import Environment
from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest import access
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm import domain, guest_live
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.hypervisor import Hypervisor

sys.path.insert(0, str(Path(__file__).parents[1] / "docker_modules"))

from docker_module import Modules


@pytest.fixture
def kvm(hypervisor: Hypervisor, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hypervisor]:
    """The hypervisor with an image store of its own; at the end without the environment `lab` and its keys.

    Little patience: firmware that finds nothing to boot does not hear the power button, and never lets go of a device.
    """
    root = hypervisor.folders.root
    made = replace(hypervisor, folders=Folders(root, root / "tiny-images"))
    kvm_lab.fill_store(made.folders, kernel=None)
    monkeypatch.setattr(domain, "SHUTDOWN_TIMEOUT", 0.5)
    monkeypatch.setattr(guest_live, "RELEASE_TIMEOUT", 0.5)
    monkeypatch.setenv("STRATA_IMAGES", str(root / "tiny-images"))
    kvm_lab.remove(made, "lab")
    yield made
    kvm_lab.remove(made, "lab")
    shutil.rmtree(made.folders.environment("lab"), ignore_errors=True)


@pytest.fixture
def modules(kvm: Hypervisor) -> Modules:
    """Modules on the environment `lab` of the hypervisor, which has its keys: a check could not know new ones."""
    access.have_keys(Environment(name="lab", folder="/"), kvm.folders)
    defaults = {"environment": "lab", "uri": kvm.uri, "state_folder": str(kvm.folders.root)}
    return Modules(defaults=defaults)
