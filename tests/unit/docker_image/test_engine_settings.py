# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of an engine: what a difference takes, and what is read from the guest's files."""

from __future__ import annotations

import base64
from typing import Any, cast

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.daemon_file import DaemonFile
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.settings import Settings
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import EngineError, GuestError
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.model import Difference, Effect


class PrintingShell:
    """A guest whose every command prints the same, or fails."""

    def __init__(self, *printed: bytes, error: str = "") -> None:
        self.printed = b"".join(base64.b64encode(line) + b"\n" for line in printed)
        self.error = error
        self.commands: list[str] = []

    def run(self, command: str, stdin: bytes | None = None, timeout: float = 60) -> bytes:
        self.commands.append(command)
        if self.error and command.startswith("dockerd"):
            raise GuestError(self.error)
        return self.printed

    def write_file(self, path: str, content: bytes, mode: int) -> None:
        self.commands.append(f"write {path}")


def file(*printed: bytes, error: str = "") -> DaemonFile:
    return DaemonFile(cast(Any, PrintingShell(*printed, error=error)))


@pytest.mark.parametrize(
    ("path", "after", "effect"),
    [
        (("settings", "debug"), True, Effect.IN_PLACE),
        (("settings", "features", "buildkit"), False, Effect.IN_PLACE),
        (("settings", "debug"), None, Effect.RESTART),
        (("settings", "log-driver"), "local", Effect.RESTART),
        (("settings",), {}, Effect.RESTART),
    ],
)
def test_what_dockerd_reloads_needs_no_restart_unless_it_is_taken_away(
    path: tuple[str, ...], after: Any, effect: Effect
) -> None:
    assert Settings().effect(Difference(path, "before", after, "declaration")) is effect


def test_no_file_is_no_setting() -> None:
    files = file(b"", b"", b"").read()
    assert files.in_force == {}
    assert files.marked is None


def test_while_a_replacement_is_not_taken_over_the_old_file_is_in_force() -> None:
    assert file(b'{"debug": true}', b"{}", b'{"debug": false}').read().in_force == {"debug": False}


@pytest.mark.parametrize(("content", "words"), [(b"{", "not JSON"), (b"[]", "not a mapping"), (b"\xff", "not JSON")])
def test_a_file_that_cannot_be_read_is_a_difference(content: bytes, words: str) -> None:
    assert words in str(file(content, content, b"").read().in_force)


def test_what_dockerd_refuses_is_told_and_nothing_is_replaced() -> None:
    refusing = file(error="unable to configure the Docker daemon: no such key")
    with pytest.raises(EngineError, match="no such key"):
        refusing.check(b"{}")
    assert not any(" mv " in command for command in cast(Any, refusing.shell).commands)


def test_an_engine_that_cannot_validate_is_asked_by_starting_it() -> None:
    file(error="unknown flag: --validate").check(b"{}")
