# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which mounts are files of ours, and what is deleted of them."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.file_mounts import is_file_mount, prune


class Recorder:
    """A guest's shell that runs nothing."""

    def __init__(self) -> None:
        self.commands: list[str] = []

    def run(self, command: str, stdin: bytes | None = None, timeout: float = 60) -> bytes:
        self.commands.append(command)
        return b""

    def write_file(self, path: str, content: bytes, mode: int) -> None:
        raise AssertionError(path)

    def close(self) -> None:
        """Nothing to close."""


def bind(source: str, read_only: bool = True) -> dict[str, Any]:
    return {"Type": "bind", "Source": source, "ReadOnly": read_only}


def made_with(*sources: str) -> dict[str, Any]:
    return {"HostConfig": {"Mounts": {f"/{index}": bind(source) for index, source in enumerate(sources)}}}


def test_a_read_only_file_of_a_container_s_folder_is_ours() -> None:
    assert is_file_mount(bind("/var/lib/strata/p/p-app-1/key-0f"))


@pytest.mark.parametrize(
    "mount",
    [
        bind("/var/lib/strata/p/p-app-1/key-0f", read_only=False),
        bind("/var/lib/strata/pgdata"),
        bind("/var/lib/strata/p/pgdata"),
        bind("/var/lib/strata/p/p-app-1/pg/data"),
        bind("/var/lib/strata/../p/p-app-1"),
        bind("/srv/strata/p/p-app-1/key-0f"),
        {"Type": "volume", "Source": None, "ReadOnly": True},
    ],
    ids=str,
)
def test_another_mount_is_not(mount: dict[str, Any]) -> None:
    assert not is_file_mount(mount)


def test_only_the_folder_of_the_container_is_deleted() -> None:
    shell = Recorder()
    prune(shell, "p-app-1", [made_with("/var/lib/strata/p/p-app-1/key-0f", "/var/lib/strata/pgdata", "/srv")])
    prune(shell, "p-app-1", [made_with("/var/lib/strata/p/p-other-1/key-0f")])
    assert shell.commands == ["rm -rf /var/lib/strata/p/p-app-1"] * 2


def test_files_that_are_kept_are_not_deleted() -> None:
    shell = Recorder()
    old, new = "/var/lib/strata/p/p-app-1/key-0f", "/var/lib/strata/p/p-app-1/key-1e"
    prune(shell, "p-app-1", [made_with(old), made_with(new)], frozenset({new}))
    folder = "/var/lib/strata/p/p-app-1"
    assert shell.commands == [f"test ! -d {folder} || find {folder} -type f ! -path {new} -delete"]


def test_a_container_without_files_has_nothing_deleted() -> None:
    shell = Recorder()
    prune(shell, "p-app-1", [made_with("/var/lib/strata/pgdata"), {}])
    assert shell.commands == []
