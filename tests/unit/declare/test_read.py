# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The reader of declarations: what it accepts, and what it says about what it does not."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.read import (
    read_document,
    read_environment,
    read_guests,
    read_identity,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import DeclarationError
from declare_files import COMPOSE, DECLARATION, MARK, Folder, marked_line

TWO_HOSTS = Path(__file__).parents[3] / "inventories" / "two_hosts" / "two_hosts.environment.yml"


def test_a_declaration_is_read_with_its_defaults(folder: Folder) -> None:
    environment = folder.read()
    web, db = environment.guests.values()
    assert environment.folder == str(folder.path)
    assert environment.networks["lan"].cidr == IPv4Network("10.80.0.0/24")
    assert (web.name, web.memory, web.vcpus, web.publish) == ("web", 768 * 1024**2, 1, {8080: 80})
    assert web.address == IPv4Address("10.80.0.11")
    assert web.compose is not None
    assert list(web.compose.services) == ["app", "redis"]
    assert db.compose is None


def test_the_two_hosts_of_the_repository_are_read() -> None:
    environment = read_environment(TWO_HOSTS)
    assert list(environment.guests) == ["web", "apps"]
    apps = environment.guests["apps"].compose
    assert apps is not None
    assert apps.services["app"].replicas == 2
    assert apps.services["app"].mem_limit == 96 * 1024**2
    assert apps.services["app"].build is not None
    assert apps.services["app"].build.context == str(TWO_HOSTS.parent / "compose/apps/app")


