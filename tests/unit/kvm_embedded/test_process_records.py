# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Records of processes: unreadable or outdated ones stand for nothing."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm import processes


def own_record(path: Path) -> None:
    path.write_text(f"{processes.boot()}\n{Path('/proc/self/stat').read_text()}")


def test_a_record_names_the_process_that_wrote_it(tmp_path: Path) -> None:
    own_record(tmp_path / "me")
    assert processes.running(tmp_path / "me") == processes.find(os.getpid())


@pytest.mark.parametrize("content", ["", "boot", "boot\n", "boot\n12 (sh", "boot\nabc (sh) S 1"])
def test_a_record_that_was_cut_names_no_process(tmp_path: Path, content: str) -> None:
    (tmp_path / "cut").write_text(content)
    assert processes.recorded(tmp_path / "cut") is None


def test_a_missing_record_names_no_process(tmp_path: Path) -> None:
    assert processes.running(tmp_path / "none") is None


def test_a_name_with_spaces_and_parentheses_does_not_shift_the_fields(tmp_path: Path) -> None:
    fields = " ".join(["S", *map(str, range(1, 50))])
    (tmp_path / "odd").write_text(f"boot\n77 (a) b (c) {fields}\n")
    assert processes.recorded(tmp_path / "odd") == processes.Process(77, 19, "boot")


def test_a_process_id_that_was_reused_or_is_of_another_boot_is_not_alive() -> None:
    me = processes.find(os.getpid())
    assert me is not None
    assert me.alive()
    assert not replace(me, started=me.started - 1).alive()
    assert not replace(me, boot="another").alive()


def test_nobody_is_signalled_for_a_record_that_is_outdated() -> None:
    me = processes.find(os.getpid())
    assert me is not None
    processes.terminate([replace(me, started=me.started - 1)], grace=0)
    assert me.alive()
