# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command ``strata lock`` as a pipeline calls it: exit status, words and the file."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from ansible_collections.strata.kvm_docker.cli.main import main
from forked import forked
from locked_environment import Lab, make_lab


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    lab = make_lab(tmp_path)
    lab.fill_store()
    lab.replace("compose/compose.yaml", '  pulled: {image: "redis:${TAG}"}\n', "")
    return lab


def strata(lab: Lab, *arguments: str) -> tuple[int, str, str]:
    def work() -> None:
        os.environ["STRATA_STATE"] = str(lab.folders.root)
        os.environ.pop("STRATA_IMAGES", None)
        os.chdir(lab.declaration.parent)
        sys.exit(main(arguments))

    done = forked(work)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout, done.stderr


def test_a_lock_is_made_checked_and_refreshed(lab: Lab) -> None:
    name = lab.declaration.name
    assert strata(lab, "lock", name) == (0, f"{lab.lock}: written\n", "")
    made = lab.lock.read_bytes()
    assert lab.lock.stat().st_mode & 0o777 == 0o644
    assert strata(lab, "lock", "--check", name) == (0, f"{lab.lock}: everything is as locked\n", "")
    assert strata(lab, "lock", name) == (0, f"{lab.lock}: unchanged\n", "")
    lab.write("app/main", "two\n")
    lab.write("compose/app.conf", "workers 5\n")
    status, told, _errors = strata(lab, "lock", "--check", name)
    assert (status, told.splitlines()[0]) == (1, f"{lab.lock}: 2 moved")
    assert [line.split(":")[0] for line in told.splitlines()[1:]] == [
        "  builds.web.web-app",
        "  files.compose/app.conf",
    ]
    assert lab.lock.read_bytes() == made
    status, refreshed, _errors = strata(lab, "lock", name)
    assert (status, refreshed.splitlines()[1:]) == (0, told.splitlines()[1:])
    assert strata(lab, "lock", "--check", name)[0] == 0
    assert sorted(path.name for path in lab.declaration.parent.iterdir() if "lock" in path.name) == [lab.lock.name]


def test_on_a_machine_that_has_no_images_the_lock_that_is_there_is_kept(lab: Lab, tmp_path: Path) -> None:
    strata(lab, "lock", lab.declaration.name)
    made = lab.lock.read_bytes()
    elsewhere = ("--state-folder", str(tmp_path / "elsewhere"))
    assert strata(lab, "lock", "--check", lab.declaration.name, *elsewhere)[0] == 0
    assert strata(lab, "lock", lab.declaration.name, *elsewhere) == (0, f"{lab.lock}: unchanged\n", "")
    lab.lock.unlink()
    status, _told, noted = strata(lab, "lock", lab.declaration.name, *elsewhere)
    assert (status, noted) == (
        0,
        "not known here yet, and left open: container_images.made:1.config, guest_images.debian13.content\n",
    )
    assert len(lab.lock.read_bytes()) < len(made)
    assert not (tmp_path / "elsewhere").exists()


def test_tags_of_registries_stay_open_where_no_engine_is_reached(lab: Lab) -> None:
    lab.replace("compose/compose.yaml", "  made:", '  pulled: {image: "redis:7"}\n  made:')
    lab.replace("lab.environment.yml", "images:\n  debian13", "hypervisor: {uri: 'nowhere:///x'}\nimages:\n  debian13")
    status, told, noted = strata(lab, "lock", lab.declaration.name)
    assert (status, told) == (0, f"{lab.lock}: written\n")
    assert "left open: container_images.redis:7.manifest" in noted
    assert "no engine was asked about tags of registries: " in noted
    assert strata(lab, "lock", "--check", lab.declaration.name)[0] == 0


def test_what_cannot_be_found_out_is_one_sentence_and_status_2(lab: Lab) -> None:
    name = lab.declaration.name
    assert strata(lab, "lock", "--check", name) == (
        2,
        "",
        f"strata: {lab.lock}: there is no lock. Make it with strata lock, or with lock: create.\n",
    )
    lab.lock.write_text("version: 7\n")
    for arguments in ((name,), ("--check", name)):
        status, told, error = strata(lab, "lock", *arguments)
        assert (status, told) == (2, "")
        assert error.startswith(f"strata: {lab.lock}:1: version: it must be 1; it is 7\n")
    assert lab.lock.read_text() == "version: 7\n"
    status, _told, error = strata(lab, "lock", "none.environment.yml")
    assert (status, "cannot be read: No such file or directory" in error) == (2, True)
    lab.replace(name, "debian13: {", "debian13: {bogus: 1, ")
    status, _told, error = strata(lab, "lock", "--check", name)
    assert (status, "unknown key 'bogus'" in error) == (2, True)


def test_an_input_that_is_gone_is_told_with_what_needs_it(lab: Lab) -> None:
    (lab.declaration.parent / "packed.tar").unlink()
    status, _told, error = strata(lab, "lock", lab.declaration.name)
    assert (status, "guest web, service packed: " in error, "no such file" in error) == (2, True, True)


@pytest.mark.parametrize("arguments", [(), ("lock",), ("lick", "x"), ("lock", "x", "--chick")])
def test_a_wrong_command_line_is_told_with_the_usage(arguments: tuple[str, ...], lab: Lab) -> None:
    status, _told, error = strata(lab, *arguments)
    assert (status, error.startswith("usage: strata")) == (2, True)


def test_a_folder_that_cannot_be_written_is_one_sentence(lab: Lab) -> None:
    lab.lock.with_name(f".{lab.lock.name}.new").mkdir()
    status, _told, error = strata(lab, "lock", lab.declaration.name)
    assert (status, error.startswith("strata: "), error.count("\n")) == (2, True, 1)
