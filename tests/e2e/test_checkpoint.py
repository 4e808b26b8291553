# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A guest with a container that is kept in a checkpoint starts warm and goes back to it, and is the same; whatever goes
wrong is told, and ends in the same environment."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.checkpoint import clones
from ansible_collections.strata.kvm_docker.plugins.module_utils.checkpoint import take as take_module
from ansible_collections.strata.kvm_docker.plugins.module_utils.checkpoint.command import have_checkpoint
from ansible_collections.strata.kvm_docker.plugins.module_utils.checkpoint.manifest import NAME, text_of
from ansible_collections.strata.kvm_docker.plugins.module_utils.checkpoint.store import Checkpoint, Store
from ansible_collections.strata.kvm_docker.plugins.module_utils.converge import Options
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import CheckpointError, StrataError
from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest import access
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.compare import Verdict, compare
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.fingerprint import Fingerprint
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.take import take
from ansible_collections.strata.kvm_docker.plugins.module_utils.progress import Progress
from environments import EnvironmentCopy, Process, running_lab

pytestmark = [pytest.mark.lab, pytest.mark.guests]

DECLARATION = """\
plugin: strata.kvm_docker.environment
name: kept
images: {debian13: {build: {suite: trixie}}}
container_images: {"debian-services:13": {build: {suite: trixie, packages: [redis-server, python3, busybox]}}}
networks: {lan: {cidr: 10.86.0.0/24}}
guests:
  only:
    image: debian13
    memory: 512 MiB
    disk: 4 GiB
    networks: {lan: {address: 10.86.0.11}}
    compose: compose/compose.yaml
"""
COMPOSE = """\
services:
  redis:
    image: debian-services:13
    command: [redis-server, --save, ""]
    healthcheck: {test: [CMD, redis-cli, ping], interval: 30m, start_period: 60s, start_interval: 500ms}
"""
WEEK = 7 * 24 * 3600
DRAW = "head -c 16 /dev/urandom | base64"


@dataclass
class KeptOne:
    """``before``: the fingerprint of what was built cold, which took ``cold`` seconds. ``drawn``: random numbers of the
    guest, one each time that it came out of the checkpoint."""

    copy: EnvironmentCopy
    before: Fingerprint
    cold: float
    drawn: list[str] = field(default_factory=list)

    def checkpoint(self) -> Checkpoint:
        return next(Store(self.copy.lab.folders, "kept").whole())

    def shell(self, command: str) -> str:
        return access.shell("kept", "only", self.copy.lab.folders).run(command).decode().strip()

    def is_as_built(self) -> None:
        """IDENTICAL to what was built, or an error with what differs."""
        comparison = compare(self.before, fingerprint(self.copy))
        assert comparison.verdict is Verdict.IDENTICAL, "\n".join(map(str, comparison.differences))


def fingerprint(copy: EnvironmentCopy) -> Fingerprint:
    return take(copy.declaration, copy.lab.folders, 3, Progress())


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
            made = KeptOne(copy, fingerprint(copy), cold)
            made.shell(f"date --set=@{time.time() - WEEK:.0f}")
            assert copy.converge("checkpoint")["changed"]
            yield made
        finally:
            subprocess.run(["umount", small], check=True)


def test_taking_goes_on_with_the_guest_as_it_was_and_sets_its_clock(kept: KeptOne) -> None:
    kept.is_as_built()
    assert abs(float(kept.shell("date +%s.%N")) - time.time()) < 10
    assert kept.copy.converge("checkpoint") == {"digest": kept.checkpoint().manifest.digest, "changed": False}


def test_a_warm_start_is_the_same_at_the_right_time(kept: KeptOne, monkeypatch: pytest.MonkeyPatch) -> None:
    kept.copy.converge("absent")
    began = time.monotonic()
    told = warm(kept, monkeypatch).result()
    took = time.monotonic() - began
    print(f"cold {kept.cold:.1f} s, warm {took:.1f} s: {kept.cold / took:.1f} times sooner")
    kept.drawn.append(kept.shell(DRAW))
    assert told["start"] == {"how": "warm", "checkpoint": kept.checkpoint().manifest.digest, "reason": ""}
    assert abs(float(kept.shell("date +%s.%N")) - time.time()) < 10
    assert kept.copy.converge()["changes"] == []
    kept.is_as_built()
    assert took < kept.cold / 2


def warm(kept: KeptOne, monkeypatch: pytest.MonkeyPatch) -> Process:
    monkeypatch.setitem(kept.copy.lab.environment, "STRATA_TEST_START", "warm")
    return kept.copy.start()


def test_a_second_running_clone_is_refused(kept: KeptOne) -> None:
    elsewhere: Any = SimpleNamespace(folders=Folders(Path("/nowhere")))
    with pytest.raises(CheckpointError, match=f"its guests run in {kept.copy.lab.folders.root}, .* allow_clone"):
        clones.refuse_second(kept.checkpoint(), elsewhere)
    here: Any = SimpleNamespace(folders=kept.copy.lab.folders)
    clones.refuse_second(kept.checkpoint(), here)


@pytest.mark.parametrize("stage", ["restoring its memory", "to answer again"])
def test_a_warm_start_that_is_killed_is_done_by_the_next_run(kept: KeptOne, stage: str) -> None:
    """Before a guest ran all of it is begun anew; after that, what was left to do is done."""
    kept.copy.converge("absent")
    kill_at(kept.copy, "present", stage)
    assert kept.copy.converge()["guests"]
    kept.drawn.append(kept.shell(DRAW))
    kept.is_as_built()


DIRTY = "docker rm --force $(docker ps --quiet) && touch /root/dirty && sync"


