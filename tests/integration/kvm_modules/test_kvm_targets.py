# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The integration targets of the KVM layer and of whole environments."""

from __future__ import annotations

from pathlib import Path

import pytest
import target
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.hypervisor import Hypervisor

pytestmark = pytest.mark.lab

KVM = ("disk", "guest", "guest_image", "guest_info", "guest_network", "snapshot", "storage_pool")
WHOLE = ("checkpoint", "drift", "environment", "fingerprint", "host_info", "hypervisor", "plan")


@pytest.mark.parametrize("name", [*KVM, *WHOLE])
def test_the_target_passes_on_a_real_libvirt(name: str, kvm: Hypervisor, tmp_path: Path) -> None:
    target.passes(name, tmp_path, {"strata_uri": kvm.uri, "strata_state_folder": str(kvm.folders.root)})
