# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values planted wherever a user can write a secret are in nothing that we show, mark or start, on a real engine."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.read_compose import read_compose
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker import file_mounts
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import ContainerError
from ansible_collections.strata.kvm_docker.plugins.module_utils.masking import Masker, hidden
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan import show
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.model import Plan
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.secrets import Seal
from ansible_collections.strata.kvm_docker.plugins.module_utils.progress import Progress
from container_lab import IMAGE, LocalShell, Stack

pytestmark = pytest.mark.lab

COMPOSE = f"""\
services:
  app:
    image: {IMAGE}
    command: [sh, -c, "trap 'exit 0' TERM; sleep 3600 & wait", --password=plant-command]
    stop_grace_period: 1s
    environment:
      DB_PASSWORD: plant-environment
      CACHE: redis://:plant-url@cache:6379/0
    env_file: app.env
    labels: {{deploy-token: plant-label, proxy.users: "me:$$apr1$$plant-hash"}}
    healthcheck: {{test: [CMD, "true", --token, plant-healthcheck], interval: 200ms}}
    logging: {{driver: json-file, options: {{tag: "--auth-token=plant-logging"}}}}
    secrets: [written, variable]
    configs: [settings]
    volumes: ["data:/data"]
    networks: [front]
networks:
  front: {{labels: {{join-secret: plant-network}}}}
volumes:
  data: {{labels: {{vault-token: plant-volume}}}}
secrets:
  written: {{file: written.txt}}
  variable: {{environment: VARIABLE}}
configs:
  settings: {{content: "greeting: plant-config"}}
"""
PLANT = re.compile(r"plant-\w+")
#: A process that a user declares has the arguments that the user gives it.
OWN_ARGUMENTS = {"plant-command", "plant-healthcheck"}


@pytest.fixture
def mine(stack: Callable[..., Stack], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stack:
    (tmp_path / "compose.yaml").write_text(COMPOSE)
    (tmp_path / "app.env").write_text("API_KEY=plant-envfile\n")
    (tmp_path / ".env").write_text("VARIABLE=plant-variable\n")
    (tmp_path / "written.txt").write_text("plant-file\nplant-secondline\n")
    monkeypatch.setattr(file_mounts, "ROOT", tmp_path / "files")
    made = stack("planted")
    made.project = read_compose(tmp_path / "compose.yaml", "planted")
    made.shell, made.seal = LocalShell(), Seal(b"k" * 32)
    return made


def planted(*told: Any) -> set[str]:
    """Planted values in *told*, whatever it is."""
    return {found for item in told for found in PLANT.findall(item if isinstance(item, str) else json.dumps(item))}


def everything_shown(plan: Plan, mask: Masker) -> list[Any]:
    """What front ends make of a plan, and what a person prints of it."""
    differences = [str(difference) for change in plan for difference in change.differences]
    return [show.as_data(plan, mask.data), show.as_diff(plan, mask.data), [str(change) for change in plan], differences]


def marks(stack: Stack) -> list[str]:
    """Our marks on every object of the environment."""
    mine = {"label": f"strata.environment={stack.name}"}
    rows = [*stack.client.containers(all=True, filters=mine), *stack.client.networks(filters=mine)]
    rows += stack.client.volumes(filters=mine)["Volumes"] or []
    return [label for row in rows for name, label in row["Labels"].items() if name.startswith("strata.")]


def test_every_planted_value_reaches_the_engine_and_nothing_else(mine: Stack) -> None:
    with hidden(mine.environment, Progress()) as mask, watched_arguments() as arguments:
        first = everything_shown(mine.plan(), mask)
        mine.run()
        mine.settle("planted-app-1")
    assert planted(mine.inspect("planted-app-1")["Config"]["Env"]) >= {"plant-environment", "plant-url"}
    assert planted(*first) == set()
    assert len(marks(mine)) > 3
    assert planted(*marks(mine)) == set()
    assert planted(*mine.events) == set()
    assert planted(*arguments) <= OWN_ARGUMENTS
    assert not mine.plan()


def test_a_new_secret_is_planned_and_its_diff_shows_neither_the_old_nor_the_new_one(mine: Stack) -> None:
    mine.run()
    app = mine.project.services["app"]
    mine.change(
        "app", environment={**app.environment, "DB_PASSWORD": "plant-new"}, command=("sh", "--pass=plant-other")
    )
    plan = mine.plan()
    (change,) = plan
    leaves = {".".join(difference.path): difference.cause for difference in change.differences}
    assert leaves == {"Config.Env.DB_PASSWORD": "declaration", "Config.Cmd": "declaration"}
    assert planted(*everything_shown(plan, Masker())) == set()


def test_secrets_that_a_failing_container_logs_are_masked_in_its_error(mine: Stack) -> None:
    line = "cat /run/secrets/written /run/secrets/variable; echo; echo $DB_PASSWORD $CACHE; exit 3"
    mine.change("app", command=("sh", "-c", line), healthcheck=None)
    mine.run()

    def settle() -> None:
        with hidden(mine.environment, Progress()):
            mine.settle("planted-app-1")

    with pytest.raises(ContainerError, match="exited with code 3") as caught:
        settle()
    assert "********" in str(caught.value)
    assert planted(str(caught.value)) == set()


def test_a_mark_made_with_a_lost_key_changes_nothing(mine: Stack) -> None:
    mine.run()
    mine.seal = replace(mine.seal, key=b"another")
    assert not mine.plan()


@contextmanager
def watched_arguments() -> Iterator[set[str]]:
    """Command lines of every process that is seen while the block runs."""
    seen: set[str] = set()
    stop = threading.Event()

    def watch() -> None:
        while not stop.wait(0.01):
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    seen.add(path.read_bytes().decode(errors="replace"))
                except OSError:
                    continue

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
        thread.join()
