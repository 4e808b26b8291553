# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run at a time, for every front end in the same way."""

from __future__ import annotations

import fcntl
import importlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.converge import Options
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import BusyError, StrataError
from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders
from ansible_collections.strata.kvm_docker.plugins.module_utils.locks import TIMEOUT, exclusive, locked
from ansible_collections.strata.kvm_docker.plugins.module_utils.progress import Event, Progress

MODULES = Path(__file__).parents[2] / "collections/ansible_collections/strata/kvm_docker/plugins/modules"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "locks" / "lab"


@pytest.fixture
def held(path: Path) -> Iterator[int]:
    """Somebody else has the lock; closing the descriptor ends that."""
    path.parent.mkdir()
    path.write_text("4711")
    descriptor = os.open(path, os.O_RDWR)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    yield descriptor
    os.close(descriptor)


@pytest.mark.usefixtures("held")
def test_a_second_run_is_refused_with_the_process_of_the_first(path: Path) -> None:
    with pytest.raises(BusyError, match=r"environment lab is being worked on by another run \(process 4711\)"):
        locked(path, "lab", 0, Progress()).__enter__()


@pytest.mark.usefixtures("held")
def test_who_is_refused_is_told_what_there_is_to_do_about_it(path: Path) -> None:
    with pytest.raises(BusyError, match=r"Wait for it to end, or give lock_timeout to wait here\.$"):
        locked(path, "lab", 0, Progress()).__enter__()
    with pytest.raises(BusyError, match=r"the store is being worked on by another run \(process 4711\)\. Come back\.$"):
        exclusive(path, "the store", 0, Progress(), "Come back.").__enter__()


def test_a_second_run_waits_until_the_first_has_ended(path: Path, held: int) -> None:
    events: list[Event] = []
    threading.Timer(0.3, lambda: fcntl.flock(held, fcntl.LOCK_UN)).start()
    with locked(path, "lab", 30, Progress(events.append)):
        assert path.read_text() == str(os.getpid())
    assert [event.message for event in events] == ["waiting for the run of process 4711", ""]
    assert [event.status for event in events] == ["start", "done"]


@pytest.mark.usefixtures("held")
def test_who_only_looks_does_not_wait(path: Path) -> None:
    with locked(path, "lab", 0, Progress(), check=True):
        assert path.read_text() == "4711"


def test_who_only_looks_leaves_no_folder_behind(path: Path) -> None:
    with locked(path, "lab", 0, Progress(), check=True):
        pass
    assert not path.parent.exists()


@pytest.mark.parametrize("timeout", [float("nan"), -1.0])
@pytest.mark.parametrize("check", [True, False])
def test_a_time_to_wait_that_is_no_time_is_refused(path: Path, timeout: float, check: bool) -> None:
    with pytest.raises(StrataError, match="lock_timeout must be a number of seconds"):
        locked(path, "lab", timeout, Progress(), check).__enter__()


def test_every_front_end_waits_as_long(tmp_path: Path) -> None:
    names = [file.stem for file in MODULES.glob("*.py")]
    found = [importlib.import_module(f"ansible_collections.strata.kvm_docker.plugins.modules.{name}") for name in names]
    specs = [module.ARGUMENT_SPEC["lock_timeout"] for module in found if "lock_timeout" in module.ARGUMENT_SPEC]
    assert len(specs) > 5
    assert {spec["default"] for spec in specs} == {TIMEOUT}
    assert Options(folders=Folders(tmp_path), progress=Progress()).lock_timeout == TIMEOUT
