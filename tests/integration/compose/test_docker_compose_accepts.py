# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Compose files of our environments are ordinary: Debian 13's `docker compose` accepts them as they are."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from environments import REPOSITORY

pytestmark = pytest.mark.lab

FILES = sorted(REPOSITORY.glob("inventories/*/compose/*/compose.yaml"))


@pytest.fixture(scope="session")
def docker_compose() -> str:
    tool = subprocess.run([REPOSITORY / "tools" / "docker-compose"], capture_output=True, text=True, check=True)
    return tool.stdout.strip()


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(REPOSITORY / "inventories")))
def test_docker_compose_accepts(file: Path, docker_compose: str) -> None:
    done = subprocess.run(
        [docker_compose, "-f", file, "config", "--format", "json"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["services"]
