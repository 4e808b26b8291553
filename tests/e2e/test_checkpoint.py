# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A guest with a container that is kept in a checkpoint starts warm and goes back to it, and is the same; whatever goes
wrong is told, and ends in the same environment.

Each test brings the environment that all share to where it begins (``up``, ``down``), which a warm start makes cheap.
"""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.checkpoint import clones
from ansible_collections.strata.kvm_docker.plugins.module_utils.checkpoint import take as take_module
from ansible_collections.strata.kvm_docker.plugins.module_utils.checkpoint.command import have_checkpoint
from ansible_collections.strata.kvm_docker.plugins.module_utils.checkpoint.store import Store
from ansible_collections.strata.kvm_docker.plugins.module_utils.converge import Options
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import CheckpointError, StrataError
from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest.files import make_private
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm import snapshot
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.hypervisor import opened
from ansible_collections.strata.kvm_docker.plugins.module_utils.progress import Progress
from environments import EnvironmentCopy, running_lab
from kept_one import (
    ALL,
    COMPOSE,
    DECLARATION,
    DRAW,
    KeptOne,
    another_qemu,
    await_message,
    bound,
    fingerprint,
    flip,
    kill_at,
)

pytestmark = [pytest.mark.lab, pytest.mark.guests]

WEEK = 7 * 24 * 3600


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeptOne]:
    """It was built cold and kept, while its clock was a week behind."""
    with running_lab() as lab:
        small = lab.folders.root / "small"  # libvirtd sees what was mounted before it was started
        small.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", small], check=True)
        try:
            lab.start_hypervisor()
            copy = EnvironmentCopy.written(lab, tmp_path_factory.mktemp("warm") / "kept", DECLARATION)
            (copy.folder / "compose").mkdir()
            (copy.folder / "compose" / "compose.yaml").write_text(COMPOSE)
            began = time.monotonic()
            copy.converge()
            cold = time.monotonic() - began
            made = KeptOne(copy, {level: fingerprint(copy, level) for level in (3, ALL)}, cold)
            made.shell(f"date --set=@{time.time() - WEEK:.0f}")
            assert copy.converge("checkpoint")["changed"]
            yield made
        finally:
            subprocess.run(["umount", small], check=True)


@pytest.fixture
def up(kept: KeptOne) -> KeptOne:
    """It runs, as it was built."""
    kept.begin()
    if kept.shell("ls /root"):
        kept.copy.converge("restored")
        kept.drawn.append(kept.shell(DRAW))
    return kept


@pytest.fixture
def down(kept: KeptOne) -> KeptOne:
    """Nothing of it is there but its checkpoint."""
    kept.copy.converge("absent")
    return kept


def test_taking_goes_on_with_the_guest_as_it_was_and_sets_its_clock(up: KeptOne) -> None:
    up.is_as_built()
    assert abs(float(up.shell("date +%s.%N")) - time.time()) < 10
    assert up.copy.converge("checkpoint") == {"digest": up.checkpoint().manifest.digest, "changed": False}


def test_a_warm_start_is_the_same_to_its_last_file_at_the_right_time(down: KeptOne) -> None:
    began = time.monotonic()
    told = down.begin()
    took = time.monotonic() - began
    print(f"cold {down.cold:.1f} s, warm {took:.1f} s: {down.cold / took:.1f} times sooner")
    assert told["start"] == {"how": "warm", "checkpoint": down.checkpoint().manifest.digest, "reason": ""}
    assert abs(float(down.shell("date +%s.%N")) - time.time()) < 10
    assert down.shell("dmesg | grep --count 'reseeded due to virtual machine fork'") == "1"
    assert down.copy.converge()["changes"] == []
    down.is_as_built(ALL)
    assert took < down.cold / 2


def test_a_second_running_clone_is_refused(up: KeptOne) -> None:
    elsewhere: Any = SimpleNamespace(folders=Folders(Path("/nowhere")))
    with pytest.raises(CheckpointError, match=f"its guests run in {up.folders.root}, .* allow_clone"):
        clones.refuse_second(up.checkpoint(), elsewhere)
    here: Any = SimpleNamespace(folders=up.folders)
    clones.refuse_second(up.checkpoint(), here)


def test_a_warm_start_that_is_killed_before_a_guest_ran_is_begun_anew(down: KeptOne) -> None:
    kill_at(down.copy, "present", "restoring its memory")
    assert down.begin()["start"]["how"] == "warm"
    down.is_as_built()


def test_a_warm_start_that_is_killed_later_is_finished_with_health_that_is_proven(down: KeptOne) -> None:
    """The engine's memory says "healthy", and a check that finds otherwise is due in half an hour."""
    kill_at(down.copy, "present", "to answer again")
    inside = "docker exec only-redis-1 mv /usr/bin/{} /usr/bin/{}"
    down.shell(inside.format("redis-cli", "lost"))
    run = down.copy.start()
    run.await_event("guest only")
    await_message(run, "proving the health of its containers")
    time.sleep(3)
    assert run.popen.poll() is None
    down.shell(inside.format("lost", "redis-cli"))
    told = run.result()
    assert told["start"] is None
    assert [row["containers"][0]["health"] for row in told["guests"]] == ["healthy"]
    down.drawn.append(down.shell(DRAW))
    down.is_as_built()


