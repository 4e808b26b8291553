# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.environment import Environment
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest.nocloud import nocloud_files, read_iso, write_iso
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest.seed import SeedKeys, seed_files
from ruamel.yaml import YAML


@pytest.fixture
def files(environment: Environment, keys: SeedKeys) -> dict[str, bytes]:
    web = environment.guests["web"]
    return nocloud_files(environment, web, seed_files(environment, web, keys))


def yaml(content: bytes) -> Any:
    return YAML(typ="safe").load(content)


def test_user_data_is_a_cloud_config_that_lets_root_in_with_our_key_only(files: dict[str, bytes]) -> None:
    assert files["user-data"].startswith(b"#cloud-config\n")
    said = yaml(files["user-data"])
    assert said["ssh_authorized_keys"] == ["ssh-ed25519 AAAAopens lab"]
    assert said["disable_root"] is False
    assert said["ssh_pwauth"] is False
    assert [user["name"] for user in said["users"]] == ["root"]


def test_the_guest_gets_our_host_key_and_drops_those_of_the_image(files: dict[str, bytes]) -> None:
    said = yaml(files["user-data"])
    assert said["ssh_keys"] == {"ed25519_private": "-- private --\n", "ed25519_public": "ssh-ed25519 AAAAhost web"}
    assert said["ssh_deletekeys"] is True


def test_engine_settings_are_written_before_an_engine_is_installed(files: dict[str, bytes]) -> None:
    written = {entry["path"]: entry for entry in yaml(files["user-data"])["write_files"]}
    assert json.loads(written["/etc/docker/daemon.json"]["content"]) == {"debug": True, "log-driver": "local"}


def test_a_shell_accepts_the_command_that_installs_the_engine(files: dict[str, bytes]) -> None:
    (command,) = yaml(files["user-data"])["runcmd"]
    subprocess.run([*command[:1], "-n", *command[1:]], check=True)


def test_interfaces_are_matched_by_hardware_address_and_addressed_statically(files: dict[str, bytes]) -> None:
    network = yaml(files["network-config"])
    assert network["version"] == 2
    data, lan = network["ethernets"].values()
    assert data["match"] == {"macaddress": "52:54:00:aa:bb:cc"}
    assert data["addresses"] == ["10.81.0.11/16"]
    assert "routes" not in data
    assert lan["routes"] == [{"to": "0.0.0.0/0", "via": "10.80.0.1"}]
    assert lan["nameservers"] == {"addresses": ["10.80.0.1"], "search": ["lab"]}


def test_the_instance_is_another_one_when_the_guest_is_told_anything_else(
    environment: Environment, keys: SeedKeys, files: dict[str, bytes]
) -> None:
    """cloud-init does its work once an instance."""
    said = yaml(files["meta-data"])
    assert said["local-hostname"] == "web"
    web = environment.guests["web"]
    moved = replace(web.networks["lan"], address=web.networks["lan"].address + 1)
    other = replace(web, networks={**web.networks, "lan": moved})
    again = yaml(nocloud_files(environment, other, seed_files(environment, other, keys))["meta-data"])
    assert again["local-hostname"] == "web"
    assert again["instance-id"] != said["instance-id"]
    assert again["instance-id"][:36] == said["instance-id"][:36]
    assert files == nocloud_files(environment, web, seed_files(environment, web, keys))


def test_an_iso_reads_back_as_it_was_written(
    environment: Environment, keys: SeedKeys, files: dict[str, bytes], tmp_path: Path
) -> None:
    web, target = environment.guests["web"], tmp_path / "web.iso"
    assert write_iso(environment, web, seed_files(environment, web, keys), target)
    assert read_iso(target) == files
    assert target.stat().st_mode & 0o777 == 0o600


def test_an_iso_carries_the_label_that_cloud_init_looks_for(
    environment: Environment, keys: SeedKeys, tmp_path: Path
) -> None:
    web, target = environment.guests["web"], tmp_path / "web.iso"
    write_iso(environment, web, seed_files(environment, web, keys), target)
    volume_descriptor = target.read_bytes()[16 * 2048 :]
    assert volume_descriptor[40:72].strip() == b"cidata"


def test_an_iso_that_says_the_same_is_left_alone_and_a_damaged_one_is_made_anew(
    environment: Environment, keys: SeedKeys, files: dict[str, bytes], tmp_path: Path
) -> None:
    web, target = environment.guests["web"], tmp_path / "web.iso"
    seed = seed_files(environment, web, keys)
    write_iso(environment, web, seed, target)
    assert not write_iso(environment, web, seed, target)
    target.write_bytes(target.read_bytes()[:40000])
    assert write_iso(environment, web, seed, target)
    assert read_iso(target) == files
