# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a run decides to begin: warm, cold, or not at all; what it leaves to the plan, and what it refuses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.checkpoint import (
    clones,
    replaced,
    restore,
    under_way,
    warm,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.checkpoint.manifest import Manifest, StoredFile
from ansible_collections.strata.kvm_docker.plugins.module_utils.checkpoint.origin import OnLayer, Origin
from ansible_collections.strata.kvm_docker.plugins.module_utils.checkpoint.restore import Restoring
from ansible_collections.strata.kvm_docker.plugins.module_utils.checkpoint.store import Checkpoint, Store, note_clones
from ansible_collections.strata.kvm_docker.plugins.module_utils.checkpoint.warm import Started, WarmStart
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import (
    CheckpointError,
    ContainerError,
    StrataError,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.model import Change, Declared, Key, Observed, Plan
from ansible_collections.strata.kvm_docker.plugins.module_utils.progress import Event, Progress

ORIGIN = Origin({"guest web": "aa"}, {"QEMU": "7.2.9"})
MADE = Manifest(environment="lab", made="2026", origin=ORIGIN, places={}, guests=("web",), disks=("web",))


@pytest.fixture
def run(tmp_path: Path) -> Any:
    """As much of a run as is looked at before anything is done; ``executed``: plans."""
    hypervisor = SimpleNamespace(folders=Folders(tmp_path / "state"), uri="test:///default", seen=lambda path: path)
    session = SimpleNamespace(hypervisor=hypervisor, forget=lambda guest: None)
    environment = SimpleNamespace(name="lab")
    given = {"session": session, "environment": environment, "progress": Progress(), "inputs": None, "only": None}
    executed: list[Any] = []
    return SimpleNamespace(**given, executed=executed, execute=executed.append)


@pytest.fixture
def there(run: Any, monkeypatch: pytest.MonkeyPatch) -> list[Observed]:
    """What of the environment is there; a checkpoint of :data:`ORIGIN` is, which nobody lays in these tests."""
    found: list[Observed] = []
    monkeypatch.setattr(warm, "_there", lambda run, kinds: [item for item in found if item.key.kind in kinds])
    monkeypatch.setattr(warm, "_to_be_done", lambda run, kinds: kinds)
    monkeypatch.setattr(warm.contents, "origin", lambda *_given: ORIGIN)
    monkeypatch.setattr(WarmStart, "_start", lambda self, run, *_given: setattr(self, "started", Started("warm")))
    publish(run)
    return found


def publish(run: Any, manifest: Manifest = MADE) -> Checkpoint:
    store = Store(run.session.hypervisor.folders, "lab")
    store.stage()
    return store.publish(manifest)


def begun(run: Any, mode: warm.Mode, **given: Any) -> Started | None:
    start = WarmStart(mode=mode, **given)
    start.begin(run)
    return start.started


@pytest.mark.parametrize("mode", ["auto", "warm"])
def test_one_of_just_these_inputs_is_used(run: Any, there: list[Observed], mode: warm.Mode) -> None:
    assert begun(run, mode) == Started("warm")


def test_what_stands_on_guests_is_put_in_place_before_the_plan(run: Any, there: list[Observed]) -> None:
    begun(run, "auto")
    assert run.executed == [("forward",)]


def test_a_start_that_became_cold_leaves_what_stands_on_guests_to_the_plan(
    run: Any, there: list[Observed], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warm.contents, "origin", lambda *_given: replace(ORIGIN, abi={"QEMU": "8.0.0"}))
    begun(run, "auto")
    assert run.executed == []


def test_asked_to_start_cold_it_looks_at_nothing(run: Any, there: list[Observed]) -> None:
    assert begun(run, "cold") is None


def test_without_a_checkpoint_nothing_is_looked_at_nor_left_behind(run: Any) -> None:
    assert begun(run, "auto") is None
    assert not run.session.hypervisor.folders.root.exists()


def test_guests_that_are_there_are_left_to_the_plan(run: Any, there: list[Observed]) -> None:
    there.append(Observed(Key("guest", "web"), {}))
    assert begun(run, "warm") is None


def test_a_disk_that_is_there_would_not_fit_the_memory(run: Any, there: list[Observed]) -> None:
    there.append(Observed(Key("disk", "web.data"), {}, keep=True))
    told = begun(run, "auto")
    assert told
    assert told.how == "cold"
    assert told.reason.startswith("disk web.data is there already, and would not fit the memory of checkpoint ")
    with pytest.raises(CheckpointError, match=r"disk web\.data is there already"):
        begun(run, "warm")


def test_one_of_another_hypervisor_is_named_with_what_differs(
    run: Any, there: list[Observed], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warm.contents, "origin", lambda *_given: replace(ORIGIN, abi={"QEMU": "8.0.0"}))
    told = begun(run, "auto")
    assert told
    assert told.reason.endswith("differs: QEMU was 7.2.9 and is 8.0.0.")


def test_a_store_that_the_hypervisor_does_not_see_is_told(run: Any, there: list[Observed], tmp_path: Path) -> None:
    """As where it was mounted after that was started."""
    folder = run.session.hypervisor.folders.checkpoints
    for seen in (tmp_path, tmp_path / "nothing"):
        run.session.hypervisor.seen = lambda path, seen=seen: seen
        told = begun(run, "auto")
        assert told
        assert told.reason.startswith(f"{folder}: the embedded hypervisor sees another folder there")


def test_a_checkpoint_on_another_layer_that_is_there_is_used_unless_there_is_one_of_just_these(
    run: Any, there: list[Observed], monkeypatch: pytest.MonkeyPatch
) -> None:
    begun_by: list[str] = []
    monkeypatch.setattr(WarmStart, "_start", lambda self, run, checkpoint, there: begun_by.append(checkpoint.name))
    older, now = (replace(ORIGIN, layers={"web": OnLayer("debian13", each * 64)}) for each in "ab")
    publish(run, replace(MADE, origin=older, made="2027"))
    monkeypatch.setattr(warm.contents, "origin", lambda *_given: now)
    monkeypatch.setattr(warm.contents, "layers_there", lambda folders: {"a" * 64, "b" * 64})
    begun(run, "warm")
    publish(run, replace(MADE, origin=now, made="2025"))
    begun(run, "warm")
    assert begun_by == [older.digest[:12], now.digest[:12]]


def test_a_damaged_manifest_is_told(run: Any, there: list[Observed]) -> None:
    manifest = Store(run.session.hypervisor.folders, "lab").folder / ORIGIN.digest / "manifest.json"
    manifest.write_text(manifest.read_text().replace("2026", "2027"))
    told = begun(run, "auto")
    assert told
    assert "its manifest is damaged" in told.reason


def test_a_second_clone_is_refused_unless_it_is_meant(
    run: Any, there: list[Observed], monkeypatch: pytest.MonkeyPatch
) -> None:
    note_clones(next(Store(run.session.hypervisor.folders, "lab").whole()), {"/elsewhere": "qemu:///system"})
    assert begun(run, "warm") == Started("warm")
    monkeypatch.setattr(clones, "_runs", lambda checkpoint, root, uri: root == "/elsewhere")
    with pytest.raises(CheckpointError, match="its guests run in /elsewhere"):
        begun(run, "warm")
    assert begun(run, "warm", allow_clone=True) == Started("warm")


def test_what_could_not_be_removed_again_is_no_cold_start(
    run: Any, there: list[Observed], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The plan would build on what is half there, and the next run would take that for a leftover."""

    def fail(self: WarmStart, run: Any, *_given: object) -> None:
        under_way.note("lab", run.session.hypervisor.folders, LEFT)
        raise CheckpointError("pool is busy")

    monkeypatch.setattr(WarmStart, "_start", fail)
    with pytest.raises(CheckpointError, match="pool is busy"):
        begun(run, "auto")


@pytest.fixture
def may_be_lost(run: Any, there: list[Observed], monkeypatch: pytest.MonkeyPatch) -> list[Observed]:
    """What of the environment is there: a guest and its disk, to begin with."""
    monkeypatch.setattr(replaced, "declared", lambda *_given: [Declared(Key("disk", "web.data"), {"keep": True})])
    monkeypatch.setattr(replaced, "_refuse_shared", lambda run, disk: None)
    there += [Observed(Key("disk", "web"), {}), Observed(Key("guest", "web"), {})]
    return there


def test_going_back_takes_the_place_of_guests_that_are_there(run: Any, may_be_lost: list[Observed]) -> None:
    assert begun(run, "restored") == Started("warm")


@pytest.mark.parametrize(
    ("item", "said"),
    [
        (Observed(Key("guest", "apps"), {}, owned=False), "guest apps: does not belong to this environment"),
        (Observed(Key("disk", "apps"), {}, owned=False), r"disk apps: .* Nothing was touched\. Move it away"),
        (Observed(Key("disk", "old"), {}, keep=True), r"disk old: is kept \(keep: true\)"),
        (Observed(Key("disk", "web.data"), {}), r"disk web\.data: is kept"),
    ],
)
def test_going_back_refuses_to_lose_what_is_anothers_or_kept(
    item: Observed, said: str, run: Any, may_be_lost: list[Observed]
) -> None:
    may_be_lost.append(item)
    with pytest.raises(StrataError, match=said):
        begun(run, "restored")


def test_going_back_to_none_that_fits_is_an_error_that_says_what_differs(
    run: Any, may_be_lost: list[Observed], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warm.contents, "origin", lambda *_given: replace(ORIGIN, inputs={"guest web": "bb"}))
    with pytest.raises(CheckpointError, match="differs: guest web is declared otherwise"):
        begun(run, "restored")


def test_what_is_there_is_told_as_replaced() -> None:
    made = [Change(Key(kind, "web"), "create", "not there") for kind in ("network", "disk", "guest")]
    told = warm._from(Checkpoint(Path("/none"), MADE), made, {Key("guest", "web")})
    name = MADE.digest[:12]
    assert [(change.action, change.reason) for change in told] == [
        ("create", "not there"),
        ("create", f"from checkpoint {name}"),
        ("replace", f"from checkpoint {name}"),
    ]


@pytest.fixture
def damaged(run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Restoring, Path]:
    """A checkpoint of which a disk is damaged, and the disk that is there in its place."""
    run.session.hypervisor.folders.pool("lab").mkdir(parents=True)
    disk = run.session.hypervisor.folders.pool("lab") / "web.qcow2"
    disk.write_text("what is there")
    found = {"web": (Declared(Key("disk", "web"), {}), disk)}
    monkeypatch.setattr(restore, "declared_disks", lambda run: found)
    checkpoint = publish(
        run, replace(MADE, files={"disks/web": StoredFile(3, "aa"), "memory/web": StoredFile(3, "aa")})
    )
    for name in ("disks/web", "memory/web"):
        checkpoint.file(name).write_text("abc")
    return Restoring(run, checkpoint), disk


def test_a_damaged_file_is_found_before_anything_is_touched(run: Any, damaged: tuple[Restoring, Path]) -> None:
    restoring, disk = damaged
    for find in (restoring.verify_laid, restoring.verify_rest, restoring.fetch):
        with pytest.raises(CheckpointError, match="not what was stored there"):
            find()
        assert [path.read_text() for path in disk.parent.iterdir()] == ["what is there"]
        assert under_way.read("lab", run.session.hypervisor.folders) is None


@pytest.fixture
def going_back(run: Any, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a way back does, one after the other; none of it is done."""
    done: list[str] = []
    for name, answer in (("declared", []), ("observed", []), ("plan", Plan(()))):
        monkeypatch.setattr(warm, name, lambda *_given, answer=answer, **_named: answer)
    monkeypatch.setattr(Restoring, "verify_rest", lambda self: done.append("verify_rest"))
    for name in ("verify_laid", "fetch", "lay"):
        monkeypatch.setattr(Restoring, name, lambda self, name=name: done.append(name))
    monkeypatch.setattr(Restoring, "make_way", lambda self, there, verified: done.append("make_way"))
    monkeypatch.setattr(Restoring, "start", lambda self, verified: done.append("start"))
    monkeypatch.setattr(Restoring, "left", lambda self, doing: LEFT)
    monkeypatch.setattr(warm, "discard", lambda *_given: done.append("discard"))
    monkeypatch.setattr(warm.clones, "note", lambda *_given: None)
    run.execute, run.adopt, run.done = lambda made: done.append("networks and pools"), False, []
    return done


THERE = frozenset({Key("guest", "web"), Key("disk", "web")})
FULL = OSError(28, "No space left on device")


@pytest.mark.parametrize("error", [CheckpointError("pool is busy."), FULL])
def test_what_fails_once_guests_are_gone_is_removed_and_says_so(
    error: Exception, run: Any, going_back: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: Restoring) -> None:
        raise error

    monkeypatch.setattr(Restoring, "lay", fail)
    with pytest.raises(CheckpointError, match=r"What was there is gone already: bring the environment up"):
        WarmStart(mode="restored")._start(run, publish(run), THERE)
    assert [done for done in going_back if done != "verify_rest"] == [
        "networks and pools",
        "fetch",
        "make_way",
        "discard",
    ]


def test_where_nothing_was_there_nothing_is_told_to_be_gone(
    run: Any, going_back: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: Restoring) -> None:
        raise CheckpointError("pool is busy.")

    monkeypatch.setattr(Restoring, "lay", fail)
    with pytest.raises(CheckpointError, match=r"^pool is busy\.$"):
        WarmStart(mode="restored")._start(run, publish(run), ())


def test_what_fails_before_others_are_laid_leaves_the_disks(run: Any, going_back: list[str], monkeypatch: Any) -> None:
    def fail(self: Restoring, there: object, verified: object) -> None:
        raise CheckpointError("guest web cannot be undefined.")

    monkeypatch.setattr(Restoring, "make_way", fail)
    with pytest.raises(CheckpointError, match=r"undefined\.$"):
        WarmStart(mode="restored")._start(run, publish(run), THERE)
    assert "discard" not in going_back


def test_a_damaged_memory_is_found_before_networks_are_put_right(
    run: Any, going_back: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def damaged(self: Restoring) -> None:
        raise CheckpointError("memory/web: not what was stored there")

    drifted = Plan((Change(Key("network", "lan"), "update", "drift"),))
    monkeypatch.setattr(warm, "plan", lambda *_given, **_named: drifted)
    monkeypatch.setattr(Restoring, "verify_rest", damaged)
    with pytest.raises(CheckpointError, match="not what was stored there"):
        WarmStart(mode="restored")._start(run, publish(run), ())
    assert going_back == ["verify_laid"]


def test_guests_that_cannot_be_removed_and_a_note_that_cannot_be_written_leave_no_copies(
    run: Any, damaged: tuple[Restoring, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_given: object) -> None:
        raise FULL

    restoring, disk = damaged
    for owner, name in ((restore.guests, "remove"), (Restoring, "_note")):
        monkeypatch.setattr(restore.guests, "remove", lambda *_given: None)
        monkeypatch.setattr(owner, name, fail)
        disk.with_name(f".{disk.name}.new").write_text("copy")
        with pytest.raises((OSError, StrataError), match="No space"):
            restoring.make_way(THERE, lambda: None)
        assert [path.read_text() for path in disk.parent.iterdir()] == ["what is there"]


def test_networks_are_put_right_only_where_every_file_is_as_stored(
    run: Any, going_back: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    drifted = Plan((Change(Key("network", "lan"), "update", "drift"),))
    monkeypatch.setattr(warm, "plan", lambda *_given, **_named: drifted)
    WarmStart(mode="restored")._start(run, publish(run), THERE)
    in_turn = [done for done in going_back if done != "verify_rest"]
    assert in_turn == ["verify_laid", "networks and pools", "fetch", "make_way", "lay", "start"]
    assert going_back.index("verify_rest") < going_back.index("networks and pools")


LEFT = under_way.UnderWay(doing="lay", guests=("web",), disks={"web": "/pools/web.qcow2"})


@pytest.mark.parametrize(
    ("doing", "running", "acts"),
    [
        ("fetch", True, ["drop_copies"]),
        ("lay", False, ["discard"]),
        ("lay", True, ["drop_copies", "finish", "prove web"]),
        ("wake", True, ["drop_copies", "finish", "prove web"]),
        ("take", False, ["drop_copies", "finish"]),
    ],
)
def test_what_a_killed_run_left_is_removed_before_a_guest_ran_and_finished_after(
    doing: under_way.Doing, running: bool, acts: list[str], run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    monkeypatch.setattr(warm, "_await_all", lambda run, left: None)
    monkeypatch.setattr(warm, "runs", lambda *_given: running)
    for act in ("discard", "drop_copies"):
        monkeypatch.setattr(warm, act, lambda *_given, act=act: done.append(act))
    monkeypatch.setattr(warm, "finish", lambda *_given: done.append("finish") or ["web"])
    monkeypatch.setattr(warm, "prove", lambda run, guest: done.append(f"prove {guest}"))
    under_way.note("lab", run.session.hypervisor.folders, replace(LEFT, doing=doing))
    WarmStart().recover(run)
    assert done == acts


def test_what_is_not_healthy_after_a_killed_run_is_told_and_left_to_the_plan(
    run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(run: Any, guest: str) -> None:
        raise ContainerError(f"container {guest}/redis does not pass its health check: no answer")

    monkeypatch.setattr(warm, "_await_all", lambda run, left: None)
    monkeypatch.setattr(warm, "finish", lambda *_given: ["web"])
    under_way.note("lab", run.session.hypervisor.folders, replace(LEFT, doing="wake"))
    monkeypatch.setattr(warm, "prove", fail)
    told: list[Event] = []
    run.progress = Progress(told.append)
    WarmStart().recover(run)
    assert [event.message for event in told if event.status == "failed"] == [
        "container web/redis does not pass its health check: no answer"
    ]
    assert under_way.read("lab", run.session.hypervisor.folders) is None


def test_guests_that_never_ran_cannot_be_started_alone(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_await_all", "discard"):
        monkeypatch.setattr(warm, name, lambda *_given: None)
    monkeypatch.setattr(warm, "runs", lambda *_given: False)
    run.only = "start"
    under_way.note("lab", run.session.hypervisor.folders, LEFT)
    with pytest.raises(CheckpointError, match="state: present"):
        WarmStart().recover(run)
