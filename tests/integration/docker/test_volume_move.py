# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Volumes that are made anew on a real engine: no byte of them is lost, wherever a run ends."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.compose import Mount, Service, Volume
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.applied_notes import AppliedNotes
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import EngineError, StrataError
from container_lab import IMAGE, Make, Stack, sleeper

pytestmark = pytest.mark.lab

DATA = Mount(type="volume", source="data", target="/data")
OLD = Volume(name="move_data", recreate=True)
NEW = replace(OLD, labels={"tier": "gold"})
#: Content with owners, modes, a link, an empty folder and a file that is larger than one block.
FILL = (
    "mkdir -p /data/deep/empty && echo one > /data/deep/one && ln -s one /data/deep/link"
    " && chmod 0640 /data/deep/one && chmod 1777 /data"
    " && head -c 3000000 /dev/urandom > /data/large && chown 7:8 /data/large; trap 'exit 0' TERM; sleep 3600 & wait"
)


def volume_stack(stack: Make, *more: Service) -> Stack:
    """A service that fills its volume and runs on."""
    mine = stack("move", sleeper(mounts=(DATA,)), *more, volumes={"data": OLD})
    mine.run()
    run(mine, "move-app-1", FILL.partition("; trap")[0])
    return mine


def run(stack: Stack, container: str, script: str) -> None:
    client: Any = stack.client
    started = client.exec_create(container, ["/bin/busybox", "sh", "-c", f"PATH=/bin; b=/bin/busybox; {busy(script)}"])
    output = client.exec_start(started["Id"])
    assert client.exec_inspect(started["Id"])["ExitCode"] == 0, output


def busy(script: str) -> str:
    for word in ("mkdir", "ln", "chmod", "head", "chown"):
        script = script.replace(f"{word} ", f"$b {word} ")
    return script


def content(stack: Stack, volume: str = "move_data") -> set[tuple[Any, ...]]:
    """Path, mode, owner and bytes of everything in the volume."""
    root = Path(stack.client.inspect_volume(volume)["Mountpoint"])
    return set(_entries(root))


def _entries(root: Path) -> Iterator[tuple[Any, ...]]:
    for path in (root, *root.rglob("*")):
        facts = path.lstat()
        held = path.read_bytes() if path.is_file() else b""
        yield str(path.relative_to(root)), facts.st_mode, facts.st_uid, facts.st_gid, held


def declare(stack: Stack, volume: Volume) -> None:
    stack.project = replace(stack.project, volumes={"data": volume})


def leftovers(stack: Stack) -> list[str]:
    found = [volume["Name"] for volume in stack.client.volumes()["Volumes"] if ".strata-" in volume["Name"]]
    return found + [row["Names"][0] for row in stack.client.containers(all=True, filters={"label": "strata.copy"})]


def test_a_volume_that_changes_is_made_anew_with_its_data_where_that_is_asked_for(stack: Make) -> None:
    mine = volume_stack(stack, sleeper("other", networks={}, network_mode="none"))
    other = mine.inspect("move-other-1")["Id"]
    before = content(mine)
    assert len(before) == 6
    declare(mine, NEW)
    planned = mine.run()
    assert [(change.action, change.key.name) for change in planned] == [
        ("replace", "move_data"),
        ("replace", "move-app-1"),
    ]
    assert content(mine) == before
    assert mine.client.inspect_volume("move_data")["Labels"]["tier"] == "gold"
    assert mine.containers() == {"move-app-1": "running", "move-other-1": "running"}
    assert mine.inspect("move-other-1")["Id"] == other
    assert not mine.plan()
    assert not leftovers(mine)


def test_what_was_noted_of_containers_that_a_move_removes_is_forgotten(stack: Make, tmp_path: Path) -> None:
    mine = volume_stack(stack)
    mine.notes = AppliedNotes(tmp_path / "applied")
    mine.change("app", stop_grace_period=2)
    mine.run()
    old = mine.inspect("move-app-1")["Id"]
    declare(mine, NEW)
    mine.run()
    (note,) = mine.notes.folder.iterdir()
    assert note.name == mine.inspect("move-app-1")["Id"] != old


def test_a_volume_that_changes_is_refused_where_nobody_asked_for_it(stack: Make) -> None:
    mine = volume_stack(stack)
    before, container = content(mine), mine.inspect("move-app-1")["Id"]
    declare(mine, replace(NEW, recreate=False))
    with pytest.raises(StrataError, match=r"volume apps/move_data: Labels\.tier.*Give the volume recreate: true"):
        mine.run()
    assert content(mine) == before
    assert mine.inspect("move-app-1")["Id"] == container


