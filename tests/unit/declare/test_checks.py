# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cross-checks: mistakes that no single value shows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv4Network

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.checks import HostFacts, check
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.read import read_document
from ansible_collections.strata.kvm_docker.plugins.module_utils.naming import bridge_name, mac_address
from declare_files import COMPOSE, DECLARATION, MARK, Folder, marked_line

GIB = 1024**3
ROOMY = HostFacts(memory=64 * GIB, cpus=2, free_disk=100 * GIB)

ADDRESS = "services.app.networks.front.ipv4_address"
COMPOSE_CASES = [
    (
        "networks: [front]",
        "networks: [frnt]",
        "services.redis.networks.frnt",
        "unknown network 'frnt'; did you mean 'front'?",
    ),
    ("      - data:/data", "      - dta:/data", "services.redis.volumes", "unknown volume 'dta'; did you mean 'data'?"),
    (
        "    volumes:\n",
        "    secrets: [key]\n    volumes:\n",
        "services.redis.secrets",
        "unknown secret 'key'; none is declared",
    ),
    (
        "networks: [front]\n",
        "networks: [front]\n    labels: {strata.a: b}\n",
        "services.redis.labels",
        "labels that begin with strata. are ours",
    ),
    ("    ipam:\n", "    labels: {strata.a: b}\n    ipam:\n", "networks.front.labels", "are ours; take another name"),
    (
        "subnet: 172.30.0.0/24",
        "subnet: 172.30.0.10/32",
        "networks.front.ipam.config.0.subnet",
        "choose a larger subnet",
    ),
    ("  data:\n", "  data: {labels: {strata.a: b}}\n", "volumes.data.labels", "are ours; take another name"),
    (
        "    image: redis:7\n",
        "    image: redis:7\n    cpus: 1.5\n",
        "services.redis",
        "1.5 cpus is more than guest web has",
    ),
    (
        "    image: redis:7\n",
        "    image: redis:7\n    cpuset: 0-1\n",
        "services.redis.cpuset",
        "guest web has no processor 1",
    ),
    ("    volumes:\n", "    configs: [c]\n    volumes:\n", "services.redis.configs", "unknown config 'c'"),
    ("depends_on: [redis]", "depends_on: [reddis]", "services.app.depends_on.reddis", "did you mean 'redis'?"),
    ("ipv4_address: 172.30.0.10", "ipv4_address: 172.31.0.10", ADDRESS, "outside of 172.30.0.0/24"),
    ("ipv4_address: 172.30.0.10", "ipv4_address: 172.30.0.1", ADDRESS, "the network's gateway"),
    ("ipv4_address: 172.30.0.10", "ipv4_address: 172.30.0.255", ADDRESS, "broadcast"),
    (
        "networks: [front]",
        "networks: {front: {ipv4_address: 172.30.0.10}}",
        "services.redis.networks.front.ipv4_address",
        "of service app already",
    ),
    (
        "        - subnet: 172.30.0.0/24",
        "        - {subnet: 172.30.0.0/24, gateway: 10.1.1.1}",
        "networks.front.ipam.config.0.gateway",
        "outside of",
    ),
    ('      - "80:8080"', '      - "22:8080"', "services.app.ports", "taken by the guest's SSH server"),
    (
        '      - "80:8080"',
        '      - "80:8080"\n      - "80:1"',
        "services.app.ports",
        "port 80/tcp of the guest is taken by service app",
    ),
    (
        "    image: redis:7",
        "    image: redis:7\n    ports: ['70-90:1']",
        "services.redis.ports",
        "port 80/tcp of the guest is taken by service app",
    ),
    (
        "    image: redis:7",
        "    image: redis:7\n    container_name: web-app-1",
        "services.redis",
        "made by service app already",
    ),
]


@pytest.mark.parametrize(("old", "new", "path", "message"), COMPOSE_CASES, ids=lambda value: str(value).strip()[:40])
def test_a_mistake_in_a_project_is_named_with_its_line_and_path(
    folder: Folder, change: Callable[[str, str, str], str], old: str, new: str, path: str, message: str
) -> None:
    compose = change(COMPOSE, old, new)
    problem = folder.problem(compose=compose)
    assert problem.file == str(folder.path / "compose.yaml")
    assert (problem.path, message in problem.message) == (path, True), problem
    key = path.rpartition(".")[2]
    lines = compose.splitlines()
    assert key in lines[problem.line - 1] or (key == "0" or lines[problem.line - 1].strip().startswith("- "))


