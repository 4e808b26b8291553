# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Folders that others have to pass, made by somebody whose umask would keep them out."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders, make_searchable
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest import image_store
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest.files import make_private
from ansible_collections.strata.kvm_docker.plugins.module_utils.locks import exclusive
from ansible_collections.strata.kvm_docker.plugins.module_utils.progress import Progress


@pytest.fixture(autouse=True)
def _strict_umask() -> Iterator[None]:
    before = os.umask(0o077)
    yield
    os.umask(before)


def mode(folder: Path) -> int:
    return folder.stat().st_mode & 0o777


def test_every_folder_that_is_made_can_be_passed_and_others_keep_their_rights(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir(mode=0o700)
    make_searchable(tmp_path / "there" / "state" / "pools", 0o711)
    assert mode(tmp_path / "there") == 0o700
    assert mode(tmp_path / "there" / "state") == mode(tmp_path / "there" / "state" / "pools") == 0o711


def test_whatever_makes_the_state_folder_first_leaves_it_to_be_passed(tmp_path: Path) -> None:
    locked, private, stored = Folders(tmp_path / "locked"), Folders(tmp_path / "private"), Folders(tmp_path / "stored")
    with exclusive(locked.lock("lab"), "lab", 0.0, Progress()), image_store.making(stored, "recipe") as staging:
        make_private(private.environment("lab"))
        assert mode(staging) & 0o055 == 0o055
    assert mode(private.environment("lab")) == 0o700
    for folder in (locked.root, private.root, stored.root, stored.images):
        assert mode(folder) & 0o011 == 0o011, folder
