# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the system refuses is an error of the module that says what to do, and no traceback."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from front_module import ran


def failed(module: str, **options: Any) -> str:
    """What the module says when it fails."""
    result = ran(module, **options)
    assert result["failed"]
    return str(result["msg"])


def test_a_store_that_cannot_be_made_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    said = failed("guest_image", name="debian", source="/etc/hostname", state_folder=str(tmp_path / "file" / "state"))
    assert said.startswith("image debian: ")
    assert said.endswith("Not a directory. Run again after the fix.")


def test_progress_that_cannot_be_written_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    declaration = tmp_path / "lab.environment.yml"
    declaration.write_text(
        "plugin: strata.kvm_docker.environment\nname: lab\nhypervisor: {uri: 'test:///default', virt_type: qemu}\n"
        "networks: {lan: {cidr: 10.80.0.0/24}}\nguests: {}\n"
    )
    options = {"declaration": str(declaration), "state_folder": str(tmp_path / "state")}
    said = failed("environment", **options, progress_file=str(tmp_path / "nowhere" / "progress"))
    assert "No such file or directory" in said
    assert "nowhere" in said


@pytest.mark.parametrize(
    ("module", "options"),
    [
        ("hypervisor", {}),
        ("guest_image", {"name": "debian", "source": "/etc/hostname"}),
        ("environment", {"declaration": "lab.environment.yml"}),
    ],
)
def test_a_state_folder_that_no_kernel_takes_is_told(module: str, options: dict[str, Any]) -> None:
    assert "a path has no NUL character" in failed(module, state_folder="/a\0b", **options)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"name": "Not A Name"}, "options: name: the key must be a name"),
        ({"build": {"suite": "No Such; Suite"}}, "options: build.suite: it must be a name"),
        (
            {"build": {"suite": "trixie", "packages": ["-o APT::x"]}},
            "options: build.packages.0: it must be a Debian package",
        ),
        (
            {"build": {"suite": "trixie", "mirror": "http://a:secret@b"}},
            "options: build.mirror is a URL with a password",
        ),
        (
            {"source": "https://host/a.qcow2"},
            "options: sha256 is required: what a URL leads to may change",
        ),
        ({"source": "a.qcow2", "sha256": "abc"}, "options: sha256: it must be a SHA-256 digest"),
        ({"source": ""}, "options: source: it must be text that is not empty"),
    ],
)
def test_a_guest_image_is_checked_as_in_a_declaration(tmp_path: Path, options: dict[str, Any], said: str) -> None:
    defaults = {"name": "debian", "state_folder": str(tmp_path), "_ansible_check_mode": True}
    image = {} if "source" in options else {"build": {"suite": "trixie"}}
    assert failed("guest_image", **{**defaults, **image, **options}).startswith(said)
