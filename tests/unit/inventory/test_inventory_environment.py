# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory plugin, as `ansible-inventory` sees it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

COLLECTIONS = Path(__file__).parents[3] / "collections"

DECLARATION = """\
plugin: strata.kvm_docker.environment
name: {name}
images:
  debian13: {{build: {{suite: trixie}}}}
networks:
  lan: {{cidr: 10.{number}.0.0/24}}
guests:
  {name}-web:
    image: debian13
    networks: {{lan: {{address: 10.{number}.0.11}}}}
    compose: not-written-yet.yaml
    groups: [balancers]
  {name}-db:
    image: debian13
    networks: {{lan: {{address: 10.{number}.0.12}}}}
"""


def declare(folder: Path, name: str = "lab", number: int = 80, more: str = "") -> Path:
    file = folder / f"{name}.environment.yml"
    file.write_text(DECLARATION.format(name=name, number=number) + more)
    return file


@pytest.fixture
def settings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    home = tmp_path_factory.mktemp("ansible")
    (home / "ansible.cfg").touch()
    return {
        **os.environ,
        "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
        "ANSIBLE_CONFIG": str(home / "ansible.cfg"),
        "ANSIBLE_HOME": str(home),
        "ANSIBLE_LOCAL_TEMP": str(home / "tmp"),
        "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "1",
        "STRATA_STATE": "/srv/strata state",
    }


def run(source: Path, settings: dict[str, str]) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("ansible-inventory")
    return subprocess.run(
        [program, "-i", source, "--list"], env=settings, capture_output=True, text=True, check=False, timeout=60
    )


def listed(source: Path, settings: dict[str, str]) -> dict[str, Any]:
    done = run(source, settings)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = _plain(json.loads(done.stdout))
    return found


def _plain(value: Any) -> Any:
    """Without the tag of values that are no templates."""
    if isinstance(value, dict):
        return value["__ansible_unsafe"] if "__ansible_unsafe" in value else {key: _plain(value[key]) for key in value}
    return [_plain(item) for item in value] if isinstance(value, list) else value


def test_guests_are_hosts_in_their_groups_with_what_ssh_needs(tmp_path: Path, settings: dict[str, str]) -> None:
    file = declare(tmp_path)
    inventory = listed(file, settings)
    assert inventory["lab"]["hosts"] == ["lab-web", "lab-db"]
    assert inventory["guests"]["hosts"] == ["lab-web", "lab-db"]
    assert inventory["balancers"]["hosts"] == ["lab-web"]
    variables = inventory["_meta"]["hostvars"]
    assert variables["lab-web"] == {
        "ansible_host": "10.80.0.11",
        "ansible_user": "root",
        "ansible_ssh_private_key_file": "/srv/strata state/environments/lab/id_ed25519",
        "ansible_ssh_common_args": "-F '/srv/strata state/environments/lab/ssh_config'",
        "strata_environment": "lab",
    }


def test_without_a_group_of_hypervisors_this_machine_is_one(tmp_path: Path, settings: dict[str, str]) -> None:
    file = declare(tmp_path)
    inventory = listed(file, settings)
    assert inventory["hypervisors"]["hosts"] == ["localhost"]
    assert inventory["_meta"]["hostvars"]["localhost"] == {
        "ansible_connection": "local",
        "ansible_python_interpreter": "{{ ansible_playbook_python }}",
        "strata_environments": {"lab": str(file)},
    }


def test_the_declarations_of_one_folder_share_the_hypervisors_it_names(
    tmp_path: Path, settings: dict[str, str]
) -> None:
    (tmp_path / "hosts.yml").write_text("hypervisors: {hosts: {metal: }}\n")
    lab, shop = declare(tmp_path), declare(tmp_path, "shop", 81)
    inventory = listed(tmp_path, settings)
    assert inventory["hypervisors"]["hosts"] == ["metal"]
    assert inventory["_meta"]["hostvars"]["metal"]["strata_environments"] == {"lab": str(lab), "shop": str(shop)}
    assert inventory["shop"]["hosts"] == ["shop-web", "shop-db"]


def test_a_jump_host_takes_the_place_of_the_way_in(tmp_path: Path, settings: dict[str, str]) -> None:
    inventory = listed(declare(tmp_path, more="hypervisor: {jump_host: root@metal}\n"), settings)
    arguments = inventory["_meta"]["hostvars"]["lab-db"]["ansible_ssh_common_args"]
    assert arguments.endswith("/ssh_config' -o ProxyJump=root@metal")


def test_the_group_of_an_environment_has_a_name_that_ansible_takes(tmp_path: Path, settings: dict[str, str]) -> None:
    assert "my_lab" in listed(declare(tmp_path, "my-lab"), settings)


def test_a_mistake_is_an_error_with_file_and_line(tmp_path: Path, settings: dict[str, str]) -> None:
    file = declare(tmp_path, more="colour: red\n")
    done = run(file, settings)
    assert done.returncode != 0
    assert f"{file}:16: colour: unknown key 'colour'" in done.stderr.replace("\n", " ")


def test_two_environments_with_one_guest_name_are_refused(tmp_path: Path, settings: dict[str, str]) -> None:
    declare(tmp_path)
    file = declare(tmp_path, "shop", 81)
    file.write_text(file.read_text().replace("shop-web:", "lab-web:"))
    done = run(tmp_path, settings)
    assert done.returncode != 0
    assert "environment lab of this inventory has a guest of this name too" in " ".join(done.stderr.split())


def test_a_cached_inventory_follows_the_declaration(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, settings: dict[str, str]
) -> None:
    cache = tmp_path_factory.mktemp("cache")
    settings |= {
        "ANSIBLE_INVENTORY_CACHE": "1",
        "ANSIBLE_INVENTORY_CACHE_PLUGIN": "ansible.builtin.jsonfile",
        "ANSIBLE_INVENTORY_CACHE_CONNECTION": str(cache),
    }
    file = declare(tmp_path)
    assert listed(file, settings) == listed(file, settings)
    assert len(list(cache.iterdir())) == 1
    file.write_text(file.read_text().replace("10.80.0.12", "10.80.0.13"))
    assert listed(file, settings)["_meta"]["hostvars"]["lab-db"]["ansible_host"] == "10.80.0.13"


def test_a_lock_beside_the_declaration_is_no_source_with_the_settings_of_this_repository(
    tmp_path: Path, settings: dict[str, str]
) -> None:
    before = listed(declare(tmp_path), settings)
    (tmp_path / "lab.environment.lock").write_text("version: 1\nfiles:\n  compose.yaml: x\n")
    assert run(tmp_path, settings).returncode != 0
    ours = {**settings, "ANSIBLE_CONFIG": str(COLLECTIONS.parent / "ansible.cfg")}
    assert listed(tmp_path, ours) == before
