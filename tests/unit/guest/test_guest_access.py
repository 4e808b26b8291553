# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import stat
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.environment import Environment
from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest import access


def contents(folder: Path) -> dict[Path, tuple[bytes, int]]:
    return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.rglob("*") if path.is_file()}


def test_keys_and_configuration_are_private_and_made_once(environment: Environment, folders: Folders) -> None:
    made = access.prepare(environment, folders)
    folder = folders.environment("lab")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(made.private_key.stat().st_mode) == 0o600
    assert all(stat.S_IMODE(pair.private.stat().st_mode) == 0o600 for pair in made.host_keys.values())
    before = contents(folder)
    assert access.prepare(environment, folders) == made
    assert contents(folder) == before


def test_each_guest_has_a_key_of_its_own_whose_halves_fit(environment: Environment, folders: Folders) -> None:
    made = access.prepare(environment, folders)
    lines = [made.public_key, *(pair.public for pair in made.host_keys.values())]
    assert len({line.split()[1] for line in lines}) == 3
    for pair in made.host_keys.values():
        told = subprocess.run(["ssh-keygen", "-y", "-f", pair.private], capture_output=True, text=True, check=True)
        assert told.stdout.split()[:2] == pair.public.split()[:2]


def test_many_runs_at_once_agree_on_one_set_of_keys(environment: Environment, folders: Folders) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: access.prepare(environment, folders), range(8)))
    assert all(one == made[0] for one in made)


def test_a_run_that_was_killed_between_the_halves_of_a_key_is_finished(
    environment: Environment, folders: Folders
) -> None:
    made = access.prepare(environment, folders)
    public = made.private_key.with_name("id_ed25519.pub")
    public.unlink()
    made.private_key.with_name(".id_ed25519.new").write_text("half a key")
    assert access.prepare(environment, folders) == made

    made.private_key.unlink()
    anew = access.prepare(environment, folders)
    assert anew.public_key != made.public_key
    assert public.read_text().strip() == anew.public_key


def test_a_new_guest_gets_a_key_and_the_others_keep_theirs(environment: Environment, folders: Folders) -> None:
    first = access.prepare(replace(environment, guests={"web": environment.guests["web"]}), folders)
    second = access.prepare(environment, folders)
    assert second.host_keys["web"] == first.host_keys["web"]
    assert "Host apps " in second.ssh_config.read_text()
    assert len(second.known_hosts.read_text().splitlines()) == 2


def test_keys_are_had_without_touching_a_configuration_that_knows_the_way(
    environment: Environment, folders: Folders
) -> None:
    made = access.prepare(environment, folders, ["nsenter", "--net=/x"])
    before = made.ssh_config.read_text()
    access.have_keys(environment, folders)
    assert made.ssh_config.read_text() == before


def test_looking_for_the_public_key_makes_nothing(environment: Environment, folders: Folders) -> None:
    assert access.public_key("lab", folders) == ""
    assert not folders.environment("lab").exists()
    assert access.prepare(environment, folders).public_key == access.public_key("lab", folders)


def test_disconnecting_keeps_the_keys_and_may_be_repeated(environment: Environment, folders: Folders) -> None:
    made = access.prepare(environment, folders)
    access.disconnect("lab", folders)
    access.disconnect("lab", folders)
    assert made.private_key.exists()


def test_disconnecting_an_environment_that_never_was_does_nothing(folders: Folders) -> None:
    access.disconnect("lab", folders)
    assert not folders.environment("lab").exists()


def test_a_shell_tells_where_its_configuration_leads_to(environment: Environment, folders: Folders) -> None:
    access.prepare(environment, folders)
    assert access.shell("lab", "web", folders).leads_to() == str(environment.guests["web"].address)
