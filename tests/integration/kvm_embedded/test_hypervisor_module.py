# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module, run as Ansible runs it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lab
import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.hypervisor import open_hypervisor
from traces import run_module

pytestmark = [pytest.mark.lab, pytest.mark.guests]


@pytest.fixture
def folders() -> Iterator[Folders]:
    with lab.lab_folders() as made:
        yield made


def run(folders: Folders, **options: Any) -> dict[str, Any]:
    return run_module("hypervisor", folders, options)


def test_started_twice_changes_once_and_tells_uri_and_version(folders: Folders) -> None:
    first, second = run(folders), run(folders)
    assert (first["changed"], second["changed"]) == (True, False)
    assert first["embedded"] is True
    assert first["uri"].startswith("qemu:///system?socket=")
    assert Path(first["netns"]).exists()
    assert [int(part) for part in first["libvirt_version"].split(".")] >= [9]
    assert run(folders, state="stopped")["changed"] is True
    assert run(folders, state="stopped")["changed"] is False


def test_it_is_not_stopped_under_what_is_defined_in_it_unless_forced(folders: Folders) -> None:
    run(folders)
    hypervisor = open_hypervisor("embedded", folders)
    hypervisor.connection.networkDefineXML("<network><name>somebodys</name></network>")
    hypervisor.close()
    refused = run(folders, state="stopped")
    assert refused["failed"] is True
    assert "guests or networks are defined" in refused["msg"]
    assert run(folders)["changed"] is False
    assert run(folders, state="stopped", force=True)["changed"] is True


def test_check_mode_tells_the_change_and_makes_none(folders: Folders) -> None:
    assert run(folders, _ansible_check_mode=True)["changed"] is True
    assert list(folders.root.iterdir()) == []
    run(folders)
    assert run(folders, state="stopped", _ansible_check_mode=True)["changed"] is True
    assert run(folders)["changed"] is False


def test_a_uri_that_does_not_answer_fails_with_one_message(folders: Folders) -> None:
    result = run(folders, uri=f"qemu:///system?socket={folders.root}/nobody")
    assert result["failed"] is True
    assert "cannot be used" in result["msg"]


def test_a_libvirt_that_is_not_ours_is_never_stopped(folders: Folders) -> None:
    result = run(folders, uri="test:///default", state="stopped")
    assert (result["changed"], result["embedded"]) == (False, False)


def test_a_state_folder_that_cannot_be_made_is_an_error_that_says_what_to_do(folders: Folders) -> None:
    (folders.root / "file").touch()
    refused = run(folders, state_folder=str(folders.root / "file" / "state"))
    assert refused["msg"].endswith("Not a directory. Run again after the fix.")
