# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action plugin around the module: live lines, and results that callbacks see as the module returned them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.strata.kvm_docker.plugins.action.environment import ActionModule

RESULT: dict[str, Any] = {"changed": True, "environment": "two_hosts", "plan": [], "guests": [], "seconds": {}}
FAILED = {"at": 1.0, "stage": "guest web", "status": "failed", "message": "", "fraction": None}

Module = Callable[[dict[str, Any]], dict[str, Any]]


class Display:
    def __init__(self) -> None:
        self.out: list[str] = []
        self.err: list[str] = []

    def display(self, line: str, color: str | None = None, stderr: bool = False) -> None:
        (self.err if stderr else self.out).append(line)


class Action:
    """The plugin with a module of the test's own in place of the real one."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, module: Module, transport: str = "local") -> None:
        self.display = Display()
        shell = SimpleNamespace(tmpdir="/nonexistent")
        task = SimpleNamespace(args={"declaration": "/x"}, async_val=0, check_mode=False, action="environment")
        connection = SimpleNamespace(transport=transport, _shell=shell)
        self.plugin = ActionModule(task, connection, None, None, None, None)
        self.plugin._display = self.display
        monkeypatch.setattr(self.plugin, "_execute_module", lambda **call: module(call["module_args"]))

    def run(self, hosts: tuple[str, ...] = ("localhost",)) -> dict[str, Any]:
        return self.plugin.run(None, {"inventory_hostname": hosts[0], "ansible_play_hosts": list(hosts)})


def working(options: dict[str, Any]) -> dict[str, Any]:
    with Path(options["progress_file"]).open("a") as stream:
        stream.write(json.dumps(FAILED) + "\n")
    return dict(RESULT)


def failing(options: dict[str, Any]) -> dict[str, Any]:
    return working(options) | {"failed": True, "msg": "guest web does not boot"}


def remote(options: dict[str, Any]) -> dict[str, Any]:
    assert options["progress_file"] == "-"
    return RESULT | {"progress": [FAILED]}


def test_progress_is_shown_before_the_outcome(monkeypatch: pytest.MonkeyPatch) -> None:
    action = Action(monkeypatch, working)
    action.run()
    assert action.display.out == ["[   1.0 s] guest web: failed", "two_hosts: nothing to change in 0.0 s"]


def test_the_result_is_the_modules_own(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Action(monkeypatch, working).run() == RESULT
    assert Action(monkeypatch, remote, "ssh").run() == RESULT


def test_a_failure_is_passed_on_and_has_no_table(monkeypatch: pytest.MonkeyPatch) -> None:
    action = Action(monkeypatch, failing)
    assert action.run()["msg"] == "guest web does not boot"
    assert action.display.out == ["[   1.0 s] guest web: failed"]


def test_progress_over_a_remote_connection_is_shown_at_the_end_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    action = Action(monkeypatch, remote, "ssh")
    action.run()
    assert action.display.out[0] == "the connection is not local: progress is shown at the end"
    assert action.display.out[1] == "[   1.0 s] guest web: failed"


def test_standard_output_is_left_to_a_callback_for_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANSIBLE_STDOUT_CALLBACK", "ansible.posix.json")
    action = Action(monkeypatch, working)
    action.run()
    assert action.display.out == []
    assert len(action.display.err) == 2


def test_lines_name_the_host_where_several_work_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    action = Action(monkeypatch, working)
    action.run(("alpha", "beta"))
    assert action.display.out[0] == "[alpha    1.0 s] guest web: failed"


def test_the_options_of_the_task_stay_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    action = Action(monkeypatch, working)
    action.run()
    assert action.plugin._task.args == {"declaration": "/x"}