def test_an_address_needs_a_subnet(folder: Folder) -> None:
    compose = COMPOSE.replace("\n    ipam:\n      config:\n        - subnet: 172.30.0.0/24", " {}")
    problem = folder.problem(compose=compose)
    assert (problem.line, problem.path) == (8, "services.app.networks.front.ipv4_address")
    assert "needs a subnet" in problem.message


@pytest.mark.parametrize(
    ("subnet", "message"),
    [
        ("10.80.0.128/25", "overlaps 10.80.0.0/24 of the guests' network lan"),
        ("172.17.8.0/24", "the engine itself uses"),
    ],
)
def test_a_docker_subnet_that_overlaps_is_refused(folder: Folder, subnet: str, message: str) -> None:
    compose = COMPOSE.replace("172.30.0.0/24", subnet + MARK).replace("\n        ipv4_address: 172.30.0.10", " {}")
    problem = folder.problem(compose=compose)
    assert (problem.line, problem.path) == (marked_line(compose), "networks.front.ipam.config.0.subnet")
    assert message in problem.message


def test_the_engines_own_subnet_is_free_where_bip_moves_it(folder: Folder) -> None:
    declaration = DECLARATION.replace("memory: 768 MiB", "engine: {settings: {bip: 10.200.0.1/24}}")
    compose = COMPOSE.replace("172.30.0", "172.17.0")
    assert folder.read(declaration, compose).guests["web"].compose is not None


def test_two_docker_networks_that_overlap_are_refused(folder: Folder) -> None:
    second = f"\n  back:\n    ipam: {{config: [{{subnet: 172.30.0.128/25}}]}}{MARK}\nvolumes:"
    compose = COMPOSE.replace("\nvolumes:\n  data", second + "\n  data")
    problem = folder.problem(compose=compose)
    assert (problem.line, problem.path) == (marked_line(compose), "networks.back.ipam.config.0.subnet")


def test_a_dependency_cycle_is_shown_as_it_runs(folder: Folder) -> None:
    compose = COMPOSE.replace("    image: redis:7\n", "    image: redis:7\n    depends_on: [app]\n")
    problem = folder.problem(compose=compose)
    assert "services wait for each other" in problem.message
    assert "app -> redis -> app" in problem.message or "redis -> app -> redis" in problem.message


REPLICAS = [
    ('"80:8080"', "services.app.ports", "80 is too few for 3 replicas; write a range like 80-82:8080"),
    ('"80-81:8080"', "services.app.ports", "80-82:8080"),
]


@pytest.mark.parametrize(("ports", "path", "message"), REPLICAS)
def test_replicas_need_a_range_of_ports_that_is_long_enough(
    folder: Folder, ports: str, path: str, message: str
) -> None:
    compose = COMPOSE.replace('"80:8080"', ports).replace("    image: app:1", "    image: app:1\n    scale: 3")
    compose = compose.replace("\n        ipv4_address: 172.30.0.10", " {}")
    problem = folder.problem(compose=compose)
    assert (problem.path, message in problem.message) == (path, True)


@pytest.mark.parametrize("ports", ['"80-82:8080"', '"8080"'])
def test_replicas_with_a_range_or_without_a_published_port_are_fine(folder: Folder, ports: str) -> None:
    compose = COMPOSE.replace('"80:8080"', ports).replace("    image: app:1", "    image: app:1\n    scale: 3")
    assert folder.read(compose=compose.replace("\n        ipv4_address: 172.30.0.10", " {}"))


def test_replicas_cannot_share_a_name_or_an_address(folder: Folder) -> None:
    compose = COMPOSE.replace('    ports:\n      - "80:8080"\n', "    scale: 2\n    container_name: one\n")
    assert {problem.path for problem in folder.problems(compose=compose)} == {
        "services.app.container_name",
        "services.app.networks.front.ipv4_address",
    }


@pytest.mark.parametrize(
    ("first", "second", "clash"),
    [
        ("127.0.0.1:80:1", "127.0.0.2:80:1", False),
        ("127.0.0.1:80:1", "127.0.0.1:80:1", True),
        ("127.0.0.1:80:1", "0.0.0.0:80:1", True),
        ("80:1/udp", "80:1/tcp", False),
        ("81-90:1", "70-80:1", False),
    ],
)
def test_ports_clash_only_on_one_address_and_protocol(folder: Folder, first: str, second: str, clash: bool) -> None:
    compose = COMPOSE.replace('      - "80:8080"', f'      - "{first}"\n      - "{second}"')
    if clash:
        assert "is taken by service app" in folder.problem(compose=compose).message
    else:
        assert folder.read(compose=compose)


def test_networks_of_one_environment_may_not_overlap(folder: Folder) -> None:
    declaration = DECLARATION.replace("guests:\n", f"  wan:\n    cidr: 10.80.0.128/25{MARK}\nguests:\n")
    problem = folder.problem(declaration)
    assert (problem.line, problem.path) == (marked_line(declaration), "networks.wan.cidr")
    assert "overlaps 10.80.0.0/24 of network lan" in problem.message


