# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What only one can have: a name on an engine or in an inventory, a target in a container, a namespace."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from declare_files import DECLARATION, MARK, Folder, marked_line

COMPOSE = """\
services:
  app:
    image: app:1
  off:
    image: app:1
    scale: 0
  job:
    image: app:1
  after:
    image: app:1
    depends_on: {job: {condition: service_completed_successfully}}
networks:
  front:
volumes:
  data:
secrets:
  key: {file: compose.yaml}
  other: {file: compose.yaml}
configs:
  motd: {content: welcome}
"""

CASES = [
    ("    container_name: a.strata-old", "services.app.container_name", "mark containers that are being replaced"),
    ("    container_name: a.strata-next", "services.app.container_name", "take another name"),
    ("    network_mode: service:off", "services.app.network_mode", "service 'off' has no container (0 replicas)"),
    ("    pid: service:off", "services.app.pid", "service 'off' has no container (0 replicas)"),
    ("    ipc: service:job", "services.app.ipc", "service 'job' ends by itself"),
    ("    container_name: web-job-1", "services.job", "container web-job-1 is made by service app already"),
    (
        "    volumes: ['data:/data']\n    secrets:\n      - {source: key, target: /data/}",
        "services.app.secrets.0",
        "/data is the target of a volume already; write another target",
    ),
    (
        "    secrets:\n      - key\n      - {source: other, target: key}",
        "services.app.secrets.1",
        "/run/secrets/key is the target of secret 'key' already",
    ),
    (
        "    secrets: [key]\n    configs:\n      - {source: motd, target: /run/secrets/key}",
        "services.app.configs.0",
        "/run/secrets/key is the target of secret 'key' already",
    ),
]


@pytest.mark.parametrize(("added", "path", "message"), CASES)
def test_what_only_one_can_have_is_refused(folder: Folder, added: str, path: str, message: str) -> None:
    marked = f"{added}{MARK}" if path.startswith("services.app") else added
    compose = COMPOSE.replace("    image: app:1\n", f"    image: app:1\n{marked}\n", 1)
    problem = folder.problem(compose=compose)
    assert (problem.path, message in problem.message) == (path, True), problem
    assert problem.file == str(folder.path / "compose.yaml")
    if MARK in compose:
        assert problem.line == marked_line(compose)


@pytest.mark.parametrize(
    ("section", "first", "second"),
    [
        ("volumes", "data", "more: {name: web_data}"),
        ("networks", "front", "more: {name: web_front}"),
        ("networks", "front", "more: {name: web_front, external: true}"),
    ],
)
def test_two_of_one_name_on_the_engine_are_refused(folder: Folder, section: str, first: str, second: str) -> None:
    compose = COMPOSE.replace(f"  {first}:\n", f"  {first}:\n  {second}{MARK}\n")
    problem = folder.problem(compose=compose)
    assert (problem.line, problem.path) == (marked_line(compose), f"{section}.more")
    assert problem.message == f"is 'web_{first}' on the engine, as '{first}' is; keep one of them, or rename one"


@pytest.mark.parametrize("name", ["bridge", "host", "none"])
def test_a_network_of_the_engines_own_cannot_be_made(folder: Folder, name: str) -> None:
    compose = COMPOSE.replace("  front:\n", f"  front: {{name: {name}}}{MARK}\n")
    problem = folder.problem(compose=compose)
    assert (problem.line, problem.path) == (marked_line(compose), "networks.front.name")


@pytest.mark.parametrize("name", ["localhost", "all", "ungrouped", "hypervisors", "guests"])
def test_a_guest_cannot_have_a_name_that_inventories_have_another_meaning_for(
    folder: Folder, change: Callable[[str, str, str], str], name: str
) -> None:
    declaration = change(DECLARATION, "  db:\n", f"  {name}:{MARK}\n")
    problem = folder.problem(declaration, COMPOSE)
    assert (problem.line, problem.path) == (marked_line(declaration), f"guests.{name}")
    assert "another meaning in an inventory" in problem.message


@pytest.mark.parametrize("name", ["all", "hypervisors", "localhost"])
def test_an_environment_cannot_have_the_name_of_another_group(
    folder: Folder, change: Callable[[str, str, str], str], name: str
) -> None:
    declaration = change(DECLARATION, "name: lab\n", f"name: {name}{MARK}\n")
    problem = folder.problem(declaration, COMPOSE)
    assert (problem.line, problem.path) == (marked_line(declaration), "name")


@pytest.mark.parametrize(
    ("image", "what"),
    [
        ("{build: {suite: trixie, mirror: 'http://me:hunter2@mirror/debian'}}", "build.mirror"),
        (f"{{source: 'https://me:hunter2@host/a.qcow2', sha256: {'a' * 64}}}", "source"),
    ],
)
def test_an_image_from_a_url_with_a_password_is_refused_without_showing_it(
    folder: Folder, change: Callable[[str, str, str], str], image: str, what: str
) -> None:
    declaration = change(DECLARATION, "{build: {suite: trixie}}", f"{image}{MARK}")
    problem = folder.problem(declaration, COMPOSE)
    assert (problem.line, problem.path) == (marked_line(declaration), "images.debian13")
    assert f"{what} is a URL with a password" in problem.message
    assert "hunter2" not in str(problem)
