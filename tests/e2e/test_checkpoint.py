# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A guest with a container that is kept in a checkpoint starts warm and goes back to it, and is the same; whatever goes
wrong is told, and ends in the same environment.

Each test brings the environment that all share to where it begins (``up``, ``down``), which a warm start makes cheap.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.checkpoint import clones
from ansible_collections.strata.kvm_docker.plugins.module_utils.checkpoint import take as take_module
from ansible_collections.strata.kvm_docker.plugins.module_utils.checkpoint.command import have_checkpoint
from ansible_collections.strata.kvm_docker.plugins.module_utils.checkpoint.store import Checkpoint, Store
from ansible_collections.strata.kvm_docker.plugins.module_utils.converge import Options
from ansible_collections.strata.kvm_docker.plugins.module_utils.digests import sha256_file
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import CheckpointError, StrataError
from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest import access
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest.files import make_private
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.compare import Verdict, compare
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.fingerprint import Fingerprint
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.take import take
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm import embedded
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
#: Of what the guest's files are, too.
ALL = 4


@dataclass
class KeptOne:
    """``before``: fingerprints, by level, of what was built cold in ``cold`` seconds. ``drawn``: random numbers
    of the guest, one each time that it came out of the checkpoint."""

    copy: EnvironmentCopy
    before: dict[int, Fingerprint]
    cold: float
    drawn: list[str] = field(default_factory=list)

    @property
    def folders(self) -> Folders:
        return self.copy.lab.folders

    def checkpoint(self) -> Checkpoint:
        return next(Store(self.folders, "kept").whole())

    def shell(self, command: str) -> str:
        return access.shell("kept", "only", self.folders).run(command).decode().strip()

    def begin(self) -> dict[str, Any]:
        """Have it up; how it was started, if it was not up."""
        told = self.copy.converge()
        if told["start"]:
            assert told["start"]["how"] == "warm", told["start"]
            self.drawn.append(self.shell(DRAW))
        return told

    def warm(self) -> Process:
        """A run that starts it warm or fails."""
        self.copy.lab.environment["STRATA_TEST_START"] = "warm"
        try:
            return self.copy.start()
        finally:
            del self.copy.lab.environment["STRATA_TEST_START"]

    def is_as_built(self, level: int = 3) -> None:
        """IDENTICAL to what was built, or an error with what differs."""
        comparison = compare(self.before[level], fingerprint(self.copy, level))
        assert comparison.verdict is Verdict.IDENTICAL, "\n".join(map(str, comparison.differences))

    def nothing_is_there(self) -> None:
        """No guest, network or disk of it."""
        assert self.copy.lab.virsh("list", "--all", "--name").split() == []
        assert "kept" not in self.copy.lab.virsh("net-list", "--all", "--name")
        pool = self.folders.pool("kept")
        assert not pool.exists() or list(pool.iterdir()) == []


def fingerprint(copy: EnvironmentCopy, level: int) -> Fingerprint:
    return take(copy.declaration, copy.lab.folders, level, Progress())


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


@pytest.mark.parametrize(
    ("stage", "dirty"), [("verifying memory, copying disks", "dirty"), ("restoring its memory", "")]
)
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


def await_message(process: Process, message: str) -> None:
    """Return once it has told *message*, a regular expression."""
    while process.popen.poll() is None:
        if process.events.exists() and re.search(message, process.events.read_text(), re.DOTALL):
            return
        time.sleep(0.02)
    raise AssertionError(f"it ended before {message!r}: {process.popen.communicate()}")


def kill_at(copy: EnvironmentCopy, state: str, message: str) -> None:
    """SIGKILL it once it has told *message*, a regular expression."""
    process = copy.start(state)
    await_message(process, message)
    process.popen.kill()
    process.popen.communicate()


def flip(path: Path) -> None:
    """Flip one bit in the middle."""
    with path.open("r+b") as stream:
        stream.seek(path.stat().st_size // 2)
        byte = stream.read(1)[0]
        stream.seek(-1, 1)
        stream.write(bytes([byte ^ 1]))


def test_one_flipped_bit_is_found_before_use_and_nothing_stays(down: KeptOne) -> None:
    for name in ("memory/only", "disks/only", "keys/seal.key"):
        flip(down.checkpoint().file(name))
        said = down.warm().failure()
        flip(down.checkpoint().file(name))
        assert re.search(rf"{name}: not what was stored there", said)
        assert down.copy.lab.virsh("list", "--all", "--name").split() == []
        assert [path.name for path in down.folders.pool("kept").iterdir()] == []


@contextmanager
def another_qemu(folders: Folders) -> Iterator[str]:
    """In the hypervisor's namespace QEMU is another file from now on, as after an update of the same version; its
    digest."""
    emulator, other = Path("/usr/bin/qemu-system-x86_64"), folders.root / "qemu"
    shutil.copy(emulator, other)
    with other.open("ab") as stream:
        stream.write(b"an update")
    inside = ["nsenter", f"--mount={embedded.seen(folders, Path('/')).parent}/ns/mnt", "--"]
    subprocess.run([*inside, "mount", "--bind", other, emulator], check=True)
    try:
        yield sha256_file(other)
    finally:
        subprocess.run([*inside, "umount", emulator], check=True)


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


@contextmanager
def bound(folder: Path, target: Path) -> Iterator[None]:
    subprocess.run(["mount", "--bind", folder, target], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", target], check=True)


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
