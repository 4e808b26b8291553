# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Molecule on real guests: our scenarios by their runner, and the role that is tested as the documentation says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from environments import REPOSITORY, running_lab
from lab import root_folder

pytestmark = [pytest.mark.lab, pytest.mark.guests]

EXAMPLE = REPOSITORY / "examples" / "docker_prune"


@pytest.mark.parametrize("scenario", ["identical", pytest.param("pulumi", marks=pytest.mark.pulumi)])
def test_a_scenario_passes_and_leaves_nothing_behind(scenario: str) -> None:
    with root_folder() as folder:
        argv = [str(REPOSITORY / "tools" / "molecule"), scenario]
        environment = {**os.environ, "TMPDIR": str(folder)}
        done = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=1800, check=False)
        left = list(folder.iterdir())
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.findall(r"scenario (\w+) +passed +\d+ s", done.stdout) == [scenario]
    assert left == []


def test_a_scenario_that_is_not_there_is_named() -> None:
    done = subprocess.run(
        [str(REPOSITORY / "tools" / "molecule"), "defualt"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "there is no scenario molecule/defualt" in done.stderr


def test_a_role_is_tested_on_a_guest_that_the_next_scenario_has_as_new(tmp_path: Path) -> None:
    with running_lab() as lab:
        lab.environment["MOLECULE_EPHEMERAL_DIRECTORY"] = str(tmp_path)
        lab.environment["PATH"] = f"{Path(sys.executable).parent}:{lab.environment['PATH']}"
        argv = [str(Path(sys.executable).with_name("molecule")), "test", "--all"]
        done = subprocess.run(
            argv, cwd=EXAMPLE, env=lab.environment, capture_output=True, text=True, timeout=1800, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "weekly" in done.stdout + done.stderr
        assert list(lab.folders.checkpoints.glob("*/*")) == []
        assert lab.virsh("list", "--all", "--name").split() == []
