# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the ``environment`` module and shows what it does while it does it, then a table of what there is."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible import constants
from ansible.plugins.action import ActionBase
from ansible_collections.strata.kvm_docker.plugins.plugin_utils import table
from ansible_collections.strata.kvm_docker.plugins.plugin_utils.follow import Follower
from ansible_collections.strata.kvm_docker.plugins.plugin_utils.screen import Screen

MODULE = "strata.kvm_docker.environment"
#: Callbacks that write lines for people to standard output; with any other one ours go to standard error.
FOR_PEOPLE = ("default", "minimal", "oneline")


class ActionModule(ActionBase):
    """The module runs as usual; only ``progress_file`` is added to its options."""

    TRANSFERS_FILES = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        variables = task_vars or {}
        screen = Screen(self._write, self._label(variables))
        work = self._run_here if self._connection.transport == "local" else self._run_there
        result.update(work(screen, variables))
        if not result.get("failed") and "plan" in result:
            for line in table.lines(result, check=self._task.check_mode):
                self._write(line)
        return result

    def _run_here(self, screen: Screen, task_vars: dict[str, Any]) -> Mapping[str, Any]:
        """In a folder of our own: in /tmp itself root may not append to another user's file (fs.protected_regular)."""
        with tempfile.TemporaryDirectory(prefix="strata-progress-") as folder:
            path = Path(folder) / "events"
            with Follower(path, screen.event, screen.tick):
                return self._execute(str(path), task_vars)

    def _run_there(self, screen: Screen, task_vars: dict[str, Any]) -> Mapping[str, Any]:
        self._write(f"{screen.label}the connection is not local: progress is shown at the end")
        result = self._execute("-", task_vars)
        for event in result.get("progress", ()):
            screen.event(event)
        return {key: value for key, value in result.items() if key != "progress"}

    def _execute(self, progress_file: str, task_vars: dict[str, Any]) -> dict[str, Any]:
        options = {**self._task.args, "progress_file": progress_file}
        returned: dict[str, Any] = self._execute_module(module_name=MODULE, module_args=options, task_vars=task_vars)
        if isinstance(returned.get("invocation"), dict):
            returned["invocation"].get("module_args", {}).pop("progress_file", None)
        return returned

    def _label(self, task_vars: Mapping[str, Any]) -> str:
        """The host's name where several work at once."""
        hosts = task_vars.get("ansible_play_hosts") or ()
        return f"{task_vars.get('inventory_hostname')} " if len(hosts) > 1 else ""

    def _write(self, line: str, color: str | None = None) -> None:
        callback = str(constants.config.get_config_value("DEFAULT_STDOUT_CALLBACK")).rpartition(".")[2]
        self._display.display(line, color=color, stderr=callback not in FOR_PEOPLE)
