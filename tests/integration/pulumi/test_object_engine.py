# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects of a real engine behind the stand-in of a guest, by the provider's protocol: images, files of containers."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import image_archives
import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils import seal_key
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.read import read_environment
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.replicas import replicas
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker import file_mounts
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest import access
from declared import Declaration
from gate_client import Gate
from stand_in import ADDRESS, StandIn

pytestmark = pytest.mark.lab

OBJECT = "urn:pulumi:dev::shop::strata:index:Object::image"
FILES = "urn:pulumi:dev::shop::strata:index:ContainerFiles::app"
PASSWORD = "correct-horse-4711"
COMPOSE = """
name: shop
services:
  app:
    image: tiny:1
    secrets: [password]
secrets:
  password: {file: password.txt}
"""
SECTIONS: dict[str, Any] = {
    "images": {"debian": {"build": {"suite": "trixie"}}},
    "container_images": {"tiny:1": {"archive": "tiny.tar"}},
    "networks": {"lan": {"cidr": "10.83.0.0/24"}},
    "guests": {
        "web": {"image": "debian", "networks": {"lan": {"address": ADDRESS}}, "compose": "compose.yaml"},
    },
}


@pytest.fixture
def declaration(guest: StandIn, tmp_path: Path) -> Declaration:
    """One guest with one service, whose image is an archive."""
    (tmp_path / "compose.yaml").write_text(COMPOSE)
    (tmp_path / "password.txt").write_text(PASSWORD)
    image_archives.docker_archive(tmp_path / "tiny.tar", [(["tiny:1"], b"one")])
    seal_key.have("lab", guest.folders)
    made = Declaration(path=tmp_path / "lab.environment.yml", folders=guest.folders)
    made.write(**SECTIONS)
    return made


def files(declaration: Declaration) -> dict[str, Any]:
    """The inputs of the files of the service's container."""
    replica = replicas(read_environment(declaration.path).guests["web"].compose)["shop-app-1"]
    found = file_mounts.file_mounts(replica, seal_key.find("lab", declaration.folders))
    place = {"declaration": str(declaration.path), "environment": "lab", "guest": "web", "name": "shop-app-1"}
    return {**place, "files": [file.path for file in found]}


def on_guest(guest: StandIn, command: str) -> str:
    shell = access.shell("lab", "web", guest.folders)
    shell.connect()
    return shell.run(command).decode()


def test_an_image_is_put_on_the_engine_and_removed(configured: Gate, declaration: Declaration, guest: StandIn) -> None:
    gate, given = configured.about(OBJECT), declaration.given("image", "tiny:1", "web")
    identity, outputs = gate.create(given)
    client = guest.engine.client()
    assert identity == "lab/image/web/tiny:1"
    assert outputs["handle"] == {"id": client.inspect_image("tiny:1")["Id"], "volumes": ""}
    assert gate.read(outputs, given, identity) == (identity, given, outputs)
    client.remove_image("tiny:1", force=True)
    assert gate.update(given, given, outputs)["handle"] == outputs["handle"]
    gate.delete(identity, given)
    assert "tiny:1" not in [tag for image in client.images() for tag in image["RepoTags"] or ()]
    assert gate.read(outputs, given, identity)[0] == ""
    client.close()


def test_an_image_of_another_source_is_updated(configured: Gate, declaration: Declaration, tmp_path: Path) -> None:
    gate, given = configured.about(OBJECT), declaration.given("image", "tiny:1", "web")
    identity, outputs = gate.create(given)
    image_archives.docker_archive(tmp_path / "tiny.tar", [(["tiny:1"], b"two")])
    later = declaration.given("image", "tiny:1", "web")
    assert list(gate.diff(given, later, outputs).diffs) == ["spec.source"]
    assert gate.update(given, later)["handle"] != outputs["handle"]
    gate.delete(identity, later)


