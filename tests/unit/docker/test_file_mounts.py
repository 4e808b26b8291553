# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which mounts are files of ours, and what is deleted of them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.compose import (
    FileReference,
    FileSource,
    Project,
    Service,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.replicas import Replica
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker import file_mounts
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.file_mounts import is_file_mount, prune
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest.local_shell import LocalShell
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.secrets import Seal


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


KEY, OTHER, NONE = Seal(b"k" * 32), Seal(b"o" * 32), Seal()


def replica(content: str = "4711") -> Replica:
    """A container with one secret."""
    pin = FileReference(source="pin", target="pin", uid=str(os.getuid()), gid=str(os.getgid()))
    service = Service(name="app", image="app:1", secrets=(pin,))
    secrets = {"pin": FileSource(name="pin", content=content)}
    return Replica(
        project=Project(name="p", file="", services={"app": service}, secrets=secrets), service=service, index=1
    )


def path(seal: Seal, content: str = "4711") -> str:
    (file,) = file_mounts.file_mounts(replica(content), seal)
    return file.path


def look(seal: Seal) -> file_mounts.FilesFound:
    return file_mounts.look(LocalShell(), [replica()], seal)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(file_mounts, "ROOT", tmp_path)
    return tmp_path


def test_who_knows_the_content_cannot_tell_the_name_without_the_key() -> None:
    assert len({path(KEY), path(OTHER), path(NONE)}) == 3
    assert path(KEY) == path(KEY)
    assert path(KEY) != path(KEY, "0815")


@pytest.mark.usefixtures("root")
def test_a_file_that_was_named_with_a_lost_key_is_known_by_its_content() -> None:
    file_mounts.write(LocalShell(), replica(), KEY)
    for now in (OTHER, NONE):
        assert look(now) == file_mounts.FilesFound(former={path(KEY): path(now)})
    Path(path(KEY)).chmod(0o644)
    assert look(OTHER) == file_mounts.FilesFound(states={path(OTHER): file_mounts.MISSING})


@pytest.mark.usefixtures("root")
def test_a_file_that_was_named_without_a_key_is_made_anew() -> None:
    file_mounts.write(LocalShell(), replica(), NONE)
    assert look(KEY) == file_mounts.FilesFound(states={path(KEY): file_mounts.MISSING})


@pytest.mark.usefixtures("root")
def test_an_edited_file_is_told_although_one_of_a_lost_key_is_beside_it() -> None:
    for seal in (KEY, OTHER):
        file_mounts.write(LocalShell(), replica(), seal)
    Path(path(KEY)).chmod(0o644)
    Path(path(KEY)).write_text("edited")
    assert look(KEY).states == {path(KEY): file_mounts.CHANGED}
    file_mounts.repair(LocalShell(), replica(), KEY)
    assert look(KEY).states == {}
