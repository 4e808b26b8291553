# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules of the Docker layer, run as Ansible runs them: a process of their own, arguments on standard input."""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible.module_utils import _internal
from module_docs import undocumented

COLLECTIONS = Path(__file__).parents[3] / "collections"
MODULES = COLLECTIONS / "ansible_collections/strata/kvm_docker/plugins/modules"

#: On the lab's engine, with a shell.
IMAGE = "strata-test/plain:1"

#: Ends at once when it is told to.
SLEEP = ["sh", "-c", "trap 'exit 0' TERM; sleep 3600 & wait"]


@dataclass(frozen=True, kw_only=True)
class Modules:
    """Modules on one engine. ``before``: a command that runs the module, ``defaults``: options of every call."""

    defaults: Mapping[str, Any]
    before: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)

    def run(self, module: str, check: bool = False, **options: Any) -> dict[str, Any]:
        """What the module returns; an error with its words where it fails."""
        result = self.ran(module, check, **options)
        assert not result.get("failed"), result
        return result

    def refused(self, module: str, check: bool = False, **options: Any) -> str:
        """The words with which the module fails, which it must."""
        result = self.ran(module, check, **options)
        assert result.get("failed"), result
        assert "exception" not in result, result["exception"]
        return str(result["msg"])

    def ran(self, module: str, check: bool = False, **options: Any) -> dict[str, Any]:
        done = self.process(module, check, **options)
        assert done.stdout.lstrip().startswith("{"), done.stdout + done.stderr
        result = dict(json.loads(done.stdout))
        assert undocumented(module, result) == []
        return result

    def process(self, module: str, check: bool = False, **options: Any) -> subprocess.CompletedProcess[str]:
        arguments = {**self.defaults, **options, "_ansible_check_mode": check, "_ansible_diff": True}
        given = json.dumps({"ANSIBLE_MODULE_ARGS": arguments})
        if not self.before:
            return forked(MODULES / f"{module}.py", given)
        return subprocess.run(
            [*self.before, sys.executable, str(MODULES / f"{module}.py")],
            input=given,
            env={**os.environ, "PYTHONPATH": str(COLLECTIONS), **self.environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    def four_phases(self, module: str, **options: Any) -> dict[str, Any]:
        """Check, run, check again, run again: the first two change, and tell the same changes. Returns the second."""
        announced = self.run(module, check=True, **options)
        made = self.run(module, **options)
        assert announced["changed"] is made["changed"] is True
        assert announced["plan"] == made["plan"], (announced["plan"], made["plan"])
        assert made["plan"]
        assert announced["diff"] == made["diff"]
        self.stands(module, **options)
        return made

    def stands(self, module: str, **options: Any) -> None:
        """Neither a check nor a run has anything to change."""
        for check in (True, False):
            again = self.run(module, check=check, **options)
            assert (again["changed"], again["plan"]) == (False, [])


def forked(module: Path, given: str) -> subprocess.CompletedProcess[str]:
    """*module* in a process of its own that has the interpreter and the libraries of this one: most of its time."""
    with tempfile.TemporaryFile() as stdin, tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        stdin.write(given.encode())
        stdin.seek(0)
        child = os.fork()
        if child == 0:
            _become(module, [file.fileno() for file in (stdin, stdout, stderr)])
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        stdout.seek(0)
        stderr.seek(0)
        return subprocess.CompletedProcess([str(module)], status, stdout.read().decode(), stderr.read().decode())


def _become(module: Path, files: list[int]) -> None:
    status: object = 1
    try:
        for number, file in enumerate(files):
            os.dup2(file, number)
        sys.stdin, sys.stdout, sys.stderr = (os.fdopen(number, mode) for number, mode in enumerate("rww"))
        sys.argv = [str(module)]
        _internal.is_controller = False  # tests of plugins made it one, and a controller shows warnings itself
        runpy.run_path(str(module), run_name="__main__")
    except SystemExit as end:
        status = end.code
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status if isinstance(status, int) else 0)


def sleeper(**keys: Any) -> dict[str, Any]:
    """A service that runs and ends at once when told to."""
    return {"image": IMAGE, "command": SLEEP, "stop_grace_period": "1s", **keys}


def actions(result: Mapping[str, Any]) -> list[str]:
    """``create docker_network backend`` for each change."""
    return [f"{change['action']} {change['kind']} {change['name']}" for change in result["plan"]]
