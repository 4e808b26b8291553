# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Our reader of Compose files against Debian 13's `docker compose`: one file, the same meaning."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.compose import Project
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.read_compose import read_compose
from environments import REPOSITORY

pytestmark = pytest.mark.lab

COMPOSE = """\
name: shop
x-common: &common
  tty: true
  labels: {a: , b: 1}
services:
  app:
    <<: *common
    image: app:1
    env_file: app.env
    environment: {A: 1, B: true, D: 1.50, E: 0022, F: 0o22, G: 1e3, H: yes, J: 1_000, K: 0x1F, M: ""}
    command: 'run "a b" c\\ d'
    hostname: "${UNSET:-a$$b}${UNSET:+c}${SET}"
    ports: ["8001-8002:8000", "3000-3001", "81-82:1-2/udp", "127.0.0.1:90:90"]
    volumes: ["/x:/y:ro", "data:/d", "/anonymous"]
    deploy: {replicas: 2, resources: {limits: {cpus: "0.5", memory: 1.5g}}}
    stop_grace_period: 1m30s
volumes: {data: }
"""
ENV_FILE = """\
X1=early
A1=plain # note
A2="q\\n$X1 \\$Y" # note
A3='s $Z'
export A4=z
A5=a#b
A6: yaml
A7=
A8=${A1}-x
A9="a b"
"""


@pytest.fixture
def both(tmp_path: Path) -> tuple[Project, dict[str, Any]]:
    """The project as we read it, and as `docker compose config` shows it."""
    file = tmp_path / "compose.yaml"
    file.write_text(COMPOSE)
    (tmp_path / "app.env").write_text(ENV_FILE)
    (tmp_path / ".env").write_text("SET=yes\n")
    tool = subprocess.run([REPOSITORY / "tools" / "docker-compose"], capture_output=True, text=True, check=True)
    shown = subprocess.run(
        [tool.stdout.strip(), "-f", file, "config", "--format", "json"],
        capture_output=True,
        text=True,
        check=True,
    )
    return read_compose(file, "web"), json.loads(shown.stdout.replace("$$", "$"))


def test_a_file_means_what_it_means_to_docker_compose(both: tuple[Project, dict[str, Any]]) -> None:
    ours, theirs = both
    app, service = ours.services["app"], theirs["services"]["app"]
    assert ours.name == theirs["name"]
    assert app.environment == service["environment"]
    assert list(app.command or ()) == service["command"]
    assert app.hostname == service["hostname"]
    assert app.labels == service["labels"]
    assert app.tty == service["tty"]
    limits = service["deploy"]["resources"]["limits"]
    assert (app.replicas, app.cpus, str(app.mem_limit)) == (
        service["deploy"]["replicas"],
        float(limits["cpus"]),
        limits["memory"],
    )
    assert [(port.target, port.published, port.host_ip, port.protocol) for port in app.ports] == [
        (port["target"], port.get("published"), port.get("host_ip"), port["protocol"]) for port in service["ports"]
    ]
    assert [(mount.type, mount.source, mount.target, mount.read_only) for mount in app.mounts] == [
        (mount["type"], mount.get("source"), mount["target"], mount.get("read_only", False))
        for mount in service["volumes"]
    ]
    assert {name: network.name for name, network in ours.networks.items()} == {
        name: network["name"] for name, network in theirs["networks"].items()
    }
    assert {volume.name for volume in ours.volumes.values()} == {item["name"] for item in theirs["volumes"].values()}
