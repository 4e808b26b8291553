# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a checkpoint is verified: before a guest that is there goes, and before a processor of one that comes runs."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.checkpoint import restore
from ansible_collections.strata.kvm_docker.plugins.module_utils.checkpoint.restore import Restoring
from ansible_collections.strata.kvm_docker.plugins.module_utils.checkpoint.under_way import UnderWay
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import CheckpointError, HypervisorError
from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.model import Declared, Key

DAMAGED = "memory/web: not what was stored there"


@pytest.fixture
def run(tmp_path: Path) -> Any:
    hypervisor = SimpleNamespace(folders=Folders(tmp_path))
    environment = SimpleNamespace(name="lab")
    return SimpleNamespace(session=SimpleNamespace(hypervisor=hypervisor), environment=environment, inputs=None)


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was done of a checkpoint of one guest without disks, whose memory is damaged."""
    found: list[str] = []

    monkeypatch.setattr(Restoring, "verify_laid", lambda self, copies: found.append("copy"))
    monkeypatch.setattr(Restoring, "_pieces", lambda self: set())
    monkeypatch.setattr(Restoring, "_restore", lambda self, guest, item: found.append("restore"))
    monkeypatch.setattr(restore.guests, "remove", lambda *_given: found.append("remove"))
    monkeypatch.setattr(restore, "declared_disks", lambda run: {})
    monkeypatch.setattr(restore, "declared", lambda *_given: [Declared(Key("guest", "web"), {})])
    monkeypatch.setattr(restore, "require_space", lambda *_given: None)
    monkeypatch.setattr(restore, "resume_all", lambda *_given: found.append("resume"))
    return found


@pytest.fixture
def restoring(run: Any) -> Restoring:
    checkpoint: Any = SimpleNamespace(manifest=SimpleNamespace(guests=("web",)))
    return Restoring(run, checkpoint)


def damaged() -> None:
    raise CheckpointError(DAMAGED)


def test_a_guest_whose_memory_is_damaged_is_not_let_go_on(restoring: Restoring, done: list[str]) -> None:
    with pytest.raises(CheckpointError, match=DAMAGED):
        restoring.start(damaged)
    assert done == ["restore"]


def test_the_damage_is_told_and_not_what_came_of_it(
    restoring: Restoring, done: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def failed(_restoring: Restoring, _guest: str, _item: Declared) -> None:
        raise HypervisorError("guest web: load of migration failed")

    monkeypatch.setattr(Restoring, "_restore", failed)
    with pytest.raises(CheckpointError, match=DAMAGED):
        restoring.start(damaged)


def test_damage_is_found_before_a_guest_that_is_there_goes(restoring: Restoring, done: list[str]) -> None:
    restoring.fetch()
    with pytest.raises(CheckpointError, match=DAMAGED):
        restoring.make_way({Key("guest", "web")}, damaged)
    assert done == ["copy"]


def test_where_nothing_is_there_nobody_waits_for_it(restoring: Restoring, done: list[str]) -> None:
    restoring.fetch()
    restoring.make_way((), damaged)
    assert done == ["copy"]


def test_what_is_discarded_is_no_clone_of_the_checkpoint_any_more(
    run: Any, done: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    hypervisor = run.session.hypervisor
    hypervisor.connection = SimpleNamespace(storagePoolLookupByName=lambda name: name)
    monkeypatch.setattr(restore, "refresh_pool", lambda pool: done.append(f"refresh {pool}"))
    mark = hypervisor.folders.environment("lab") / "clone_of"
    mark.parent.mkdir(parents=True)
    mark.write_text("of a checkpoint")
    restore.discard(hypervisor, "lab", UnderWay(doing="lay", guests=("web",), disks={}))
    assert done == ["remove", "refresh lab"]
    assert not mark.exists()
