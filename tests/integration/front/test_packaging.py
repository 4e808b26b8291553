# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `pip install .` brings: the whole collection, where ansible-core finds it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CLONE = Path(__file__).parents[3]
COLLECTION = Path("ansible_collections/strata/kvm_docker")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a fresh clone has of the files that are packaged."""
    folder = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(CLONE / name, folder)
    unversioned = shutil.ignore_patterns("__pycache__", ".*", "*.egg-info", "output")
    for name in ("collections", "pulumi_program"):
        shutil.copytree(CLONE / name, folder / name, ignore=unversioned)
    return folder


@pytest.fixture(scope="module")
def installed(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like site-packages with the built wheel in it, nothing else."""
    target = tmp_path_factory.mktemp("site-packages")
    (target.parent / "none.cfg").touch()
    pip = [
        sys.executable,
        "-m",
        "pip",
        "--quiet",
        "--disable-pip-version-check",
        "install",
        "--root-user-action=ignore",
    ]
    subprocess.run([*pip, "--no-index", "--no-deps", "--no-build-isolation", "--target", target, source], check=True)
    return target


def run(installed: Path, *argv: str) -> str:
    """Run a program as somebody who has nothing but the installed wheel."""
    environment = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "LC_ALL": "C.UTF-8"}
    environment |= {
        "PYTHONPATH": str(installed),
        "HOME": str(installed.parent),
        "ANSIBLE_CONFIG": str(installed.parent / "none.cfg"),
    }
    done = subprocess.run(argv, env=environment, cwd=installed.parent, check=True, capture_output=True, text=True)
    return done.stdout


def files(root: Path) -> set[Path]:
    return {path.relative_to(root) for path in root.rglob("*") if path.is_file() and "__pycache__" not in path.parts}


def test_every_file_of_the_collection_is_installed_but_its_tests_and_changelogs(source: Path, installed: Path) -> None:
    cloned = files(source / "collections" / COLLECTION)
    assert files(installed / COLLECTION) == {path for path in cloned if path.parts[0] not in ("tests", "changelogs")}


def test_ansible_finds_the_collection(installed: Path) -> None:
    listed = json.loads(run(installed, "ansible-galaxy", "collection", "list", "--format", "json"))
    assert listed[str(installed / "ansible_collections")]["strata.kvm_docker"]["version"] == "0.1.0"


def test_ansible_reads_the_documentation_of_every_module(installed: Path) -> None:
    modules = [path.stem for path in (installed / COLLECTION / "plugins" / "modules").glob("*.py")]
    names = [f"strata.kvm_docker.{name}" for name in modules]
    documented = json.loads(run(installed, "ansible-doc", "--json", "--type", "module", *names))
    assert set(documented) == set(names)


def test_the_playbooks_are_found_by_their_full_names(installed: Path) -> None:
    names = {path.stem for path in (installed / COLLECTION / "playbooks").glob("*.yml")}
    assert names >= {"up", "plan", "drift", "down", "clean"}
    for name in names:
        run(installed, "ansible-playbook", "--syntax-check", "-i", "localhost,", f"strata.kvm_docker.{name}")


def test_the_command_strata_is_installed(installed: Path) -> None:
    assert "lock" in run(installed, str(installed / "bin" / "strata"), "--help")


def test_pulumi_finds_the_provider(source: Path, installed: Path) -> None:
    """By this name on PATH. The program itself is no part of the package."""
    assert "Pulumi" in run(installed, str(installed / "bin" / "pulumi-resource-strata"), "--help")
    cloned = files(source / "pulumi_program" / "strata_pulumi")
    assert files(installed / "strata_pulumi") == cloned
    assert Path("py.typed") in cloned


def test_the_core_is_imported_from_the_installed_collection(installed: Path) -> None:
    module = "ansible_collections.strata.kvm_docker.plugins.module_utils.errors"
    where = run(installed, sys.executable, "-c", f"import {module} as errors; print(errors.__file__)")
    assert Path(where.strip()).is_relative_to(installed)