def test_a_guest_that_went_back_to_a_snapshot_draws_other_random_numbers_too(up: KeptOne) -> None:
    drawn = set()
    with opened("auto", up.folders) as hypervisor:
        assert snapshot.create(hypervisor, "kept", "only", "one")
        for _ in range(2):
            snapshot.revert(hypervisor, "kept", "only", "one", Progress())
            drawn.add(up.shell(DRAW))
        assert snapshot.delete(hypervisor, "kept", "only", "one")
    assert len(drawn) == 2
    assert abs(float(up.shell("date +%s.%N")) - time.time()) < 10


DIRTY = "docker rm --force $(docker ps --quiet) && touch /root/dirty && sync"


def test_going_back_undoes_all_that_was_done_in_the_guest(up: KeptOne) -> None:
    name = up.checkpoint().name
    up.shell(DIRTY)
    began = time.monotonic()
    told = up.copy.converge("restored")
    print(f"restored in {time.monotonic() - began:.1f} s")
    assert told["changes"] == [f"replace {kind} only: from checkpoint {name}" for kind in ("disk", "guest")]
    up.drawn.append(up.shell(DRAW))
    assert abs(float(up.shell("date +%s.%N")) - time.time()) < 10
    assert up.shell("ls /root") == ""
    up.is_as_built()


@pytest.mark.parametrize(("stage", "dirty"), [("verifying memory and images", "dirty"), ("restoring its memory", "")])
def test_going_back_that_is_killed_has_touched_nothing_or_is_done_by_the_next_run(
    up: KeptOne, stage: str, dirty: str
) -> None:
    up.shell("touch /root/dirty; sync")
    kill_at(up.copy, "restored", stage)
    up.copy.converge()
    assert up.shell("ls /root") == dirty
    assert [path.name for path in up.folders.pool("kept").glob(".*")] == []
    up.is_as_built()


def test_a_guest_runs_on_where_the_checkpoint_to_go_back_to_is_damaged(up: KeptOne) -> None:
    flip(up.checkpoint().file("memory/only"))
    up.shell("touch /root/since")
    domain = up.copy.lab.virsh("domid", "kept-only")
    said = up.copy.start("restored").failure()
    flip(up.checkpoint().file("memory/only"))
    assert "memory/only: not what was stored there" in said
    assert (up.copy.lab.virsh("domid", "kept-only"), up.shell("ls /root/since")) == (domain, "/root/since")


def test_no_two_that_came_out_of_it_draw_the_same_random_numbers(kept: KeptOne) -> None:
    while len(kept.drawn) < 2:
        kept.copy.converge("absent")
        kept.begin()
    assert len(kept.drawn) == len(set(kept.drawn))


def test_one_flipped_bit_is_found_before_use_and_nothing_stays(down: KeptOne) -> None:
    for name in ("memory/only", "disks/only", "keys/seal.key"):
        flip(down.checkpoint().file(name))
        said = down.warm().failure()
        flip(down.checkpoint().file(name))
        assert re.search(rf"{name}: not what was stored there", said)
        assert down.copy.lab.virsh("list", "--all", "--name").split() == []
        assert [path.name for path in down.folders.pool("kept").iterdir()] == []


def test_another_qemu_is_told_and_the_start_is_cold(down: KeptOne) -> None:
    was = down.checkpoint().manifest.origin.abi["emulator"]
    with another_qemu(down.folders) as digest:
        said = f"emulator was {was} and is {digest[:16]}"
        assert said in down.warm().failure()
        down.nothing_is_there()
        kill_at(down.copy, "present", f"the start is cold: no checkpoint fits; .*{said}.*guest only")
        down.copy.converge("absent")
    assert down.begin()["start"]["how"] == "warm"


def test_a_store_that_was_mounted_after_the_hypervisor_was_started_is_told(
    up: KeptOne, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    late, empty = up.folders.root / "late", tmp_path / "empty"
    for folder in (late, empty):
        make_private(folder)
    monkeypatch.setitem(up.copy.lab.environment, "STRATA_CHECKPOINTS", str(late))
    said = f"{late}: the embedded hypervisor sees another folder there"
    with bound(empty, late):
        assert said in up.copy.start("checkpoint").failure()
        up.is_as_built()
    up.copy.converge("absent")
    with bound(up.folders.checkpoints, late):
        assert said in up.warm().failure()
        up.nothing_is_there()


def test_a_disk_that_gets_full_while_one_is_taken_leaves_the_guest_running(
    up: KeptOne, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others may fill it after the look at what is free."""
    folders = replace(up.folders, checkpoint_store=up.folders.root / "small")
    options = Options(folders=folders, progress=Progress())
    with pytest.raises(CheckpointError, match="MiB are free there"):
        have_checkpoint(up.copy.declaration, options)
    monkeypatch.setattr(take_module, "require_space", lambda *_given: None)
    with pytest.raises(StrataError, match=r"guest only: .*No space left"):
        have_checkpoint(up.copy.declaration, options)
    assert Store(folders, "kept").digests() == []
    assert up.copy.converge()["changes"] == []
    up.is_as_built()


def test_a_checkpoint_whose_making_was_killed_is_none_and_the_guest_runs_again(
    up: KeptOne, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(replace(up.folders, checkpoint_store=up.folders.root / "other"), "kept")
    monkeypatch.setitem(up.copy.lab.environment, "STRATA_CHECKPOINTS", str(store.folders.checkpoints))
    kill_at(up.copy, "checkpoint", "saving memory and disks")
    up.copy.converge()
    assert store.digests() == []
    assert not store.staging.exists()
    up.is_as_built()
