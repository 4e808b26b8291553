# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run did is kept, for the last runs, whatever becomes of the run; and keeping it fails no run."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils import run_record
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import StrataError
from ansible_collections.strata.kvm_docker.plugins.module_utils.masking import Masker
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.model import Key
from ansible_collections.strata.kvm_docker.plugins.module_utils.progress import Event, Progress
from ansible_collections.strata.kvm_docker.plugins.module_utils.run_record import KEPT, read_run, recording, run_files
from forked import forked

APP = Key("container", "app-1", "web")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "environments" / "lab" / "runs"


def record(folder: Path, *messages: str) -> list[Event]:
    """A run with a stage for each of *messages*; what was shown of it."""
    shown: list[Event] = []
    progress = Progress(shown.append)
    with recording("lab", "present", progress) as recorder:
        recorder.keep_in(folder)
        for message in messages:
            with progress.stage(str(APP), message, APP, ["guest web"]):
                progress.phase(str(APP), "starting")
    assert recorder.problems == ()
    return shown


def test_a_run_is_read_as_it_was_shown(folder: Path) -> None:
    shown = record(folder, "create: not there", "start: not running")
    (path,) = run_files(folder)
    found = read_run(path)
    assert list(found.events) == shown
    assert (found.environment, found.state, found.ended) == ("lab", "present", "done")
    assert found.seconds >= shown[-1].at
    assert (path.stat().st_mode & 0o777, folder.stat().st_mode & 0o777) == (0o600, 0o700)


def test_what_was_told_before_there_was_a_folder_is_kept_too(folder: Path) -> None:
    progress = Progress()
    with recording("lab", "present", progress) as recorder:
        progress.report("inputs", "start")
        assert run_files(folder) == []
        recorder.keep_in(folder)
        progress.report("inputs", "done")
    assert [event.status for event in read_run(*run_files(folder)).events] == ["start", "done"]


def test_a_run_that_never_named_a_folder_leaves_nothing(folder: Path) -> None:
    with recording("lab", "present", Progress()):
        pass
    assert not folder.parent.parent.exists()


def test_messages_are_masked_as_what_is_shown(folder: Path) -> None:
    progress = Progress()
    progress.mask = Masker(["hunter-22"])
    with recording("lab", "present", progress) as recorder:
        recorder.keep_in(folder)
        progress.report("image web/app", "start", "RUN login hunter-22")
        with progress.stage("image web/app", "RUN login hunter-22"):
            pass
    (path,) = run_files(folder)
    assert b"hunter" not in path.read_bytes()


def test_the_last_runs_are_kept_and_other_files_stay(folder: Path) -> None:
    for number in range(KEPT + 3):
        record(folder, f"run {number}")
        (folder / "note.txt").touch()
    assert [read_run(path).events[0].message for path in run_files(folder)] == [
        f"run {number}" for number in reversed(range(3, KEPT + 3))
    ]
    assert (folder / "note.txt").exists()


def test_a_failed_run_says_so(folder: Path) -> None:
    def run() -> None:
        with recording("lab", "present", Progress()) as recorder:
            recorder.keep_in(folder)
            raise StrataError("no space left")

    with pytest.raises(StrataError):
        run()
    assert read_run(*run_files(folder)).ended == "failed"


def test_a_killed_run_can_be_read(folder: Path) -> None:
    def work() -> None:
        progress = Progress()
        with recording("lab", "present", progress) as recorder:
            recorder.keep_in(folder)
            progress.report("guest web", "start")
            os.kill(os.getpid(), signal.SIGKILL)

    assert forked(work).returncode == -signal.SIGKILL
    found = read_run(*run_files(folder))
    assert (found.ended, [event.stage for event in found.events]) == ("cut", ["guest web"])


def test_half_a_line_at_the_end_is_left_out(folder: Path) -> None:
    shown = record(folder, "create: not there")
    (path,) = run_files(folder)
    whole = path.read_bytes()
    for length in range(whole.index(b"\n") + 1, len(whole)):
        path.write_bytes(whole[:length])
        found = read_run(path)
        assert list(found.events) == shown[: len(found.events)]
        assert found.ended == "cut"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "[]\n",
        "what\n",
        "{}\n",
        '{"environment": "lab", "state": "present", "began": "now"}\n',
        "\xff\n",
        "[" * 100_000 + "\n",
    ],
)
def test_another_file_is_refused_by_its_name(text: str, tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(StrataError, match=r"run\.jsonl.*Remove"):
        read_run(path)


@pytest.mark.parametrize(
    "line",
    [
        '{"at": "x", "stage": "a", "status": "start"}',
        '{"at": NaN, "stage": "a", "status": "start"}',
        '{"at": 1}',
        f'{{"at": 1{"0" * 400}, "stage": "a", "status": "start"}}',
        '{"at": Infinity, "ended": "done"}',
        '{"at": -1, "ended": "done"}',
    ],
)
def test_a_line_that_is_no_event_is_refused(line: str, folder: Path) -> None:
    record(folder)
    (path,) = run_files(folder)
    path.write_text(f"{path.read_text()}{line}\n")
    with pytest.raises(StrataError, match="no events of a run"):
        read_run(path)


def test_a_folder_that_cannot_be_had_fails_no_run(tmp_path: Path) -> None:
    (tmp_path / "lab").touch()
    shown: list[Event] = []
    progress = Progress(shown.append)
    with recording("lab", "present", progress) as recorder:
        recorder.keep_in(tmp_path / "lab" / "runs")
        progress.report("guest web", "start")
    assert [event.stage for event in shown] == ["guest web"]
    assert "strata timeline does not show it" in "".join(recorder.problems)


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The second write finds room for half of it."""
    write, calls = os.write, iter(range(100))

    def half(descriptor: int, data: bytes) -> int:
        return write(descriptor, data[: len(data) // 2] if next(calls) == 1 else data)

    monkeypatch.setattr(run_record.os, "write", half)
    yield
    monkeypatch.undo()


@pytest.mark.usefixtures("full_disk")
def test_a_full_disk_fails_no_run_and_leaves_what_was_written_before(folder: Path) -> None:
    progress = Progress()
    with recording("lab", "present", progress) as recorder:
        progress.report("inputs", "start")
        recorder.keep_in(folder)
        for _number in range(3):
            progress.report("inputs", "done")
    assert "no space left" in "".join(recorder.problems)
    found = read_run(*run_files(folder))
    assert ([event.status for event in found.events], found.ended) == (["start"], "cut")


def test_events_of_many_threads_are_all_whole(folder: Path) -> None:
    progress = Progress()
    with recording("lab", "present", progress) as recorder:
        recorder.keep_in(folder)
        threads = [
            threading.Thread(target=lambda: [progress.report("a b", "done", "x" * 500) for _each in range(50)])
            for _number in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    events = read_run(*run_files(folder)).events
    assert len(events) == 400
    assert {replace(event, at=0.0) for event in events} == {Event(0.0, "a b", "done", "x" * 500)}
