# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The key of an environment's seals."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.strata.kvm_docker.plugins.module_utils import seal_key
from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders


def test_a_key_is_made_once_and_is_the_owners_alone(tmp_path: Path) -> None:
    folders = Folders(tmp_path)
    seal = seal_key.have("lab", folders)
    assert len(seal.key) == 32
    assert seal_key.have("lab", folders) == seal_key.find("lab", folders) == seal
    assert (folders.environment("lab") / "seal.key").stat().st_mode & 0o777 == 0o600
    assert folders.environment("lab").stat().st_mode & 0o777 == 0o700


def test_two_environments_have_two_keys(tmp_path: Path) -> None:
    folders = Folders(tmp_path)
    assert seal_key.have("one", folders).key != seal_key.have("two", folders).key


def test_looking_for_a_key_makes_nothing(tmp_path: Path) -> None:
    assert seal_key.find("lab", Folders(tmp_path)).key == b""
    assert list(tmp_path.iterdir()) == []


def test_a_key_is_not_shown(tmp_path: Path) -> None:
    assert str(seal_key.have("lab", Folders(tmp_path))) == "Seal()"
