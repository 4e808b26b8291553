# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection's integration targets, as `ansible-test integration` runs them: each a role, by ansible-playbook."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from docker_module import COLLECTIONS

TARGETS = COLLECTIONS / "ansible_collections/strata/kvm_docker/tests/integration/targets"
KEPT_CODE = Path(__file__).parents[2] / "kept_code"


def passes(target: str, folder: Path, given: Mapping[str, str], before: Sequence[str] = (), **environment: str) -> None:
    """Run *target* with the variables *given* in an empty *folder*; *before*: a command that runs ansible-playbook.

    What the modules compile is kept beside *folder*, for all targets of the session.
    """
    play = [{"hosts": "localhost", "connection": "local", "gather_facts": False, "roles": [target]}]
    (folder / "play.yml").write_text(json.dumps(play))
    (folder / "none.cfg").touch()
    code = folder.with_name("kept_code")
    code.mkdir(exist_ok=True)
    variables = {"ansible_python_interpreter": sys.executable, **given}
    playbook = Path(sys.executable).with_name("ansible-playbook")
    done = subprocess.run(
        [*before, playbook, "-e", json.dumps(variables), folder / "play.yml"],
        env={
            **os.environ,
            "ANSIBLE_CONFIG": str(folder / "none.cfg"),
            "ANSIBLE_ROLES_PATH": str(TARGETS),
            "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
            "ANSIBLE_NOCOLOR": "1",
            "PYTHONPATH": str(KEPT_CODE),
            "STRATA_TEST_CODE": str(code),
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "failed=0" in done.stdout


def covered(target: Path) -> set[str]:
    """The modules that `ansible-test` takes *target* for a test of: those of its name and its aliases."""
    return {target.name, *(target / "aliases").read_text().split()}
