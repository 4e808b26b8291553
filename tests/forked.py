# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Work in a process of its own that has the interpreter and the libraries of this one: loading them takes longest."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path

from ansible.module_utils import _internal


def forked(work: Callable[[], object], given: str = "") -> subprocess.CompletedProcess[str]:
    """What *work* prints, with *given* on its standard input; its status as Python's own, 1 where it raises."""
    with tempfile.TemporaryFile() as stdin, tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        stdin.write(given.encode())
        stdin.seek(0)
        child = os.fork()
        if child == 0:
            _become(work, [file.fileno() for file in (stdin, stdout, stderr)])
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        stdout.seek(0)
        stderr.seek(0)
        return subprocess.CompletedProcess([], status, stdout.read().decode(), stderr.read().decode())


def run_module(path: Path) -> None:
    """Be the Ansible module in the file of *path*."""
    sys.argv = [str(path)]
    _internal.is_controller = False  # tests of plugins made it one, and a controller shows warnings itself
    runpy.run_path(str(path), run_name="__main__")


def _become(work: Callable[[], object], files: list[int]) -> None:
    status: object = 1
    try:
        for number, file in enumerate(files):
            os.dup2(file, number)
        sys.stdin, sys.stdout, sys.stderr = (os.fdopen(number, mode) for number, mode in enumerate("rww"))
        work()
        status = 0
    except SystemExit as end:
        status = end.code
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status if isinstance(status, int) else 0)