@pytest.mark.parametrize(
    ("pools", "path", "message"),
    [
        ("lab: {path: /srv/lab}", "pools.lab", "the name of the pool of the environment itself"),
        ("a: {path: /srv/a}\n  b: {path: /srv/./a/}", "pools.b.path", "/srv/a is the folder of pool a already"),
        ("a: {path: /}", "pools.a.path", "/ is no place for disks"),
        ("a: {path: /run/disks}", "pools.a.path", "/run/disks is no place for disks"),
    ],
)
def test_a_pool_has_a_name_and_a_folder_of_its_own(folder: Folder, pools: str, path: str, message: str) -> None:
    problem = folder.problem(DECLARATION + f"pools:\n  {pools}\n")
    assert (problem.line, problem.path) == (24 + pools.count("\n") + 1, path)
    assert message in problem.message


def test_a_network_without_room_for_a_guest_is_refused(folder: Folder) -> None:
    problem = folder.problem(DECLARATION.replace("10.80.0.0/24", "10.80.0.0/31"))
    assert (problem.line, problem.path) == (9, "networks.lan.cidr")


def test_a_port_of_the_hypervisor_is_published_once(folder: Folder) -> None:
    problem = folder.problem(DECLARATION + f"    publish:\n      8080: 443{MARK}\n")
    assert (problem.line, problem.path) == (25, "guests.db.publish.8080")
    assert "published by guest web already" in problem.message


def test_hardware_addresses_are_unique_also_against_derived_ones(folder: Folder) -> None:
    derived = mac_address("lab", "web", "lan")
    problem = folder.problem(DECLARATION.replace("{address: 10.80.0.12}", f"{{address: 10.80.0.12, mac: '{derived}'}}"))
    assert (problem.line, problem.path) == (23, "guests.db.networks.lan.mac")
    assert "is that of guest web already" in problem.message


@pytest.mark.parametrize(
    ("facts", "line", "path", "message"),
    [
        ({"memory": GIB}, 20, "guests.db.memory", "want 1792 MiB (web 768, db 1024), and the host has 1024 MiB"),
        ({"listening": frozenset({8080})}, 19, "guests.web.publish.8080", "in use by another program"),
        (
            {"routes": ((IPv4Network("10.80.0.0/16"), "eth0"),)},
            9,
            "networks.lan.cidr",
            "which the host reaches by eth0",
        ),
        ({"networks": {"other": (IPv4Network("10.80.0.0/25"),)}}, 9, "networks.lan.cidr", "of environment other"),
        ({"free_disk": 1024**2}, 1, "", "1 MiB free"),
        ({"pools": {"/srv/a": "images"}}, 25, "pools.fast.path", "the folder of libvirt's pool images"),
    ],
)
def test_what_the_host_cannot_give_is_refused(
    folder: Folder, facts: dict[str, object], line: int, path: str, message: str
) -> None:
    declaration = DECLARATION + "pools:\n  fast: {path: /srv/a}\n"
    (problem,) = read_document(folder.write(declaration)).problems(replace(ROOMY, **facts))
    assert (problem.line, problem.path) == (line, path)
    assert message in problem.message


def test_what_the_environment_itself_has_made_is_no_obstacle(folder: Folder) -> None:
    subnet = IPv4Network("10.80.0.0/24")
    host = replace(
        ROOMY,
        routes=((subnet, bridge_name("lab", "lan")), (IPv4Network("0.0.0.0/0"), "eth0")),
        networks={"lab": (subnet,)},
    )
    assert read_document(folder.write()).problems(host) == []


def test_an_environment_made_in_memory_is_checked_by_path(folder: Folder) -> None:
    (problem,) = check(folder.read(), replace(ROOMY, memory=GIB))
    assert (problem.line, problem.path) == (0, "guests.db.memory")


def test_the_name_of_a_config_is_no_path(folder: Folder) -> None:
    problem = folder.problem(compose=f"{COMPOSE}configs:\n  ../tls: {{content: x}}\n")
    assert problem.path == "configs.../tls"
    assert "it must be a name of letters, digits" in problem.message


def test_a_service_without_containers_takes_no_name_from_another(folder: Folder) -> None:
    idle = "  idle:\n    image: app:1\n    scale: 0\n    container_name: web-app-1\n"
    project = folder.read(compose=COMPOSE.replace("services:\n", f"services:\n{idle}", 1)).guests["web"].compose
    assert project
    assert project.services["idle"].replicas == 0
