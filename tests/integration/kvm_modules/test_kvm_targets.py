# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection's integration targets, as `ansible-test integration` runs them: each a role, by ansible-playbook."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.hypervisor import Hypervisor
from docker_module import COLLECTIONS

pytestmark = pytest.mark.lab

TARGETS = COLLECTIONS / "ansible_collections/strata/kvm_docker/tests/integration/targets"
KVM = ("disk", "guest", "guest_info", "guest_network", "snapshot", "storage_pool")
WHOLE = ("drift", "environment", "host_info", "hypervisor", "plan")


@pytest.mark.parametrize("target", [*KVM, *WHOLE])
def test_the_target_passes_on_a_real_libvirt(target: str, kvm: Hypervisor, tmp_path: Path) -> None:
    play = [{"hosts": "localhost", "connection": "local", "gather_facts": False, "roles": [target]}]
    (tmp_path / "play.yml").write_text(json.dumps(play))
    (tmp_path / "none.cfg").touch()
    given = {
        "strata_uri": kvm.uri,
        "strata_state_folder": str(kvm.folders.root),
        "ansible_python_interpreter": sys.executable,
    }
    done = subprocess.run(
        [Path(sys.executable).with_name("ansible-playbook"), "-e", json.dumps(given), tmp_path / "play.yml"],
        env={
            **os.environ,
            "ANSIBLE_CONFIG": str(tmp_path / "none.cfg"),
            "ANSIBLE_ROLES_PATH": str(TARGETS),
            "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
            "ANSIBLE_NOCOLOR": "1",
        },
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "failed=0" in done.stdout
