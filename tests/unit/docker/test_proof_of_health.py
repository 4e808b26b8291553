# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which command proves health anew, and that it is run until it passes."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker import proof
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.engine import Engine
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import ContainerError


@pytest.mark.parametrize(
    ("test", "shell", "command"),
    [
        (["CMD", "redis-cli", "ping"], [], ["redis-cli", "ping"]),
        (["CMD-SHELL", "curl -f localhost || exit 1"], [], ["/bin/sh", "-c", "curl -f localhost || exit 1"]),
        (["CMD-SHELL", "true"], ["/bin/bash", "-ec"], ["/bin/bash", "-ec", "true"]),
        (["NONE"], [], []),
        ([], [], []),
    ],
)
def test_the_command_is_the_one_that_the_engine_runs(test: list[str], shell: list[str], command: list[str]) -> None:
    assert proof.check_of(test, shell) == command


class Client:
    """One healthy container, whose check ends with each of *statuses* in turn, and then with the last one."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.runs: list[list[str]] = []

    def containers(self, filters: dict[str, str]) -> list[dict[str, Any]]:
        assert filters == {"health": "healthy"}
        return [{"Id": "c1"}]

    def inspect_container(self, identity: str) -> dict[str, Any]:
        return {"Name": "/web-1", "Config": {"Healthcheck": {"Test": ["CMD", "check"]}}}

    def exec_create(self, identity: str, command: list[str]) -> dict[str, str]:
        self.runs.append(command)
        return {"Id": "e1"}

    def exec_start(self, identity: str) -> bytes:
        return b"no answer\n"

    def exec_inspect(self, identity: str) -> dict[str, int]:
        return {"ExitCode": self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]}


def engine(client: Any) -> Engine:
    return Engine(guest="web", environment="lab", client=client)


def test_a_check_that_passes_later_is_a_proof(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proof, "_PAUSE", 0.0)
    client = Client(1, 1, 0)
    proof.prove_health(engine(client))
    assert client.runs == [["check"]] * 3


def test_one_that_does_not_pass_is_an_error_with_what_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proof, "_PATIENCE", 0.0)
    with pytest.raises(ContainerError, match="container web/web-1 does not pass its health check: no answer"):
        proof.prove_health(engine(Client(1)))
