# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module docker_network on a real engine."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import lab
import pytest
from docker_module import IMAGE, SLEEP, Modules, actions, sleeper

if TYPE_CHECKING:
    import docker

pytestmark = pytest.mark.lab

IPAM = {"config": [{"subnet": "10.20.0.0/24", "gateway": "10.20.0.9"}]}


def attached(client: docker.APIClient, container: str, network: str) -> dict[str, Any]:
    found: dict[str, Any] = client.inspect_container(container)["NetworkSettings"]["Networks"][network]
    return found


def run_container(client: docker.APIClient, name: str, network: str, address: str, **arguments: Any) -> None:
    endpoint = client.create_endpoint_config(ipv4_address=address, aliases=["db"])
    networking = client.create_networking_config({network: endpoint})
    host = client.create_host_config(network_mode=network)
    client.create_container(IMAGE, list(SLEEP), name=name, networking_config=networking, host_config=host, **arguments)
    client.start(name)


def test_a_network_lives_from_its_creation_to_its_end(modules: Modules, client: docker.APIClient) -> None:
    made = modules.four_phases("docker_network", name="backend", ipam=IPAM, internal=True)
    assert actions(made) == ["create docker_network backend"]
    assert made["network"]["Internal"] is True
    changed = modules.four_phases("docker_network", name="backend", ipam=IPAM, labels={"team": "shop"})
    assert actions(changed) == ["replace docker_network backend"]
    causes = {difference["path"]: difference["cause"] for difference in changed["plan"][0]["differences"]}
    assert causes == {"Internal": "declaration", "Labels.team": "declaration"}
    client.remove_network("backend")
    client.create_network("backend", labels=changed["network"]["Labels"])
    drifted = modules.run("docker_network", name="backend", ipam=IPAM, labels={"team": "shop"})
    assert {difference["cause"] for difference in drifted["plan"][0]["differences"]} == {"declaration"}
    gone = modules.four_phases("docker_network", name="backend", state="absent")
    assert actions(gone) == ["delete docker_network backend"]
    assert [network for network in client.networks() if network["Name"] == "backend"] == []


def test_a_container_of_ours_comes_back_to_a_replaced_network_as_it_was(
    modules: Modules, client: docker.APIClient
) -> None:
    modules.run("docker_network", name="backend", ipam=IPAM)
    run_container(client, "app", "backend", "10.20.0.50", labels={"strata.environment": "standalone"})
    modules.run("docker_network", name="backend", ipam=IPAM, labels={"a": "b"})
    endpoint = attached(client, "app", "backend")
    assert endpoint["IPAddress"] == "10.20.0.50"
    assert "db" in endpoint["Aliases"]
    other = {"config": [{"subnet": "10.21.0.0/24"}]}
    assert "has the fixed address 10.20.0.50" in modules.refused("docker_network", name="backend", ipam=other)
    assert attached(client, "app", "backend")["IPAddress"] == "10.20.0.50"
    assert "attached to it" in modules.refused("docker_network", name="backend", state="absent")


def test_a_strangers_network_is_left_alone_until_it_is_adopted(modules: Modules, client: docker.APIClient) -> None:
    client.create_network("legacy", ipam={"Config": [{"Subnet": "10.22.0.0/24"}]})
    run_container(client, "theirs", "legacy", "10.22.0.7")
    legacy = {"name": "legacy", "ipam": {"config": [{"subnet": "10.22.0.0/24"}]}}
    before = client.inspect_network("legacy")["Id"]
    for check in (True, False):
        assert "adopt: true" in modules.refused("docker_network", check=check, **legacy)
    assert "does not belong" in modules.refused("docker_network", name="legacy", state="absent")
    assert client.inspect_network("legacy")["Id"] == before
    adopted = modules.four_phases("docker_network", **legacy, adopt=True)
    assert adopted["plan"][0]["reason"] == "adopted: somebody else made it"
    assert attached(client, "theirs", "legacy")["IPAddress"] == "10.22.0.7"


def test_a_network_with_somebody_elses_container_is_not_replaced(modules: Modules, client: docker.APIClient) -> None:
    modules.run("docker_network", name="backend", ipam=IPAM)
    run_container(client, "theirs", "backend", "10.20.0.50")
    said = modules.refused("docker_network", name="backend", ipam=IPAM, labels={"a": "b"})
    assert "container theirs of somebody else is attached to it" in said
    assert attached(client, "theirs", "backend")["IPAddress"] == "10.20.0.50"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"ipam": {"config": [{"subnet": "10.20.0.1/24"}]}}, "ipam.config.0.subnet: 10.20.0.1/24 has host bits set"),
        ({"ipam": {"config": [{"subnet": "10.20.0.0/24", "gateway": "10.9.0.1"}]}}, "10.9.0.1 is outside of"),
        ({"labels": {"strata.environment": "me"}}, "labels that begin with strata. are ours"),
        ({"guest": "apps"}, "mutually exclusive"),
        ({"environment": "No Name"}, "environment: 'No Name' is not a name"),
        ({"docker_host": "tcp://127.0.0.1:2375"}, "is not supported; write unix:///var/run/docker.sock"),
        ({"docker_host": "unix:///nowhere.sock"}, "engine unix:///nowhere.sock"),
        ({"docker_host": "ssh://-oProxyCommand=x"}, "names no host that ssh takes"),
        ({"docker_host": "ssh://me:geheim@host"}, "no password goes into a URL"),
    ],
)
def test_bad_options_are_told_in_one_message(modules: Modules, options: dict[str, Any], words: str) -> None:
    said = modules.refused("docker_network", check=True, name="backend", **options)
    assert words in said
    assert "geheim" not in said


def test_a_guest_of_an_environment_that_is_not_up_is_told_as_such(modules: Modules) -> None:
    here = Modules(defaults={"state_folder": modules.defaults["state_folder"]})
    said = here.refused("docker_network", name="backend", environment="shop", guest="apps")
    assert "environment shop: no guest apps; it was not brought up on this machine" in said


def test_who_is_not_root_needs_no_more_than_the_engines_socket(modules: Modules, lab_engine: lab.LabEngine) -> None:
    """As nobody, who may use the socket as members of the group docker may: state is kept at home."""
    nobody = 65534
    os.chown(lab_engine.socket, 0, nobody)
    home = Path(tempfile.mkdtemp(dir="/tmp"))
    os.chown(home, nobody, nobody)

    def become_nobody() -> None:
        os.environ["HOME"] = str(home)
        os.setgroups([])
        os.setresgid(nobody, nobody, nobody)
        os.setresuid(nobody, nobody, nobody)

    theirs = Modules(defaults={"docker_host": modules.defaults["docker_host"]}, enter=become_nobody)
    try:
        theirs.four_phases("docker_network", name="backend", ipam=IPAM)
        theirs.four_phases("container", project_name="shop", services={"app": sleeper()})
        assert (home / ".local/state/strata/locks").is_dir()
    finally:
        shutil.rmtree(home)