CASES = [
    ("name: lab\n", "name: Lab\n", "name", "must be a name: lower-case letters"),
    ("name: lab\n", "name: lab\nnetwork: {}\n", "network", "unknown key 'network'; did you mean 'networks'?"),
    ("name: lab\n", "name: lab\nfolder: /tmp\n", "folder", "unknown key 'folder'"),
    ("name: lab\n", "name: 5\n", "name", "it must be text; it is 5"),
    (
        "plugin: strata.kvm_docker.environment",
        "plugin: community.libvirt.libvirt",
        "plugin",
        "must be strata.kvm_docker",
    ),
    ("{suite: trixie}}", "{suit: trixie, suite: sid}}", "images.debian13.build.suit", "did you mean 'suite'?"),
    ("{build: {suite: trixie}}", "{}", "images.debian13", "exactly one of build and source is required"),
    ("{build: {suite: trixie}}", "{source: 'http://h/i'}", "images.debian13", "sha256 is required"),
    ("{build: {suite: trixie}}", "{source: x, sha256: abc}", "images.debian13.sha256", "SHA-256 digest"),
    ("{archive: redis.tar}", "{build: {suite: sid}}", "container_images.redis:7.build", "'packages' is required"),
    ("{archive: redis.tar}", "{}", "container_images.redis:7", "exactly one of build and archive"),
    ("cidr: 10.80.0.0/24", "cidr: 10.80.0.1/24", "networks.lan.cidr", "did you mean 10.80.0.0/24?"),
    ("cidr: 10.80.0.0/24", "cidr: 10.80.0", "networks.lan.cidr", "10.80.0"),
    ("    memory: 768 MiB", "    memory: much", "guests.web.memory", "'much' is not a size; write it like 768 MiB"),
    ("    memory: 768 MiB", "    memory: true", "guests.web.memory", "not a size"),
    ("    memory: 768 MiB", "    memory: 0", "guests.web.memory", "it must be at least 16 MiB; it is 0"),
    ("    memory: 768 MiB", "    memory: 768", "guests.web.memory", "it is 768, in bytes; did you mean 768 MiB?"),
    ("    memory: 768 MiB", "    memory: '2'", "guests.web.memory", "it is '2', in bytes; did you mean 2 GiB?"),
    ("    memory: 768 MiB", "    memory: -1", "guests.web.memory", "it must be at least 16 MiB; it is -1"),
    ("    memory: 768 MiB", "    memory_max: 768k", "guests.web.memory_max", "at least 16 MiB; it is '768k'"),
    ("    memory: 768 MiB", "    disk: 10", "guests.web.disk", "1 MiB; it is 10, in bytes; did you mean 10 GiB?"),
    ("    memory: 768 MiB", "    disks: {a: {size: 1000}}", "guests.web.disks.a.size", "did you mean 1000 MiB?"),
    ("    memory: 768 MiB", "    memroy: 1g", "guests.web.memroy", "did you mean 'memory'?"),
    ("    memory: 768 MiB", "    vcpus: '2'", "guests.web.vcpus", "it must be a whole number; it is '2'"),
    ("    memory: 768 MiB", "    vcpus: 1.5", "guests.web.vcpus", "whole number"),
    ("    memory: 768 MiB", "    vcpus: 0", "guests.web.vcpus", "at least 1"),
    ("    memory: 768 MiB", "    name: w", "guests.web.name", "unknown key 'name'"),
    ("    memory: 768 MiB", "    engine:", "guests.web.engine", "it must be a mapping (key: value); it is empty"),
    ("    memory: 768 MiB", "    groups: web", "guests.web.groups", "it must be a list; it is 'web'"),
    ("    memory: 768 MiB", "    groups: [a-b]", "guests.web.groups.0", "name of an Ansible group"),
    ("    memory: 768 MiB", "    groups: [all]", "guests.web.groups.0", "another meaning"),
    ("        address: 10.80.0.11", "        address: 10.80.0.999", "guests.web.networks.lan.address", "999"),
    (
        "        address: 10.80.0.11",
        "        address: 10.81.0.1",
        "guests.web.networks.lan.address",
        "outside of 10.80",
    ),
    (
        "        address: 10.80.0.11",
        "        address: 10.80.0.1",
        "guests.web.networks.lan.address",
        "hypervisor's address",
    ),
    (
        "        address: 10.80.0.11",
        "        address: 10.80.0.0",
        "guests.web.networks.lan.address",
        "of network lan itself",
    ),
    ("        address: 10.80.0.11", "        address: 10.80.0.255", "guests.web.networks.lan.address", "broadcast"),
    (
        "        address: 10.80.0.11",
        "        address: '{{ web_ip }}'",
        "guests.web.networks.lan.address",
        "a declaration is no template, so write the value itself",
    ),
    ("cidr: 10.80.0.0/24", "cidr: '{{ lan }}/24'", "networks.lan.cidr", "is no template"),
    (
        "        address: 10.80.0.11",
        "        address: 10.80.0.11/24",
        "guests.web.networks.lan.address",
        "write the address without prefix: 10.80.0.11",
    ),
    (
        "    compose: compose.yaml",
        "    compose: []",
        "guests.web.compose",
        "[] names no file; write the path of one, or leave the key out",
    ),
    ("    compose: compose.yaml", "    compose: nowhere.yaml", "guests.web.compose", "there is no file"),
    ("    compose: compose.yaml", "    compose: [1]", "guests.web.compose", "the path of a file, or a list of paths"),
    ("      8080: 80", "      808080: 80", "guests.web.publish.808080", "the key must be at most 65535"),
    ("      8080: 80", "      http: 80", "guests.web.publish.http", "the key must be a whole number"),
    ("      8080: 80", "      8080: '80'", "guests.web.publish.8080", "it must be a whole number; it is '80'"),
    ("      8080: 80", "      8080: 80\n      8080: 81", "guests.web.publish.8080", "is there already, in line 19"),
    ("  db:", "  Db:", "guests.Db", "must be a name"),
    ("  db:", "  d_b:", "guests.d_b", "no host name"),
    ("  db:", "  lab:", "guests.lab", "the environment's name"),
    ("{address: 10.80.0.12}", "{address: 10.80.0.11}", "guests.db.networks.lan.address", "of guest web already"),
    ("{address: 10.80.0.12}", "{mac: 52:54:00:00:00:01}", "guests.db.networks.lan", "'address' is required"),
    (
        "      lan: {address: 10.80.0.12}",
        "      wan: {address: 10.80.0.12}",
        "guests.db.networks.wan",
        "unknown network 'wan'",
    ),
]


