# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Python packages that are missing or too old are told in one sentence."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import StrataError
from ansible_collections.strata.kvm_docker.plugins.module_utils.requirements import PACKAGES, require

REPOSITORY = Path(__file__).parents[2]


def test_the_versions_are_those_of_the_package() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    required = dict(line.split(">=") for line in project["dependencies"])
    required.pop("ansible-core")
    assert dict(PACKAGES.values()) == required


@pytest.mark.parametrize("name", PACKAGES)
def test_what_is_installed_here_is_new_enough(name: str) -> None:
    assert require(name) is None


def installed(folder: Path, name: str, version: str) -> None:
    """A package *name* of that *version*, as Debian and pip have them."""
    (folder / f"{name}.py").touch()
    information = folder / f"{name}-{version}.dist-info"
    information.mkdir()
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")


@pytest.mark.parametrize(("version", "old"), [("1.10.4", True), ("2.7.9", True), ("2.8", False), ("2.10.0rc1", False)])
def test_versions_are_compared_as_numbers(tmp_path: Path, version: str, old: bool) -> None:
    installed(tmp_path, "pydantic", version)
    program = f"from {require.__module__} import require\nrequire('pydantic')"
    paths = os.pathsep.join(map(str, (tmp_path, REPOSITORY / "collections")))
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (f"pydantic >= 2.8 ({version} is there)" in done.stderr) == (done.returncode != 0) == old


def test_a_module_tells_a_package_that_is_too_old_and_no_traceback(tmp_path: Path) -> None:
    installed(tmp_path, "pydantic", "1.10.4")
    options = {"name": "debian", "source": "/etc/hostname"}
    paths = os.pathsep.join(map(str, (tmp_path, REPOSITORY / "collections")))
    done = subprocess.run(
        [sys.executable, "-m", "ansible_collections.strata.kvm_docker.plugins.modules.guest_image"],
        input=json.dumps({"ANSIBLE_MODULE_ARGS": options}),
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert json.loads(done.stdout)["msg"].startswith("Python packages missing: pydantic >= 2.8 (1.10.4 is there). ")
    assert "Traceback" not in done.stdout + done.stderr


def test_several_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("docker", "libvirt"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(StrataError, match=r"missing: docker >= 5\.0\.3, libvirt-python >= 9\.0\. Install them"):
        require("docker", "pydantic", "libvirt")
