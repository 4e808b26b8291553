# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A program that is bound to us ends with us, and is not begun after us."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from ansible_collections.strata.kvm_docker.plugins.module_utils.bound import bound

_STARTS = """
import subprocess, sys
from ansible_collections.strata.kvm_docker.plugins.module_utils.bound import bound
program = "trap 'exit 0' TERM; echo begun; while :; do sleep 0.05; done"
subprocess.run([*bound("TERM"), "sh", "-c", program], stdout=int(sys.argv[1]), close_fds=False)
"""


def test_it_ends_with_the_process_that_started_it() -> None:
    process = subprocess.Popen([sys.executable, "-c", _STARTS, "1"], stdout=subprocess.PIPE)
    assert process.stdout
    assert process.stdout.readline() == b"begun\n"
    process.kill()
    process.wait()
    assert process.stdout.read() == b""  # once nobody has its output open any more
    process.stdout.close()


def test_it_is_not_begun_where_that_process_has_ended_before_the_binding(tmp_path: Path) -> None:
    """Its parent is another then."""
    made = tmp_path / "made"
    subprocess.run([*bound("KILL"), "touch", made], check=True)
    assert made.exists()
    made.unlink()
    subprocess.run(["sh", "-c", '"$@"; true', "another", *bound("KILL"), "touch", made], check=True)
    assert not made.exists()
