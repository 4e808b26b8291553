# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules of the KVM layer, run as Ansible runs them: a process of their own, arguments on standard input."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

COLLECTIONS = Path(__file__).parents[3] / "collections"
MODULES = COLLECTIONS / "ansible_collections/strata/kvm_docker/plugins/modules"

KEY_DIGEST = re.compile(r"authorized_key[^,]*")

#: Firmware that finds nothing to boot does not hear the power button, and never lets go of a device.
IMPATIENT = """
import runpy, sys
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm import domain, guest_live
domain.SHUTDOWN_TIMEOUT = guest_live.RELEASE_TIMEOUT = 0.5
runpy.run_path(sys.argv.pop(1), run_name="__main__")
"""


@dataclass(frozen=True, kw_only=True)
class Modules:
    """Modules with *defaults* as options of every call; *patient* where guests really boot."""

    defaults: Mapping[str, Any]
    patient: bool = False

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
        arguments = {**self.defaults, **options, "_ansible_check_mode": check, "_ansible_diff": True}
        done = subprocess.run(
            [sys.executable, *([] if self.patient else ["-c", IMPATIENT]), str(MODULES / f"{module}.py")],
            input=json.dumps({"ANSIBLE_MODULE_ARGS": arguments}),
            env={**os.environ, "PYTHONPATH": str(COLLECTIONS)},
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
        assert done.stdout.lstrip().startswith("{"), done.stdout + done.stderr
        return dict(json.loads(done.stdout))

    def four_phases(self, module: str, **options: Any) -> dict[str, Any]:
        """Check, run, check again, run again: the first two change, and tell the same changes. Returns the second."""
        announced = self.run(module, check=True, **options)
        made = self.run(module, **options)
        assert announced["changed"] is made["changed"] is True
        assert in_order(announced["plan"]) == in_order(made["plan"]) != []
        assert in_order(announced["diff"]) == in_order(made["diff"])
        self.stands(module, **options)
        return made

    def stands(self, module: str, **options: Any) -> None:
        """Neither a check nor a run has anything to change."""
        for check in (True, False):
            again = self.run(module, check=check, **options)
            assert (again["changed"], again["plan"]) == (False, [])


def in_order(items: list[dict[str, Any]]) -> list[str]:
    """Objects that do not need one another are worked on at once, in any order. The key of the first guest of an
    environment is made by the run, so a check cannot know its digest."""
    return sorted(KEY_DIGEST.sub("", json.dumps(item, sort_keys=True)) for item in items)


def actions(result: Mapping[str, Any]) -> list[str]:
    """``create network lan`` for each change."""
    return sorted(f"{change['action']} {change['kind']} {change['name']}" for change in result["plan"])


def causes(result: Mapping[str, Any]) -> dict[str, str]:
    """Why each leaf of the first change differs, by path."""
    return {difference["path"]: difference["cause"] for difference in result["plan"][0]["differences"]}
