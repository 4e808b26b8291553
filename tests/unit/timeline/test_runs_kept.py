# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole runs over kinds that are a dictionary: their events are kept, and the command draws them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.strata.kvm_docker.cli.main import main
from ansible_collections.strata.kvm_docker.plugins.module_utils import converge as front
from ansible_collections.strata.kvm_docker.plugins.module_utils import convergence as loop
from ansible_collections.strata.kvm_docker.plugins.module_utils import preparation
from ansible_collections.strata.kvm_docker.plugins.module_utils.converge import Options, Outcome, State, converge
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import ConvergeError, MovedError
from ansible_collections.strata.kvm_docker.plugins.module_utils.inputs import Inputs
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.model import Declared, Key, Need
from ansible_collections.strata.kvm_docker.plugins.module_utils.progress import Event, Progress
from ansible_collections.strata.kvm_docker.plugins.module_utils.run_record import read_run, run_files
from lab import root_folder
from locked_environment import Lab, make_lab
from toy_world import World

LAN, WEB = Key("network", "lan"), Key("guest", "web")
VOLUME = Key("docker_volume", "data", "web")
DB, APP = Key("container", "db", "web"), Key("container", "app", "web")
ON_WEB = Need(WEB, lives_on=True)
Up = Callable[..., Outcome]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    def opened(hypervisor: Any, environment: Any, guest: str, inputs: Inputs, progress: Progress, **_how: Any) -> Any:
        with progress.stage(str(WEB), "waiting for its engine", WEB, (str(WEB),), waits=True):
            progress.phase(str(WEB), "SSH")
        return SimpleNamespace(guest=guest, project=None, inputs=inputs, close=lambda: None)

    monkeypatch.setattr(preparation, "open_guest_engine", opened)
    monkeypatch.setattr(front.report, "guest_row", lambda guest, engine: {"name": guest.name})
    monkeypatch.setattr(loop, "unsettled", lambda engine, wanted: [])
    monkeypatch.setattr(loop, "domain_problem", lambda hypervisor, environment, guest: "")
    monkeypatch.setattr(front.LockUse, "of", lambda *_given: None)
    monkeypatch.setattr(loop.registry, "ask", lambda engine, which: {})
    declared = [
        Declared(LAN, {}),
        Declared(WEB, {}, needs=(Need(LAN),)),
        Declared(VOLUME, {}, needs=(ON_WEB,)),
        Declared(DB, {}, needs=(ON_WEB, Need(VOLUME))),
        Declared(APP, {}, needs=(ON_WEB, Need(DB, "healthy"))),
    ]
    return World(declared=declared).use(monkeypatch)


@pytest.fixture
def lab() -> Iterator[Lab]:
    with root_folder() as root:
        lab = make_lab(root)
        lab.on_test_driver()
        lab.fill_store()
        yield lab


@pytest.fixture
def up(lab: Lab, world: World) -> Up:
    def run(state: State = "present", **how: Any) -> Outcome:
        given: dict[str, Any] = {"folders": lab.folders, "progress": Progress(), **how}
        return converge(lab.declaration, state, Options(**given))

    return run


def drawn(lab: Lab, capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert main(["timeline", "lab", "--state-folder", str(lab.folders.root), "--format", "json", *arguments]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_a_run_is_kept_as_it_was_shown_and_drawn(up: Up, lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    shown: list[Event] = []
    up(progress=Progress(shown.append))
    (path,) = run_files(lab.folders.runs("lab"))
    assert list(read_run(path).events) == shown
    found = drawn(lab, capsys)
    needs = {span["stage"]: span["needs"] for span in found["spans"] if not span["waits"]}
    assert needs[str(WEB)] == [str(LAN)]
    assert needs[str(APP)] == [str(WEB), str(DB)]
    spans = [(span["stage"], span["what"]) for span in found["spans"]]
    assert spans.index((str(DB), "waiting until healthy")) < spans.index((str(APP), "create: not there"))
    assert {"inputs", "accelerator", "observe", "plan", "settle", "report"} <= needs.keys()
    assert (found["state"], found["ended"]) == ("present", "done")
    assert sum(piece["end"] - piece["begin"] for piece in found["critical_path"]) == pytest.approx(found["seconds"])


def test_each_run_over_an_environment_is_kept_but_previews(up: Up, lab: Lab) -> None:
    up(check=True)
    assert not lab.folders.environment("lab").exists()
    up()
    up("started")
    up("stopped")
    up(check=True)
    assert [read_run(path).state for path in run_files(lab.folders.runs("lab"))] == ["stopped", "started", "present"]


def test_a_run_that_failed_is_kept(up: Up, world: World, lab: Lab) -> None:
    world.failing.add(VOLUME)
    with pytest.raises(ConvergeError):
        up()
    found = read_run(*run_files(lab.folders.runs("lab")))
    assert found.ended == "failed"
    assert [event.stage for event in found.events if event.status == "failed"] == [str(VOLUME)]


def test_a_run_that_is_refused_before_it_touches_anything_leaves_nothing(
    up: Up, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_given: Any) -> Inputs:
        raise MovedError("it moved", [])

    monkeypatch.setattr(preparation, "resolve", refuse)
    with pytest.raises(MovedError):
        up()
    assert not lab.folders.environment("lab").exists()


def test_what_is_kept_goes_with_the_environment(up: Up, lab: Lab) -> None:
    up()
    up("absent")
    assert not lab.folders.environment("lab").exists()


def test_a_folder_that_cannot_be_written_is_warned_of_and_fails_no_run(up: Up, lab: Lab) -> None:
    lab.folders.environment("lab").mkdir(parents=True)
    lab.folders.runs("lab").touch()
    outcome = up()
    assert len(outcome.plan.changes) == 5
    assert any("the events of this run are not kept" in warning for warning in outcome.warnings)


def test_no_secret_is_in_what_is_kept(up: Up, lab: Lab) -> None:
    up()
    kept = b"".join(path.read_bytes() for path in run_files(lab.folders.runs("lab")))
    for secret in (b"tok-4711-inline", b"hunter2-in-env", b"key-in-a-file-0815", b"first line of a secret"):
        assert secret not in kept
