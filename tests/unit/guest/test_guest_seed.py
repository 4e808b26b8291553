# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import io
import json
import stat
import tarfile
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

from ansible_collections.strata.kvm_docker.plugins.module_utils import naming
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.environment import DnsSettings, Environment
from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest.seed import (
    SeedKeys,
    archive,
    seed_files,
    write_seed,
)


def text(environment: Environment, keys: SeedKeys, path: str) -> str:
    return seed_files(environment, environment.guests["web"], keys)[path].content.decode()


def test_the_interface_to_the_first_network_with_a_way_out_carries_the_default_route(
    environment: Environment, keys: SeedKeys
) -> None:
    unit = text(environment, keys, "/etc/systemd/network/10-strata-lan.network")
    assert f"MACAddress={naming.mac_address('lab', 'web', 'lan')}\n" in unit
    assert "Address=10.80.0.11/24\n" in unit
    assert "Gateway=10.80.0.1\n" in unit
    assert "DNS=10.80.0.1\n" in unit


def test_an_isolated_network_gets_no_route_and_a_declared_hardware_address_is_kept(
    environment: Environment, keys: SeedKeys
) -> None:
    unit = text(environment, keys, "/etc/systemd/network/10-strata-data.network")
    assert "MACAddress=52:54:00:aa:bb:cc\n" in unit
    assert "Address=10.81.0.11/16\n" in unit
    assert "Gateway=" not in unit


def test_names_resolve_at_the_gateway_of_the_first_network(environment: Environment, keys: SeedKeys) -> None:
    assert text(environment, keys, "/etc/resolv.conf") == "search lab\nnameserver 10.81.0.1\n"


def test_a_network_without_a_name_server_is_no_resolver(environment: Environment, keys: SeedKeys) -> None:
    silent = replace(environment.networks["data"], dns=DnsSettings(enable=False))
    changed = replace(environment, networks={**environment.networks, "data": silent})
    assert text(changed, keys, "/etc/resolv.conf") == "search lab\nnameserver 10.80.0.1\n"
    assert "DNS=" not in text(changed, keys, "/etc/systemd/network/10-strata-data.network")


def test_a_guest_knows_its_own_name(environment: Environment, keys: SeedKeys) -> None:
    assert text(environment, keys, "/etc/hostname") == "web\n"
    assert "10.81.0.11 web\n" in text(environment, keys, "/etc/hosts")


def test_the_engine_finds_its_declared_settings(environment: Environment, keys: SeedKeys) -> None:
    assert json.loads(text(environment, keys, "/etc/docker/daemon.json")) == {"log-driver": "local", "debug": True}


def test_private_files_are_readable_by_root_only(environment: Environment, keys: SeedKeys) -> None:
    files = seed_files(environment, environment.guests["web"], keys)
    assert files["/etc/ssh/ssh_host_ed25519_key"] == (0o600, keys.host_private)
    assert files["/root/.ssh/authorized_keys"] == (0o600, b"ssh-ed25519 AAAAopens lab\n")


def test_another_guest_in_the_environment_changes_nothing_in_a_seed(environment: Environment, keys: SeedKeys) -> None:
    web = environment.guests["web"]
    alone = replace(environment, guests={"web": web})
    assert seed_files(alone, web, keys) == seed_files(environment, web, keys)


def test_an_archive_is_equal_for_equal_files_whatever_their_order(environment: Environment, keys: SeedKeys) -> None:
    files = seed_files(environment, environment.guests["web"], keys)
    assert archive(files) == archive(dict(reversed(files.items())))


def test_an_archive_holds_whole_sectors_of_files_owned_by_root(environment: Environment, keys: SeedKeys) -> None:
    files = seed_files(environment, environment.guests["web"], keys)
    content = archive(files)
    assert len(content) % 512 == 0
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        members = {f"/{member.name}": member for member in tar}
        assert {path: tar.extractfile(member).read() for path, member in members.items() if member.isfile()} == {
            path: content for path, (_, content) in files.items()
        }
    assert {path: member.mode for path, member in members.items() if member.isfile()} == {
        path: mode for path, (mode, _) in files.items()
    }
    assert members["/root/.ssh"].mode == 0o700
    assert {(member.uid, member.gid) for member in members.values()} == {(0, 0)}


def test_a_seed_is_written_once_and_again_only_when_the_declaration_changed(
    environment: Environment, folders: Folders, tmp_path: Path
) -> None:
    target, web, stored = tmp_path / "web.seed", environment.guests["web"], SimpleNamespace(kernel=Path("vmlinuz"))
    assert write_seed(environment, web, folders, stored, target)
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert not write_seed(environment, web, folders, stored, target)
    assert write_seed(environment, replace(web, name="apps"), folders, stored, target)


def test_keys_show_no_secret_in_messages(keys: SeedKeys) -> None:
    assert "private --" not in repr(keys)
