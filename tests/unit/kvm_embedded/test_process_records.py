# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Records of processes: unreadable or outdated ones stand for nothing. Orphans of some are collected when they end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
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


#: Its first thread ends and is a zombie; another one holds its files.
_HEADLESS = """
import ctypes, threading, time
threading.Thread(target=time.sleep, args=(60,)).start()
print("threads", flush=True)
ctypes.CDLL(None).syscall(60, 0)
"""


def test_a_process_whose_first_thread_has_ended_is_alive_until_the_last_one_has() -> None:
    with subprocess.Popen([sys.executable, "-c", _HEADLESS], stdout=subprocess.PIPE, text=True) as started:
        assert started.stdout
        assert started.stdout.readline() == "threads\n"
        while fields(started.pid)[0] != "Z":
            time.sleep(0.01)
        found = processes.find(started.pid)
        assert found
        assert found.alive()
        processes.terminate([found])
        assert not found.alive()
        assert fields(started.pid)[0] == "Z"  # not collected yet


def fields(pid: int) -> list[str]:
    """Of /proc/<pid>/stat, those after the name: state, parent and so on (proc(5))."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def test_nobody_is_signalled_for_a_record_that_is_outdated() -> None:
    me = processes.find(os.getpid())
    assert me is not None
    processes.terminate([replace(me, started=me.started - 1)], grace=0)
    assert me.alive()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_an_orphan_is_collected_as_it_ends_and_the_program_ends_with_what_was_started(number: int) -> None:
    """The first process of this machine may be slow to collect it."""
    script = "sh -c 'sleep 0.3 & echo $!'; echo $$; exec sleep 60"
    argv = processes.reaping(["sh", "-c", script])
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as started:
        assert started.stdout
        orphan, program = (int(started.stdout.readline()) for _ in range(2))
        assert fields(orphan)[1] == str(started.pid)
        assert gone(orphan, 5)
        started.send_signal(number)
        started.wait(5)
        found = processes.find(program)
        assert found is None or gone(program, 5) or not found.alive()


def gone(pid: int, seconds: float) -> bool:
    until = time.monotonic() + seconds
    while Path(f"/proc/{pid}").exists() and time.monotonic() < until:
        time.sleep(0.01)
    return not Path(f"/proc/{pid}").exists()