@pytest.mark.parametrize(("old", "new", "path", "message"), CASES, ids=lambda value: str(value).strip()[:50])
def test_a_mistake_is_named_with_its_line_and_path(
    folder: Folder, change: Callable[[str, str, str], str], old: str, new: str, path: str, message: str
) -> None:
    end = "\n" if new.endswith("\n") else ""
    declaration = change(DECLARATION, old, new.removesuffix("\n") + MARK + end)
    problem = folder.problem(declaration)
    assert problem.file == str(folder.path / "lab.environment.yml")
    assert (problem.path, problem.line) == (path, marked_line(declaration))
    assert message in problem.message


def test_an_unknown_image_names_the_nearest_one(folder: Folder, change: Callable[[str, str, str], str]) -> None:
    declaration = change(DECLARATION, "image: debian13\n    memory", f"image: debian12{MARK}\n    memory")
    problem = folder.problem(declaration)
    assert (problem.line, problem.path) == (marked_line(declaration), "guests.web.image")
    assert problem.message == "unknown image 'debian12'; did you mean 'debian13'?"


def test_a_required_key_that_is_missing_is_named_at_its_mapping(
    folder: Folder, change: Callable[[str, str, str], str]
) -> None:
    problem = folder.problem(change(DECLARATION, "  db:\n    image: debian13\n", f"  db:{MARK}\n"))
    assert (problem.line, problem.path, problem.message) == (20, "guests.db", "'image' is required")


def test_mistakes_of_the_declaration_and_its_compose_file_come_at_once(folder: Folder) -> None:
    declaration = DECLARATION.replace("name: lab", "name: lab\ncolour: red").replace("10.80.0.12", "10.80.0.1")
    problems = folder.problems(declaration, COMPOSE.replace("image: app:1", "imag: app:1"))
    assert [(problem.line, problem.path) for problem in problems] == [
        (2, "services.app"),
        (3, "services.app.imag"),
        (3, "colour"),
        (24, "guests.db.networks.lan.address"),
    ]


def test_two_wrong_values_and_the_compose_file_of_an_invalid_declaration_are_all_reported(folder: Folder) -> None:
    declaration = DECLARATION.replace("768 MiB", "much").replace("10.80.0.0/24", "x")
    problems = folder.problems(declaration, COMPOSE.replace("1m30s", "soon"))
    assert {problem.path for problem in problems} == {
        "guests.web.memory",
        "networks.lan.cidr",
        "services.app.healthcheck.interval",
    }


def test_references_of_a_compose_file_with_a_wrong_value_are_checked_too(folder: Folder) -> None:
    compose = COMPOSE.replace("1m30s", "soon").replace("networks: [front]", "networks: [frnt]")
    assert [problem.path for problem in folder.problems(compose=compose)] == [
        "services.app.healthcheck.interval",
        "services.redis.networks.frnt",
    ]


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("name: [a\nb: 1\n", 2, "not valid YAML"),
        ("name: a\n\tb: 1\n", 2, "not valid YAML"),
        ("a: 1\n b: 2\n", 2, "not valid YAML"),
        ("a: *nothing\n", 1, "not valid YAML"),
        ("a: \x07\n", 1, "not valid YAML"),
        ("a: &a [*a]\n", 1, "stands inside of what it repeats"),
        ("- a\n", 1, "must be a mapping"),
        ("", 1, "must be a mapping"),
        ("a: 1\n---\nb: 2\n", 2, "not valid YAML"),
        ("[" * 1000, 0, "nested too deeply"),
    ],
)
def test_text_that_is_no_declaration_at_all_ends_in_one_message(
    folder: Folder, text: str, line: int, message: str
) -> None:
    problem = folder.problem(text)
    assert problem.line == line
    assert message in problem.message


def test_a_file_that_is_not_there_or_not_text_is_one_message(folder: Folder) -> None:
    with pytest.raises(DeclarationError, match="cannot be read: No such file"):
        read_environment(folder.path / "nowhere.environment.yml")
    (folder.path / "binary.environment.yml").write_bytes(b"name: lab\n\xff\xfe")
    with pytest.raises(DeclarationError, match=r":2: is not UTF-8 text"):
        read_environment(folder.path / "binary.environment.yml")


