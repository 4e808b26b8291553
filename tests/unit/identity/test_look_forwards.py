# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Published ports, by their records and by processes that really listen."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import kvm_lab
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.environment import Environment
from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.compare import Verdict, compare
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.fingerprint import Fingerprint
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.look.forwards import forward_branches
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.look.names import derived_names
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.tokens import Tokens
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm import processes, sockets
from made_fingerprint import made

LAB, OTHER = kvm_lab.environment("lab"), kvm_lab.environment("quite-another")


@contextmanager
def listening(folder: Path) -> Iterator[tuple[int, Path]]:
    """A process of ours that listens on a port of the loopback: the port, and the record of the process."""
    with socket.create_server((sockets.LOOPBACK, 0)) as server:
        process = processes.spawn(["sleep", "60"], folder / "process", folder / "log", stdin=server.fileno())
        port: int = server.getsockname()[1]
    try:
        yield port, folder / "process"
    finally:
        processes.terminate(processes.in_session(process))


def published(folders: Folders, environment: Environment, port: int, record: Path | None, **spec: Any) -> None:
    """Write what a forward of *port* leaves in the environment's folder; *record*: of its process."""
    folder = folders.environment(environment.name) / "forwards"
    folder.mkdir(parents=True, exist_ok=True)
    told = {"guest": "web", "address": str(environment.guests["web"].address), "port": 80, **spec}
    (folder / f"{port}.json").write_text(json.dumps(told))
    if record:
        (folder / f"{port}.process").write_text(record.read_text())


def look(folders: Folders, environment: Environment) -> Fingerprint:
    hypervisor: Any = SimpleNamespace(folders=folders, netns=None)
    tokens = Tokens(derived_names(environment))
    return made(*forward_branches(hypervisor, environment.name), tokens=tokens)


def leaves(found: Fingerprint) -> dict[str, Any]:
    return {leaf.path: leaf.value for leaf in found.leaves}


def test_a_forward_whose_process_was_ended_is_a_difference(tmp_path: Path) -> None:
    folders = Folders(tmp_path)
    with listening(tmp_path) as (port, record):
        published(folders, LAB, port, record)
        before = look(folders, LAB)
    after = look(folders, LAB)
    assert leaves(before)["forwards/web/80/{address web lan}/listening"] == 1
    told = compare(before, after)
    assert told.verdict is Verdict.DIFFERENT
    assert [each.path for each in told.differences] == ["forwards/web/80/{address web lan}/listening"]
    assert "is not listened on" in told.differences[0].cause


def test_other_ports_of_the_hypervisor_are_equivalent(tmp_path: Path) -> None:
    found = []
    for environment in (LAB, OTHER):
        folder = tmp_path / environment.name
        folder.mkdir()
        with listening(folder) as (port, record):
            published(Folders(folder), environment, port, record)
            found.append(look(Folders(folder), environment))
            assert leaves(found[-1])[f"identity/forwards/web/80/127.0.0.1:{port}"] == "forwarded"
    assert compare(*found).verdict is Verdict.EQUIVALENT


def test_two_ports_that_lead_to_one_of_a_guest_are_both_told(tmp_path: Path) -> None:
    folders = Folders(tmp_path)
    with listening(tmp_path) as (port, record):
        published(folders, LAB, port, record)
        published(folders, LAB, port + 1, None)
        found = look(folders, LAB)
    assert found.unknown == ()
    assert leaves(found)["forwards/web/80/{address web lan}/ports"] == 2
    assert leaves(found)["forwards/web/80/{address web lan}/listening"] == 1


def test_a_forward_that_leads_elsewhere_is_a_difference(tmp_path: Path) -> None:
    folders, port = Folders(tmp_path), 8080
    published(folders, LAB, port, None)
    before = look(folders, LAB)
    published(folders, LAB, port, None, address="192.0.2.9")
    assert compare(before, look(folders, LAB)).verdict is Verdict.DIFFERENT


def test_a_record_that_nobody_can_read_is_told_too(tmp_path: Path) -> None:
    folders = Folders(tmp_path)
    published(folders, LAB, 8080, None)
    (folders.environment("lab") / "forwards" / "8080.json").write_text("{")
    assert leaves(look(folders, LAB))["forwards/unreadable/unreadable/unreadable/ports"] == 1


def test_without_published_ports_there_is_nothing(tmp_path: Path) -> None:
    published(Folders(tmp_path), replace(LAB, name="beside"), 8080, None)
    assert look(Folders(tmp_path), LAB).leaves == ()
