# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real engine: all that it tells is known, what it draws has a name, and a restart changes nothing that counts."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.compare import differ
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.leaf import Leaf
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.look.engine import (
    EngineLook,
    chance_names,
    engine_branches,
    look_at_engine,
    places,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.ruleset import RULES
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.tokens import Tokens
from environments import REPOSITORY
from made_fingerprint import made

sys.path.insert(0, str(REPOSITORY / "tests/integration/docker"))

from container_lab import SLEEP, import_image
from packages import busybox_program

if TYPE_CHECKING:
    import docker

pytestmark = pytest.mark.lab

NAME = "looked-at"
IMAGE = "strata-test/looked-at:1"
CONFIG = {
    "Image": IMAGE,
    "Cmd": list(SLEEP),
    "Env": ["A=1"],
    "StopTimeout": 1,
    "Healthcheck": {"Test": ["CMD-SHELL", "true"], "Interval": 200_000_000, "Timeout": 5_000_000_000, "Retries": 9},
    "HostConfig": {
        "Mounts": [{"Type": "volume", "Source": NAME, "Target": "/data"}],
        "PortBindings": {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "18081"}]},
        "NetworkMode": NAME,
    },
    "NetworkingConfig": {"EndpointsConfig": {NAME: {"IPAMConfig": {"IPv4Address": "10.215.0.7"}}}},
}


@pytest.fixture(scope="module")
def client(engine_client: docker.APIClient) -> Iterator[docker.APIClient]:
    """The session's engine with a container that runs, on a network, with a named volume and one without a name."""
    import_image(engine_client, busybox_program(), IMAGE, ["VOLUME /anonymous", "EXPOSE 80"])
    engine_client.create_network(NAME, "bridge", ipam={"Config": [{"Subnet": "10.215.0.0/24"}]})
    engine_client.create_volume(NAME)
    engine_client.create_container_from_config(CONFIG, NAME)
    engine_client.start(NAME)
    yield engine_client
    engine_client.remove_container(NAME, force=True, v=True)
    engine_client.remove_network(NAME)
    engine_client.remove_volume(NAME)
    engine_client.remove_image(IMAGE, force=True)


def look(client: docker.APIClient) -> EngineLook:
    """A look once the container is healthy."""
    until = time.monotonic() + 60
    while client.inspect_container(NAME)["State"]["Health"]["Status"] != "healthy":
        assert time.monotonic() < until
        time.sleep(0.1)
    return look_at_engine("web", client)


def leaves(found: EngineLook) -> dict[str, Leaf]:
    told = made(*engine_branches(found), tokens=Tokens({}, chance_names(found)), rules=RULES)
    return {leaf.path: leaf for leaf in told.leaves}


def different(one: dict[str, Leaf], other: dict[str, Leaf]) -> list[str]:
    return [path for path in sorted(one.keys() | other.keys()) if differ(one.get(path), other.get(path))]


def test_every_leaf_is_known(client: docker.APIClient) -> None:
    found = leaves(look(client))
    assert [path for path, leaf in found.items() if not leaf.known] == []
    assert {path.partition("/")[0] for path in found} == {
        "engines",
        "images",
        "docker_networks",
        "docker_volumes",
        "containers",
    }


def test_no_id_that_the_engine_drew_is_left_in_what_counts(client: docker.APIClient) -> None:
    """But for digests of contents: those of layers, and of an image's own configuration."""
    found = leaves(look(client))
    drawn = re.compile(r"(?<!sha256:)(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
    assert [path for path, leaf in found.items() if leaf.counts and drawn.search(f"{path} {leaf.value}")] == []


def test_each_object_is_called_by_its_name_and_a_volume_without_one_by_who_uses_it(client: docker.APIClient) -> None:
    found = look(client)
    assert {NAME, f"<{NAME}>/anonymous"} <= found.volumes.keys()
    assert {NAME, "bridge"} <= found.networks.keys()
    assert IMAGE in found.images
    told = leaves(found)
    path = f"containers/web/{NAME}"
    assert told[f"{path}/Mounts/~1anonymous/Name"].value == f"{{volume <{NAME}>/anonymous}}"
    assert told[f"{path}/NetworkSettings/Networks/{NAME}/NetworkID"].value == f"{{network {NAME}}}"
    assert told[f"{path}/Image"].value == f"sha256:{{image {IMAGE}}}"


def test_files_of_layers_and_volumes_have_a_place(client: docker.APIClient) -> None:
    found = look(client)
    belongs = {place[:3] for folder, place in places(found).items() if Path(folder).is_dir()}
    assert {("docker_volumes", "web", NAME), ("docker_volumes", "web", f"<{NAME}>/anonymous")} <= belongs
    layers = ("containers", "web", NAME) in belongs and "images" in {place[0] for place in belongs}
    assert layers or found.info["Driver"] != "overlay2"


def test_what_runs_and_how_it_is_checked_is_told(client: docker.APIClient) -> None:
    found = look(client)
    inspected = client.inspect_container(NAME)
    assert inspected["State"]["Pid"] in found.pids
    assert found.checks[inspected["Id"]] == "/bin/sh -c true"


def test_two_looks_agree(client: docker.APIClient) -> None:
    first = leaves(look(client))
    time.sleep(0.5)
    assert different(first, leaves(look(client))) == []


def test_a_restart_of_a_container_changes_nothing_that_counts(client: docker.APIClient) -> None:
    first, started = leaves(look(client)), client.inspect_container(NAME)["State"]["StartedAt"]
    client.restart(NAME, timeout=1)
    assert client.inspect_container(NAME)["State"]["StartedAt"] != started
    assert different(first, leaves(look(client))) == []


def test_a_container_that_is_made_anew_changes_nothing_that_counts(client: docker.APIClient) -> None:
    first, old = leaves(look(client)), client.inspect_container(NAME)["Id"]
    client.remove_container(NAME, force=True, v=True)
    client.create_container_from_config(CONFIG, NAME)
    client.start(NAME)
    assert client.inspect_container(NAME)["Id"] != old
    assert different(first, leaves(look(client))) == []


def test_what_is_changed_behind_our_back_is_seen(client: docker.APIClient) -> None:
    first = leaves(look(client))
    client.update_container(NAME, cpu_shares=512)
    assert different(first, leaves(look(client))) == [f"containers/web/{NAME}/HostConfig/CpuShares"]
