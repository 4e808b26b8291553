# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shell lines of a look, run for real on this machine, and files that change between two looks."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import FingerprintError
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest.local_shell import LocalShell
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.look import guest_look, script
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.look.engine import EngineLook
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.look.files import File, read_files
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.look.guest_look import FilesLook, GuestLook
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.look.processes import Processes

MACHINE = LocalShell()
NAMES = ("plain", "two\nlines", "-n", ":mode", "a  b\\c", "'quoted\" $x", "caf\udce9", "ü")
ENGINE = EngineLook(guest="web", info={}, version={}, containers={}, images={}, networks={}, volumes={})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a file under each of ``NAMES``, which holds its name."""
    made = tmp_path / "with blank"
    made.mkdir()
    for name in NAMES:
        (made / name).write_bytes(os.fsencode(name))
    (made / "link").symlink_to("no such\nplace")
    return made


def look_at(folder: Path) -> GuestLook:
    """A look at a guest all of whose files are in *folder*."""
    mount = str(folder).replace(" ", "\\040")
    return GuestLook(
        guest="web", engine=ENGINE, parts={"mounts": f"proc /proc proc rw 0 0\n/dev/vda {mount} ext4 rw 0 0\n"}
    )


def files_of(folder: Path) -> dict[str, File]:
    found = read_files(*script.list_files(MACHINE, [str(folder)], with_content=True))
    return {file.path.removeprefix(f"{folder}/"): file for file in found}


def test_a_look_at_this_machine_says_something_of_every_linux() -> None:
    parts = script.look(MACHINE, [os.getpid()])
    assert parts.keys() == set(script.PARTS)
    assert parts["passwd"] == Path("/etc/passwd").read_text()
    assert parts["kernel"] == Path("/proc/version").read_text()
    for part in ("sysctls", "mounts", "commands", "statuses", "cgroups", "sockets", "inner_sockets"):
        assert parts[part], part
    for part in ("routes", "routes6"):
        assert [json.loads(line)[0]["table"] for line in parts[part].splitlines()[1:]] == ["local"], part
    assert all(line.startswith(f"/proc/{os.getpid()}/net/") for line in parts["inner_sockets"].splitlines())


def test_we_are_among_the_processes_and_the_shell_that_asked_is_not() -> None:
    parts = script.look(MACHINE, [])
    shell = int(parts["self"])
    assert parts["inner_sockets"] == ""
    assert f"/proc/{shell}/status:" in parts["statuses"]
    found = {process.pid for process in Processes.of(parts).every}
    assert shell not in found
    assert 1 in found


def test_a_part_that_fails_or_is_not_there_has_printed_nothing() -> None:
    parts = {"a": "no-such-program --x", "b c": "printf 'two\\nlines'", "d": "false"}
    assert script.read_parts(MACHINE, parts) == {"a": "", "b c": "two\nlines", "d": ""}


def test_an_answer_that_was_cut_short_is_refused() -> None:
    with pytest.raises(FingerprintError, match="cut short"):
        script.read_parts(MACHINE, {"a": "echo 1", "b": "exit 0", "c": "echo 3"})


def test_files_are_listed_under_any_name_with_their_digests(folder: Path) -> None:
    found = files_of(folder)
    assert found.keys() == {*NAMES, "link", str(folder)}
    for name in NAMES:
        assert found[name].digest == hashlib.blake2b(os.fsencode(name), digest_size=32).hexdigest()
    assert (found["link"].type, found["link"].target) == ("l", "no such\nplace")


def test_without_folders_no_file_is_listed() -> None:
    assert script.list_files(MACHINE, [], with_content=True) == ("", "")


def test_digests_and_contents_leave_out_what_is_gone(folder: Path) -> None:
    paths = [f"{folder}/{name}" for name in (*NAMES, "gone")]
    assert script.contents(MACHINE, paths) == {f"{folder}/{name}": os.fsencode(name) for name in NAMES}
    assert script.digests(MACHINE, paths).keys() == {f"{folder}/{name}" for name in NAMES}
    assert (script.contents(MACHINE, []), script.digests(MACHINE, [])) == ({}, {})
    assert (script.contents(MACHINE, paths[-1:]), script.digests(MACHINE, paths[-1:])) == ({}, {})


def test_each_name_of_one_file_has_its_content(folder: Path) -> None:
    (folder / "other").hardlink_to(folder / "plain")
    assert script.contents(MACHINE, [f"{folder}/plain", f"{folder}/other"]) == {
        f"{folder}/plain": b"plain",
        f"{folder}/other": b"plain",
    }


def test_contents_of_more_files_than_one_command_line_holds_are_all_read(tmp_path: Path) -> None:
    paths = [f"{tmp_path}/{'x' * 200}-{number}" for number in range(1000)]
    for path in paths:
        Path(path).write_text(path)
    found = script.contents(MACHINE, paths)
    assert len(found) == 1000
    assert all(found[path] == path.encode() for path in paths)


def test_files_that_rest_are_read_once_and_do_not_move(folder: Path) -> None:
    found = guest_look.look_at_files(MACHINE, look_at(folder))
    assert {os.path.relpath(path, folder) for path in found.files} == {*NAMES, "link", "."}
    assert found.texts == {f"{folder}/{name}": os.fsencode(name) for name in NAMES}
    assert found.moving == ()


def test_what_changed_came_or_went_since_is_read_anew_and_told(folder: Path) -> None:
    first = guest_look.look_at_files(MACHINE, look_at(folder))
    (folder / "two\nlines").write_text("changed")
    (folder / "plain").unlink()
    (folder / "new").write_text("new")
    found = guest_look.again(MACHINE, look_at(folder), first)
    moving = {os.path.relpath(path, folder) for path in found.moving}
    assert moving == {"two\nlines", "plain", "new", "."}
    assert found.files[f"{folder}/two\nlines"].digest == hashlib.blake2b(b"changed", digest_size=32).hexdigest()
    assert found.texts[f"{folder}/two\nlines"] == b"changed"
    assert f"{folder}/plain" not in {**found.files, **found.texts}
    assert guest_look.again(MACHINE, look_at(folder), found) == replace(found, moving=())


def test_another_content_under_the_same_size_and_time_is_seen(folder: Path) -> None:
    first = guest_look.look_at_files(MACHINE, look_at(folder))
    times = (folder / "plain").stat()
    (folder / "plain").write_text("nialp")
    os.utime(folder / "plain", ns=(times.st_atime_ns, times.st_mtime_ns))
    found = guest_look.again(MACHINE, look_at(folder), first)
    assert found.moving == (f"{folder}/plain",)


def test_a_file_that_goes_while_it_is_read_is_told_as_moving(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = FilesLook(files={})

    def gone(machine: LocalShell, paths: list[str]) -> dict[str, str]:
        (folder / "plain").unlink()
        return found(machine, paths)

    found = script.digests
    monkeypatch.setattr(script, "digests", gone)
    told = guest_look.again(MACHINE, look_at(folder), first)
    assert told.files[f"{folder}/plain"].digest == ""
    assert f"{folder}/plain" in told.moving
    assert f"{folder}/plain" not in told.texts


def test_a_guest_whose_files_we_cannot_list_says_so() -> None:
    parts = {
        **dict.fromkeys(script.PARTS, "x"),
        "dpkg": "Package: a\n",
        "addresses": '[{"ifname": "lo"}]\n',
        "routes": '[]\n[{"dst": "ff00::/8"}]\n',
        "mounts": "/dev/vda / zfs rw 0 0\n/dev/vdb /boot ext4 rw 0 0\n",
    }
    look = GuestLook(guest="web", engine=replace(ENGINE, info={"Driver": "overlay2"}), parts=parts)
    assert [reason.partition(";")[0] for reason in look.missing(4)] == ["guest web: files below /"]
    assert list(replace(look, parts={**parts, "mounts": "/dev/vda / ext4 rw 0 0\n"}).missing(4)) == []
    broken = {**parts, "mounts": "/dev/vda / ext4 rw 0 0\n", "routes": "[{}]\n[{"}
    assert "its routes" in " ".join(replace(look, parts=broken).missing(3))


def test_what_could_not_be_looked_at_is_told_from_the_level_that_looks_at_it() -> None:
    look = GuestLook(guest="web", engine=replace(ENGINE, info={"Driver": "vfs"}), parts=dict.fromkeys(script.PARTS, ""))
    assert [len(list(look.missing(level))) for level in (2, 3, 4)] == [0, 11, 12]
