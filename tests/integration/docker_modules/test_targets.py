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

import lab
import pytest
from docker_module import COLLECTIONS, IMAGE, Modules

pytestmark = pytest.mark.lab

TARGETS = COLLECTIONS / "ansible_collections/strata/kvm_docker/tests/integration/targets"
DOCKER = ("container", "docker_info", "docker_network", "docker_volume", "image")


@pytest.mark.parametrize("target", DOCKER)
def test_the_target_passes_on_a_real_engine(
    target: str, modules: Modules, lab_engine: lab.LabEngine, state: Path, tmp_path: Path
) -> None:
    play = [{"hosts": "localhost", "connection": "local", "gather_facts": False, "roles": [target]}]
    (tmp_path / "play.yml").write_text(json.dumps(play))
    (tmp_path / "none.cfg").touch()
    given = {
        "strata_docker_host": f"unix://{lab_engine.socket}",
        "strata_image": IMAGE,
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
            "STRATA_STATE": str(state),
        },
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "failed=0" in done.stdout


def test_every_target_of_the_docker_layer_is_run_here() -> None:
    assert {path.name for path in TARGETS.iterdir()} >= set(DOCKER)