def test_going_back_undoes_all_that_was_done_in_the_guest(kept: KeptOne) -> None:
    name = kept.checkpoint().name
    kept.shell(DIRTY)
    began = time.monotonic()
    told = kept.copy.converge("restored")
    print(f"restored in {time.monotonic() - began:.1f} s")
    assert told["changes"] == [f"replace {kind} only: from checkpoint {name}" for kind in ("disk", "guest")]
    kept.drawn.append(kept.shell(DRAW))
    assert abs(float(kept.shell("date +%s.%N")) - time.time()) < 10
    assert kept.shell("ls /root") == ""
    kept.is_as_built()


@pytest.mark.parametrize(
    ("stage", "dirty"), [("verifying memory, copying disks", "dirty"), ("restoring its memory", "")]
)
def test_going_back_that_is_killed_has_touched_nothing_or_is_done_by_the_next_run(
    kept: KeptOne, stage: str, dirty: str
) -> None:
    kept.shell("touch /root/dirty; sync")
    kill_at(kept.copy, "restored", stage)
    kept.copy.converge()
    assert kept.shell("ls /root") == dirty
    assert [path.name for path in kept.copy.lab.folders.pool("kept").glob(".*")] == []
    kept.is_as_built()


def test_a_guest_runs_on_where_the_checkpoint_to_go_back_to_is_damaged(kept: KeptOne) -> None:
    flip(kept.checkpoint().file("memory/only"))
    kept.shell("touch /root/since")
    domain = kept.copy.lab.virsh("domid", "kept-only")
    said = kept.copy.start("restored").failure()
    flip(kept.checkpoint().file("memory/only"))
    assert "memory/only: not what was stored there" in said
    assert (kept.copy.lab.virsh("domid", "kept-only"), kept.shell("ls /root/since")) == (domain, "/root/since")


def test_no_two_that_came_out_of_it_draw_the_same_random_numbers(kept: KeptOne) -> None:
    assert len(kept.drawn) == len(set(kept.drawn)) == 4


def kill_at(copy: EnvironmentCopy, state: str, message: str) -> None:
    """SIGKILL it once it has told *message*, a regular expression."""
    process = copy.start(state)
    while process.popen.poll() is None:
        if process.events.exists() and re.search(message, process.events.read_text(), re.DOTALL):
            process.popen.kill()
            process.popen.communicate()
            return
        time.sleep(0.02)
    raise AssertionError(f"it ended before {message!r}: {process.popen.communicate()}")


def flip(path: Path) -> None:
    """Flip one bit in the middle."""
    with path.open("r+b") as stream:
        stream.seek(path.stat().st_size // 2)
        byte = stream.read(1)[0]
        stream.seek(-1, 1)
        stream.write(bytes([byte ^ 1]))


def pretend(kept: KeptOne, program: str, version: str) -> None:
    """Have the checkpoint be one that was made with another version of a program."""
    checkpoint = kept.checkpoint()
    origin = checkpoint.manifest.origin
    other = replace(origin, abi={**origin.abi, program: version})
    folder = checkpoint.folder.rename(checkpoint.folder.with_name(other.digest))
    (folder / NAME).write_text(text_of(replace(checkpoint.manifest, origin=other)))


def test_one_flipped_bit_is_found_before_use_and_nothing_stays(kept: KeptOne, monkeypatch: pytest.MonkeyPatch) -> None:
    kept.copy.converge("absent")
    for name in ("memory/only", "disks/only", "keys/seal.key"):
        flip(kept.checkpoint().file(name))
        said = warm(kept, monkeypatch).failure()
        flip(kept.checkpoint().file(name))
        assert re.search(rf"{name}: not what was stored there", said)
        assert kept.copy.lab.virsh("list", "--all", "--name").split() == []
        assert [path.name for path in kept.copy.lab.folders.pool("kept").iterdir()] == []


def test_another_qemu_is_told_and_the_start_is_cold(kept: KeptOne, monkeypatch: pytest.MonkeyPatch) -> None:
    kept.copy.converge("absent")
    real = kept.checkpoint().manifest.origin.abi["QEMU"]
    pretend(kept, "QEMU", "6.0.0")
    assert f"QEMU was 6.0.0 and is {real}" in warm(kept, monkeypatch).failure()
    monkeypatch.undo()
    kill_at(kept.copy, "present", f"the start is cold: no checkpoint fits; .*QEMU was 6.0.0 and is {real}.*guest only")
    pretend(kept, "QEMU", real)
    kept.copy.converge("absent")
    assert kept.copy.converge()["start"]["how"] == "warm"


def test_a_disk_that_gets_full_while_one_is_taken_leaves_the_guest_running(
    kept: KeptOne, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others may fill it after the look at what is free."""
    folders = replace(kept.copy.lab.folders, checkpoint_store=kept.copy.lab.folders.root / "small")
    options = Options(folders=folders, progress=Progress())
    with pytest.raises(CheckpointError, match="MiB are free there"):
        have_checkpoint(kept.copy.declaration, options)
    monkeypatch.setattr(take_module, "require_space", lambda *_given: None)
    with pytest.raises(StrataError, match=r"guest only: .*No space left"):
        have_checkpoint(kept.copy.declaration, options)
    assert Store(folders, "kept").digests() == []
    assert kept.copy.converge()["changes"] == []
    kept.is_as_built()


def test_a_checkpoint_whose_making_was_killed_is_none_and_the_guest_runs_again(kept: KeptOne) -> None:
    store = Store(kept.copy.lab.folders, "kept")
    for digest in store.digests():
        store.remove(digest)
    kill_at(kept.copy, "checkpoint", "saving memory and disks")
    kept.copy.converge()
    assert store.digests() == []
    assert not store.staging.exists()
    kept.is_as_built()