def test_aliases_of_aliases_do_not_fill_the_memory(folder: Folder) -> None:
    bomb = "a: &a [1,1,1,1,1,1,1,1,1,1]\n" + "".join(
        f"{new}: &{new} [{','.join(['*' + old] * 10)}]\n" for old, new in zip("abcdef", "bcdefg", strict=True)
    )
    assert "more than 50000 values" in folder.problem(bomb).message


def test_anchors_and_merge_keys_work_and_own_keys_win(folder: Folder) -> None:
    declaration = DECLARATION.replace("  web:\n", "  web: &base\n").replace(
        "  db:\n    image: debian13\n",
        "  db:\n    memory: 1g\n    compose: compose.yaml\n    publish: {}\n    <<: *base\n",
    )
    db = folder.read(declaration).guests["db"]
    assert (db.image, db.memory, db.publish, db.address) == ("debian13", 1024**3, {}, IPv4Address("10.80.0.12"))


def test_a_mistake_in_a_merged_part_is_found_where_it_is_written(folder: Folder) -> None:
    declaration = DECLARATION.replace("  web:\n", "  web: &base\n").replace(
        "    memory: 768 MiB", f"    memory: x{MARK}"
    )
    declaration = declaration.replace("  db:\n", "  db:\n    <<: *base\n    publish: {}\n")
    problems = folder.problems(declaration)
    assert {problem.path for problem in problems} == {"guests.web.memory", "guests.db.memory"}
    assert {problem.line for problem in problems} == {marked_line(declaration)}


def test_numbers_are_read_as_yaml_1_2_and_words_stay_words(folder: Folder) -> None:
    compose = COMPOSE.replace(
        "GREETING: hello", "GREETING: yes\n      MASK: 0o22\n      OLD: 0022\n      DAY: 2026-01-01"
    )
    project = folder.read(compose=compose).guests["web"].compose
    assert project is not None
    assert project.services["app"].environment == {"GREETING": "yes", "MASK": "18", "OLD": "18", "DAY": "2026-01-01"}


def test_the_name_and_uri_of_a_broken_declaration_are_known(folder: Folder) -> None:
    file = folder.write(DECLARATION.replace("768 MiB", "much") + "hypervisor: {uri: 'qemu:///session'}\n")
    assert read_identity(file) == ("lab", "qemu:///session")


def test_an_inventory_reads_guests_without_the_compose_files(folder: Folder) -> None:
    file = folder.write(compose="services: [broken\n")
    assert list(read_guests(file).guests) == ["web", "db"]


def test_a_later_check_knows_the_lines_of_the_declaration(folder: Folder) -> None:
    from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.checks import HostFacts

    document = read_document(folder.write())
    (problem,) = document.problems(HostFacts(memory=1024**3))
    assert problem.line == 20
    assert problem.path == "guests.db.memory"


def test_several_compose_files_and_profiles_of_a_guest_make_one_project(folder: Folder) -> None:
    (folder.path / "more.yaml").write_text(
        "services:\n  app: {image: 'app:2'}\n  debug: {image: 'debug:1', profiles: [debug]}\n"
    )
    both = DECLARATION.replace("    compose: compose.yaml\n", "    compose: [compose.yaml, more.yaml]\n")
    project = folder.read(both).guests["web"].compose
    assert project is not None
    assert {name: service.image for name, service in project.services.items()} == {"app": "app:2", "redis": "redis:7"}
    active = folder.read(both.replace("more.yaml]\n", "more.yaml]\n    profiles: [debug]\n")).guests["web"]
    assert active.profiles == ("debug",)
    assert active.compose is not None
    assert list(active.compose.services) == ["app", "redis", "debug"]


def test_a_profile_that_no_service_has_is_refused(folder: Folder) -> None:
    declaration = DECLARATION.replace(
        "    compose: compose.yaml\n", "    compose: compose.yaml\n    profiles: [debug]\n"
    )
    problem = folder.problem(declaration)
    assert problem.path == "guests.web.profiles.0"
    assert problem.message == "unknown profile 'debug'; none is declared"
