# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules by which tools/pulumi/build keeps what it builds; its recipe is replaced by one that takes no time."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[3]

#: Makes two tools, one after the other, and writes down that it began.
TOY_STEPS = """
first() {
    echo begun >>"$TOY/journal"
    until [ ! -e "$TOY/held" ]; do sleep 0.05; done
    [ ! -e "$TOY/broken" ]
    printf '#!/bin/sh\\necho toy\\n' >"$1"
    chmod 755 "$1"
}
steps() {
    quietly first first "$1/first"
    quietly second cp "$1/first" "$1/second"
}
"""


@dataclass
class Clone:
    """A clone with the toy recipe, a cache folder of its own, and a Go that only tells its version."""

    folder: Path
    place: str = ""

    def make(self) -> None:
        shutil.copytree(REPOSITORY / "tools/pulumi", self.folder / "tools/pulumi")
        shutil.copy(REPOSITORY / "tools/quietly.sh", self.folder / "tools")
        for part in (self.folder / "tools/pulumi/recipe").iterdir():
            shutil.rmtree(part) if part.is_dir() else part.unlink()
        (self.folder / "tools/pulumi/recipe/toy").mkdir()
        (self.folder / "tools/pulumi/recipe/toy/go.mod").write_text("module toy\n\ngo 1.26\n")
        (self.folder / "tools/pulumi/recipe/steps.sh").write_text(TOY_STEPS)
        self.install_go("1.26.8")

    def install_go(self, version: str) -> None:
        program = self.folder / "path/go"
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!/bin/sh\nprintf 'go{version}\\nlinux\\namd64\\n'\n")
        program.chmod(0o755)

    @property
    def cache(self) -> Path:
        return self.folder / "cache"

    @property
    def held(self) -> Path:
        """The first step does not end as long as this file is there."""
        return self.folder / "held"

    def start(self, *argv: str) -> subprocess.Popen[str]:
        environment = os.environ | {
            "PATH": f"{self.folder}/path:/usr/bin:/bin",
            "STRATA_CACHE": self.place or str(self.cache),
            "TOY": str(self.folder),
        }
        return subprocess.Popen(
            [self.folder / "tools/pulumi/build", *argv],
            env=environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    def run(self, *argv: str) -> subprocess.CompletedProcess[str]:
        started = self.start(*argv)
        out, err = started.communicate(timeout=60)
        return subprocess.CompletedProcess(argv, started.returncode, out, err)

    def build(self) -> Path:
        """Folder of the binaries, as it is told to people and to programs."""
        built = self.run()
        assert built.returncode == 0, built.stderr
        asked = self.run("--path")
        assert asked.returncode == 0, asked.stderr
        assert built.stdout.splitlines()[-1] == f"strata: Pulumi's tools are in {asked.stdout.strip()}"
        return Path(asked.stdout.strip())

    def builds(self) -> int:
        """How often the steps were begun."""
        journal = self.folder / "journal"
        return journal.read_text().count("begun") if journal.exists() else 0

    def until_begun(self, builds: int = 1) -> None:
        deadline = time.monotonic() + 30
        while self.builds() < builds and time.monotonic() < deadline:
            time.sleep(0.01)
        assert self.builds() == builds

    def is_as_built(self, binaries: Path) -> bool:
        tools = {
            tool.name: subprocess.run([tool], capture_output=True, check=True).stdout for tool in binaries.iterdir()
        }
        kept = {path.name for path in (self.cache / "pulumi").iterdir()}
        return tools == {"first": b"toy\n", "second": b"toy\n"} and kept == {binaries.parent.name, "lock"}


def until_it_waits(build: subprocess.Popen[str]) -> None:
    assert build.stdout is not None
    assert "another build is at work" in build.stdout.readline()


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    made = Clone(tmp_path)
    made.make()
    return made


def test_what_was_built_is_built_once(clone: Clone) -> None:
    binaries = clone.build()
    assert clone.is_as_built(binaries)
    assert clone.build() == binaries
    assert clone.builds() == 1


def test_before_the_build_no_folder_is_told_and_nothing_is_made(clone: Clone) -> None:
    asked = clone.run("--path")
    assert (asked.returncode, asked.stdout) == (1, "")
    assert "make pulumi-tools" in asked.stderr
    assert not clone.cache.exists()


def test_another_recipe_and_another_go_have_folders_of_their_own(clone: Clone) -> None:
    folders = [clone.build()]
    (clone.folder / "tools/pulumi/recipe/toy/go.sum").write_text("more\n")
    folders.append(clone.build())
    clone.install_go("1.27.0")
    folders.append(clone.build())
    assert len(set(folders)) == clone.builds() == 3
    assert all(folder.is_dir() for folder in folders)


def flip_a_bit(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def replace_by_link(file: Path) -> None:
    """To a copy, so that nothing differs as yet."""
    copy = file.parents[3] / "copy"
    shutil.move(file, copy)
    file.symlink_to(copy)


@pytest.mark.parametrize(
    "break_it",
    [
        lambda binaries: flip_a_bit(binaries / "second"),
        lambda binaries: flip_a_bit(binaries.parent / "SHA256SUMS"),
        lambda binaries: (binaries / "first").unlink(),
        lambda binaries: (binaries / "third").touch(),
        lambda binaries: (binaries.parent / "SHA256SUMS").unlink(),
        lambda binaries: (binaries.parent / "SHA256SUMS").write_text(""),
        lambda binaries: shutil.rmtree(binaries),
        lambda binaries: (binaries / "second").chmod(0o644),
        lambda binaries: replace_by_link(binaries / "second"),
        lambda binaries: (binaries / "folder").mkdir(),
    ],
    ids=[
        "flipped bit",
        "flipped bit in the sums",
        "file gone",
        "file more",
        "no sums",
        "empty sums",
        "no binaries",
        "not executable",
        "link",
        "folder",
    ],
)
def test_what_is_not_as_it_was_built_is_found_and_built_anew(clone: Clone, break_it: Callable[[Path], object]) -> None:
    binaries = clone.build()
    break_it(binaries)
    assert clone.run("--path").returncode == 1
    again = clone.run()
    assert f"{binaries.parent} is not what was built; building it anew" in again.stdout
    assert clone.is_as_built(binaries)
    assert clone.builds() == 2


def test_a_folder_in_place_of_the_note_is_left_empty(clone: Clone) -> None:
    binaries = clone.build()
    note = binaries.parent / "verified"
    note.unlink()
    note.mkdir()

    assert clone.build() == binaries
    assert {path.name for path in binaries.parent.iterdir()} == {"bin", "SHA256SUMS", "verified"}
    assert list(note.iterdir()) == []


def test_a_cache_folder_is_named_from_where_somebody_is(clone: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(clone.folder)
    (clone.folder / "deep").mkdir()
    clone.place = "deep/../cache"

    assert clone.is_as_built(clone.build())


def test_of_two_builds_at_once_one_builds_and_the_other_waits_for_it(clone: Clone) -> None:
    clone.held.touch()
    first = clone.start()
    clone.until_begun()
    second = clone.start()
    until_it_waits(second)
    clone.held.unlink()
    told, err = first.communicate(timeout=60)
    waited, more_err = second.communicate(timeout=60)
    assert (first.returncode, second.returncode) == (0, 0), err + more_err
    assert "another build" not in told
    assert waited.splitlines()[-1] == told.splitlines()[-1]
    assert clone.builds() == 1


@pytest.mark.parametrize("milliseconds", range(0, 800, 80))
def test_a_build_that_is_killed_at_any_point_leaves_the_next_one_to_do_it(clone: Clone, milliseconds: int) -> None:
    killed = clone.start()
    time.sleep(milliseconds / 1000)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.communicate(timeout=60)
    asked = clone.run("--path")
    assert asked.returncode == 1 or clone.is_as_built(Path(asked.stdout.strip()))
    assert clone.is_as_built(clone.build())


def test_what_a_killed_build_still_runs_is_waited_for(clone: Clone) -> None:
    clone.held.touch()
    killed = clone.start()
    clone.until_begun()
    killed.kill()
    killed.wait(timeout=60)
    again = clone.start()
    until_it_waits(again)
    clone.held.unlink()
    _, err = again.communicate(timeout=60)
    assert again.returncode == 0, err
    assert clone.is_as_built(clone.build())
    killed.communicate(timeout=60)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_build_that_is_asked_to_end_ends_what_it_runs(clone: Clone, number: signal.Signals, status: int) -> None:
    clone.held.touch()
    stopped = clone.start()
    clone.until_begun()
    time.sleep(0.3)
    began = time.monotonic()
    stopped.send_signal(number)
    assert stopped.wait(timeout=60) == status
    stopped.communicate(timeout=60)
    # The pipes are closed: nobody is left who has them, or the lock.
    assert time.monotonic() - began < 5
    clone.held.unlink()
    assert clone.is_as_built(clone.build())


def test_a_step_that_fails_leaves_nothing_that_could_be_taken_for_whole(clone: Clone) -> None:
    (clone.folder / "broken").touch()
    failed = clone.run()
    assert failed.returncode == 1
    assert "first failed; the whole output is in build/bootstrap.log" in failed.stderr
    assert clone.run("--path").returncode == 1


@pytest.mark.parametrize("argv", [(), ("--path",)])
def test_a_machine_whose_go_is_too_old_is_told_so_in_one_line(clone: Clone, argv: tuple[str, ...]) -> None:
    clone.install_go("1.25.11")
    refused = clone.run(*argv)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == (
        f"strata: Pulumi's tools are built with Go 1.26 or newer, and {clone.folder}/path/go is 1.25.11. "
        "Install a newer one\n"
    )


def test_a_machine_without_go_is_told_so_in_one_line(clone: Clone) -> None:
    (clone.folder / "path/go").unlink()
    refused = clone.run()
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith("strata: Pulumi's tools are built with Go 1.26 or newer, and there is no")
    assert refused.stderr.count("\n") == 1


def test_a_cache_folder_that_cannot_be_written_to_is_told_in_one_line(clone: Clone) -> None:
    clone.cache.write_text("a file is in the way")
    refused = clone.run()
    assert refused.returncode == 1
    assert refused.stderr == (
        f"strata: {clone.cache}/pulumi cannot be written to. "
        "Run as root, or name another cache folder: STRATA_CACHE=/path/to/folder\n"
    )
