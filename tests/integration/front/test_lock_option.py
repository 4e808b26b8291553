# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The option ``lock`` of the module as Ansible runs it, on libvirt's test driver: what it returns, what it writes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from locked_environment import Lab, make_lab

CLONE = Path(__file__).parents[3]


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    lab = make_lab(tmp_path)
    lab.on_test_driver()
    lab.fill_store()
    return lab


def preview(lab: Lab, **options: str) -> dict[str, Any]:
    """The module's result in check mode, with its diff."""
    settings = {
        **os.environ,
        "ANSIBLE_CONFIG": str(CLONE / "ansible.cfg"),
        "ANSIBLE_HOME": str(lab.root / "ansible"),
        "ANSIBLE_LOCAL_TEMP": str(lab.root / "ansible" / "tmp"),
        "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.minimal",
        "ANSIBLE_CALLBACK_RESULT_FORMAT": "json",
        "ANSIBLE_COLLECTIONS_PATH": str(CLONE / "collections"),
        "ANSIBLE_NOCOLOR": "1",
    }
    settings.pop("STRATA_IMAGES", None)
    given = {"declaration": str(lab.declaration), "state_folder": str(lab.folders.root), **options}
    argv = [Path(sys.executable).with_name("ansible"), "localhost", "--connection=local", "--check", "--diff"]
    argv += ["-e", f"ansible_python_interpreter={sys.executable}", "-m", "strata.kvm_docker.environment"]
    done = subprocess.run([*argv, "-a", json.dumps(given)], env=settings, capture_output=True, text=True, check=False)
    _diff, arrow, result = done.stdout.partition(" => ")
    assert arrow, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(result)
    return found


def test_a_preview_returns_the_lock_that_would_be_and_an_error_what_moved(lab: Lab) -> None:
    result = preview(lab, lock="create")
    assert (result["changed"], result["lock"]["changed"], result["lock"]["path"]) == (True, True, str(lab.lock))
    assert result["lock"]["unknown"] == ["container_images.redis:7.manifest"]
    assert not lab.lock.exists()
    result = preview(lab, lock="require")
    assert "there is no lock" in result["msg"]
    lab.lock.write_text("version: 1\n")
    result = preview(lab)
    assert {"path": "guest_images.debian13", "locked": None}.items() <= result["moved"][-1].items()
    assert result["msg"].startswith(f"{lab.lock}: ")
    assert lab.lock.read_text() == "version: 1\n"
