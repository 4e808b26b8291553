# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The integration targets of the Docker layer."""

from __future__ import annotations

from pathlib import Path

import lab
import pytest
import target
from docker_module import IMAGE, Modules

DOCKER = ("container", "docker_info", "docker_network", "docker_volume", "image")


@pytest.mark.lab
@pytest.mark.parametrize("name", DOCKER)
def test_the_target_passes_on_a_real_engine(
    name: str, modules: Modules, lab_engine: lab.LabEngine, state: Path, tmp_path: Path
) -> None:
    given = {"strata_docker_host": f"unix://{lab_engine.socket}", "strata_image": IMAGE}
    target.passes(name, tmp_path, given, STRATA_STATE=str(state))


def test_every_module_has_a_target() -> None:
    modules = {path.stem for path in (target.TARGETS.parents[2] / "plugins" / "modules").glob("*.py")}
    covered = set().union(*(target.covered(path) for path in target.TARGETS.iterdir()))
    assert len(modules) > 20
    assert sorted(modules - covered) == []
