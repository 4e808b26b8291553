# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules with the oldest Docker SDK that they ask for: that of Debian 12, with the libraries beside it there."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.requirements import PACKAGES
from docker_module import COLLECTIONS, IMAGE, Modules, actions, sleeper

pytestmark = pytest.mark.lab

_BESIDE = ("requests==2.28.1", "urllib3==1.26.12")


@pytest.fixture(scope="session")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sdk")
    package, version = PACKAGES["docker"]
    wanted = [f"{package}=={version}", *_BESIDE]
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(folder), *wanted],
        check=True,
        env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
    )
    return folder


@pytest.fixture
def old(modules: Modules, libraries: Path) -> Modules:
    return replace(modules, before=("env",), environment={"PYTHONPATH": f"{libraries}:{COLLECTIONS}"})


def test_a_project_and_what_it_stands_on_are_made_told_and_removed(old: Modules) -> None:
    old.four_phases("docker_network", name="backend")
    old.four_phases("docker_volume", name="data")
    project = {"project_name": "shop", "services": {"app": sleeper(environment={"LEVEL": "info"})}}
    made = old.four_phases("container", **project)
    assert "create container shop-app-1" in actions(made)
    changed = old.four_phases("container", **{**project, "services": {"app": sleeper(environment={"LEVEL": "debug"})}})
    assert "replace container shop-app-1" in actions(changed)
    assert "shop-app-1" in str(old.run("docker_info", subset=["containers"])["containers"])
    old.four_phases("container", **project, state="absent")


def test_an_image_is_tagged_and_an_engine_that_is_away_is_told(old: Modules) -> None:
    assert IMAGE in str(old.run("docker_info", subset=["images"])["images"])
    assert "No such file or directory" in old.refused("docker_info", docker_host="unix:///nowhere/docker.sock")
