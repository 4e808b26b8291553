# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Notes of what was applied to containers: one for each, found from everywhere, gone with its container."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.applied_notes import AppliedNotes
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.engine import Engine
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.health import unsettled
from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.model import Declared, Key
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.secrets import Seal

SEAL = Seal(b"k" * 32)
URL = "unix:///var/run/docker.sock"


def notes(folder: Path, engine: str) -> AppliedNotes:
    return AppliedNotes.of("lab", Folders(folder), engine)


def declared(memory: int) -> Declared:
    return Declared(Key("container", "app-1", "web"), {"Memory": memory})


def test_a_note_is_found_whichever_way_the_engine_is_reached_and_the_last_one_counts(tmp_path: Path) -> None:
    guest, by_url = notes(tmp_path, "web"), notes(tmp_path, URL)
    assert guest.folder.name == "web"
    assert guest.folder.parent == by_url.folder.parent != by_url.folder
    guest.write("1", declared(1), SEAL)
    assert by_url.read("1", SEAL) == guest.read("1", SEAL) == {"Memory": 1}
    by_url.forget("1")
    assert guest.read("1", SEAL) is None
    by_url.write("1", declared(2), SEAL)
    assert guest.read("1", SEAL) == {"Memory": 2}


def test_notes_of_containers_that_are_gone_go_and_those_of_other_engines_stay(tmp_path: Path) -> None:
    web, apps = notes(tmp_path, "web"), notes(tmp_path, "apps")
    assert web.noted() == frozenset()
    for identity in ("1", "2"):
        web.write(identity, declared(1), SEAL)
    apps.write("3", declared(3), SEAL)
    (web.folder / ".4.new").touch()  # a killed run's
    assert web.noted() == {"1", "2", "4"}
    web.drop(web.noted() - {"1"})
    assert [note.name for note in web.folder.iterdir()] == ["1"]
    assert apps.read("3", SEAL) == {"Memory": 3}


def test_notes_are_for_their_owner_only(tmp_path: Path) -> None:
    web = notes(tmp_path, "web")
    web.write("1", declared(1), SEAL)
    modes = [path.stat().st_mode & 0o777 for path in (web.folder.parent, web.folder, web.folder / "1")]
    assert modes == [0o700, 0o700, 0o600]


class Busy:
    """An engine on which another container is made and noted while it lists those that it has."""

    def __init__(self, notes: AppliedNotes) -> None:
        self.notes = notes

    def containers(self, **_: object) -> list[dict[str, Any]]:
        self.notes.write("later", declared(1), SEAL)
        return [{"Id": "there", "Names": ["/app-1"]}]


def test_a_look_at_the_engine_removes_no_note_of_what_is_made_meanwhile(tmp_path: Path) -> None:
    web = notes(tmp_path, "web")
    for identity in ("there", "gone"):
        web.write(identity, declared(1), SEAL)
    client: Any = Busy(web)
    unsettled(Engine(guest="web", environment="lab", client=client, notes=web), [])
    assert web.noted() == {"there", "later"}