def test_an_engine_that_does_not_answer_keeps_the_state_with_a_problem(
    configured: Gate, declaration: Declaration, guest: StandIn
) -> None:
    gate, given = configured.about(OBJECT), declaration.given("image", "tiny:1", "web")
    guest.stop()
    state = {**given, "handle": {"id": "sha256:0", "volumes": ""}, "made": "", "due": "", "reported": [], "problem": ""}
    _identity, inputs, told = gate.read(state, given, "lab/image/web/tiny:1")
    assert inputs == given
    assert told.pop("problem").startswith("guest web: SSH does not answer after 10 s")
    assert {**told, "problem": ""} == state
    assert list(gate.diff(given, given, {**told, "problem": "x"}).diffs) == ["problem"]


def test_a_connection_that_has_ended_is_a_problem_once(
    configured: Gate, declaration: Declaration, guest: StandIn
) -> None:
    gate, given = configured.about(OBJECT), declaration.given("image", "tiny:1", "web")
    identity, outputs = gate.create(given)
    guest.stop()
    guest.boot()
    assert gate.read(outputs, given, identity)[2]["problem"]
    time.sleep(2.5)  # for that long a look is as good as new
    assert gate.read(outputs, given, identity) == (identity, given, outputs)
    gate.delete(identity, given)


def test_files_of_a_container_are_written_put_right_and_removed(
    configured: Gate, declaration: Declaration, guest: StandIn
) -> None:
    gate, given = configured.about(FILES), files(declaration)
    (path,) = given["files"]
    identity, outputs = gate.create(given)
    assert identity == "lab/web/shop-app-1"
    assert outputs == {**given, "edited": {}, "problem": ""}
    assert on_guest(guest, f"cat {path}") == PASSWORD
    assert gate.read(outputs, given, identity) == (identity, given, outputs)
    on_guest(guest, f"echo other > {path}")
    gate.update(given, given)
    on_guest(guest, f"echo other > {path}")
    _identity, _inputs, state = gate.read(outputs, given, identity)
    assert state == {**outputs, "edited": {path: "changed"}}
    assert list(gate.diff(given, given, state).diffs) == ["edited"]
    assert gate.update(given, given) == outputs
    assert on_guest(guest, f"cat {path}") == PASSWORD
    gate.delete(identity, given)
    assert on_guest(guest, f"ls {Path(path).parent} 2>&1 || true").startswith("ls:")
    assert gate.read(outputs, given, identity)[0] == ""


def test_other_content_is_another_file_and_the_former_one_stays_for_who_runs_on_it(
    configured: Gate, declaration: Declaration, guest: StandIn, tmp_path: Path
) -> None:
    gate, given = configured.about(FILES), [files(declaration)]
    gate.create(given[0])
    for content in ("two", "three"):
        (tmp_path / "password.txt").write_text(content)
        given.append(files(declaration))
        assert list(gate.diff(given[-2], given[-1], {}).diffs) == ["files"]
        gate.update(given[-2], given[-1])
    there = on_guest(guest, f"ls {Path(given[0]['files'][0]).parent}/*").split()
    assert sorted(there) == sorted([*given[1]["files"], *given[2]["files"]])
    gate.delete("lab/web/shop-app-1", given[-1])


def test_no_answer_tells_the_content_of_a_file(configured: Gate, declaration: Declaration, guest: StandIn) -> None:
    gate, given = configured.about(FILES), files(declaration)
    assert PASSWORD not in str(gate.create(given))
    wrong = {**given, "files": [f"{given['files'][0]}0"]}
    _code, message = gate.refused("Create", gate.create_request(wrong))
    assert message.startswith("container web/shop-app-1: the declaration has changed meanwhile")
    assert PASSWORD not in message
    gate.delete("lab/web/shop-app-1", given)


def test_files_must_lie_in_the_folder_of_one_container(shared: Gate) -> None:
    gate = shared.about(FILES)
    given = {"declaration": "/d.yml", "environment": "lab", "guest": "web", "name": "app", "files": ["/etc/passwd"]}
    assert gate.check(given) == {
        "files": "it must be paths of files in one folder /var/lib/strata/PROJECT/CONTAINER; it is a list"
    }
