# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules of the Docker layer, run as Ansible runs them: a process of their own, arguments on standard input."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from forked import forked, run_module
from module_docs import undocumented

COLLECTIONS = Path(__file__).parents[3] / "collections"
MODULES = COLLECTIONS / "ansible_collections/strata/kvm_docker/plugins/modules"

#: On the lab's engine, with a shell.
IMAGE = "strata-test/plain:1"

#: Ends at once when it is told to.
SLEEP = ["sh", "-c", "trap 'exit 0' TERM; sleep 3600 & wait"]


@dataclass(frozen=True, kw_only=True)
class Modules:
    """Modules on one engine. ``defaults``: options of every call.

    ``enter``: what the process of a module does first; ``before``: a command that runs the module instead of a fork.
    """

    defaults: Mapping[str, Any]
    enter: Callable[[], object] | None = None
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
            return forked(partial(self._be, MODULES / f"{module}.py"), given)
        return subprocess.run(
            [*self.before, sys.executable, str(MODULES / f"{module}.py")],
            input=given,
            env={**os.environ, "PYTHONPATH": str(COLLECTIONS), **self.environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    def _be(self, module: Path) -> None:
        os.environ.update(self.environment)
        if self.enter:
            self.enter()
        run_module(module)

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
            assert (again["changed"], again["plan"]) == (False, []), again["plan"]


def sleeper(**keys: Any) -> dict[str, Any]:
    """A service that runs and ends at once when told to."""
    return {"image": IMAGE, "command": SLEEP, "stop_grace_period": "1s", **keys}


def actions(result: Mapping[str, Any]) -> list[str]:
    """``create docker_network backend`` for each change."""
    return [f"{change['action']} {change['kind']} {change['name']}" for change in result["plan"]]
