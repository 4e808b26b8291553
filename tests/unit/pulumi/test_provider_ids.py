# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ids under which a stack knows networks."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.model import Key
from strata_pulumi import provider_ids


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders(tmp_path)


@pytest.mark.parametrize("name", ["apps_backend", "a network/of..its own", ".."])
def test_what_is_kept_is_read_again_by_guest_until_it_is_forgotten(folders: Folders, name: str) -> None:
    key = Key("docker_network", name, "apps")
    provider_ids.keep("lab", folders, key, "1234")
    assert provider_ids.read("lab", folders, "apps") == {name: "1234"}
    assert provider_ids.read("lab", folders, "web") == {}
    assert provider_ids.read("other", folders, "apps") == {}
    provider_ids.forget("lab", folders, key)
    provider_ids.forget("lab", folders, key)
    assert provider_ids.read("lab", folders, "apps") == {}


def test_a_guest_of_the_same_name_as_one_with_networks_is_forgotten_beside_them(folders: Folders) -> None:
    provider_ids.keep("lab", folders, Key("docker_network", "back", "apps"), "1234")
    provider_ids.forget("lab", folders, Key("guest", "apps"))
    assert provider_ids.read("lab", folders, "apps") == {"back": "1234"}


def test_another_stack_knows_nothing(folders: Folders) -> None:
    provider_ids.keep("lab", folders, Key("docker_network", "back", "apps"), "1234")
    provider_ids.forget_all("lab", folders)
    provider_ids.forget_all("lab", folders)
    assert provider_ids.read("lab", folders, "apps") == {}