def test_a_volume_moves_into_a_folder_of_the_guest(stack: Make, tmp_path: Path) -> None:
    """Options of the driver `local`: another place, which must be there before anything is touched."""
    mine = volume_stack(stack)
    before, container = content(mine), mine.inspect("move-app-1")["Id"]
    folder = tmp_path / "data"
    declare(mine, replace(OLD, driver_opts={"type": "none", "o": "bind", "device": str(folder)}))
    with pytest.raises(EngineError, match="move_data"):
        mine.run()
    assert content(mine) == before
    assert mine.inspect("move-app-1")["Id"] == container
    assert mine.containers() == {"move-app-1": "running"}
    folder.mkdir()
    mine.run()
    assert not mine.plan()
    assert set(_entries(folder)) == before


def test_a_volume_that_forgets_what_is_written_to_it_leaves_the_data_in_the_copy(stack: Make) -> None:
    mine = volume_stack(stack)
    before = content(mine)
    declare(mine, replace(OLD, driver_opts={"type": "tmpfs", "device": "tmpfs"}))
    with pytest.raises(EngineError, match=r"not the same in move_data.*whole in volume move_data\.strata-copy"):
        mine.run()
    assert content(mine, "move_data.strata-copy") == before
    declare(mine, OLD)
    mine.run()
    assert content(mine) == before
    assert not mine.plan()
    assert not leftovers(mine)


def test_a_volume_that_somebody_else_has_mounted_is_left_as_it_is(stack: Make) -> None:
    mine = volume_stack(stack)
    before = content(mine)
    client: Any = mine.client
    mount = {"Type": "volume", "Source": "move_data", "Target": "/data"}
    theirs = client.create_container_from_config({"Image": IMAGE, "HostConfig": {"Mounts": [mount]}}, "theirs")
    try:
        declare(mine, NEW)
        with pytest.raises(EngineError, match="container theirs, which is not declared, has it mounted"):
            mine.run()
        assert content(mine) == before
        assert mine.containers() == {"move-app-1": "running"}
    finally:
        client.remove_container(theirs["Id"], force=True)


def test_an_environment_that_no_longer_declares_a_volume_whose_move_was_killed_leaves_nothing(
    stack: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = volume_stack(stack)
    declare(mine, NEW)
    assert dies_at(mine, 12, monkeypatch)
    mine.project = replace(mine.project, services={}, volumes={})
    mine.run(remove_orphans=True)
    assert not leftovers(mine)
    assert "move_data" not in {volume["Name"] for volume in mine.client.volumes()["Volumes"]}


class Killed(BaseException):
    """A process that is gone makes no further call."""


def dies_at(stack: Stack, number: int, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Apply the change of the volume and die before the call of *number* to the engine; whether it came so far."""
    planned = next(iter(stack.plan()))
    calls = iter(range(number))
    client = type(stack.client)
    send = client.send

    def counted(self: Any, *given: Any, **named: Any) -> Any:
        if next(calls, None) is None:
            raise Killed
        return send(self, *given, **named)

    with monkeypatch.context() as patched:
        patched.setattr(client, "send", counted)
        try:
            stack.apply(planned)
        except Killed:
            return True
    return False


@pytest.mark.parametrize(("afterwards", "first"), [(1, 0), (0, 1), (2, 2)], ids=["on", "back", "else"])
def test_a_move_that_is_killed_before_any_call_is_finished_by_the_next_run_without_losing_data(
    afterwards: int, first: int, stack: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next run goes on, or to a declaration that was taken back or changed once more; each at every third call.

    Where one move ends the next begins: there are three declarations, and *afterwards* says which comes after the kill.
    """
    mine = volume_stack(stack)
    before = content(mine)
    declared = deque((OLD, NEW, replace(OLD, labels={"tier": "silver"})))
    number, came_so_far = first, True
    while came_so_far:
        declare(mine, declared[1])
        came_so_far = dies_at(mine, number, monkeypatch)
        declared.rotate(-afterwards)
        declare(mine, declared[0])
        mine.run()
        assert content(mine) == before, number
        assert not mine.plan(), number
        assert not leftovers(mine), number
        assert mine.containers() == {"move-app-1": "running"}, number
        number += 3
    assert number > 30
