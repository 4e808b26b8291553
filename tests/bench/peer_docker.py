# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Containers: ours, ``docker compose`` and community.docker at the same work on one engine.

Each has a project of its own with the same services; those of the others are there meanwhile, and count for nobody.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from figure import Figure
from lab import LabEngine
from peer_tools import PLAIN, REPOSITORY, Peers, alternate, run, timed

IMAGE = "strata-bench/busybox:1"
#: Unchanged containers that the loop is timed with; more are told by the line through both.
LOOPS = (20, 60)
_LAYER = Path(__file__).with_name("layer_process.py")
_PLAY = {"hosts": "localhost", "connection": "local", "gather_facts": False}
_PYTHON = {"ansible_python_interpreter": "{{ ansible_playbook_python }}"}


def services(count: int, level: str = "info") -> dict[str, Any]:
    """*count* services that run until they are killed; *level* is what the last but ten is told to log."""
    return {
        f"s{number:03}": {
            "image": IMAGE,
            "command": ["sleep", "1000000"],
            "stop_signal": "SIGKILL",
            "environment": {"NUMBER": str(number), "TZ": "UTC", "LEVEL": level if number == 10 else "info"},
            "labels": {"tier": "bench", "number": str(number)},
            "restart": "unless-stopped",
            "mem_limit": "64m",
            "cap_drop": ["NET_RAW"],
        }
        for number in range(1, count + 1)
    }


@dataclass(frozen=True)
class Contest:
    """The contestants on one engine; each method does one run and tells its seconds."""

    engine: LabEngine
    peers: Peers
    folder: Path
    rounds: int

    @property
    def _host(self) -> str:
        return f"unix://{self.engine.socket}"

    def _project(self, name: str, declared: Mapping[str, Any]) -> Path:
        """A Compose file is JSON too; what is read fast by one reader is read fast by all."""
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        file = folder / "compose.yaml"
        file.write_text(json.dumps({"name": name, "services": declared}))
        return file

    def strata(self, declared: Mapping[str, Any], *, changes: int | None = None, wait: bool = False) -> float:
        """Our core in a fresh process, from an open connection on: what a module does inside."""
        file = self._project("strata", declared)
        told = json.loads(run(sys.executable, _LAYER, "engine", self.engine.socket, file, "wait" if wait else "go"))
        if changes is not None and len(told["changes"]) != changes:
            raise RuntimeError(f"{changes} changes were to be made, and not {told['changes']}")
        return float(told["seconds"])

    def strata_playbook(self, declared: Mapping[str, Any]) -> float:
        """A playbook with our module ``container``."""
        task = {
            "docker_host": self._host,
            "environment": "strata",
            "state_folder": str(self.folder / "state"),
            "project_name": "strata",
            "services": declared,
            "wait": False,
        }
        play = self._play("strata", [{"name": "Containers", "strata.kvm_docker.container": task}])
        playbook = Path(sys.executable).with_name("ansible-playbook")
        ours = {**PLAIN, "ANSIBLE_COLLECTIONS_PATH": str(REPOSITORY / "collections")}
        return timed(lambda: _unchanged(run(playbook, "-i", "localhost,", play, environment=ours)))()

    def compose(self, declared: Mapping[str, Any], *, wait: bool = False) -> float:
        """``docker compose up``."""
        file = self._project("compose", declared)
        arguments = ("--progress", "quiet", "-f", file, "up", "--detach", *(("--wait",) if wait else ()))
        return timed(lambda: run(self.peers.compose, *arguments, environment={"DOCKER_HOST": self._host}))()

    def compose_playbook(self, declared: Mapping[str, Any]) -> float:
        """A playbook with docker_compose_v2, which runs ``docker compose up``."""
        file = self._project("compose", declared)
        plugin = self.folder / "docker/cli-plugins/docker-compose"
        if not plugin.exists():
            plugin.parent.mkdir(parents=True)
            plugin.symlink_to(self.peers.compose)
        task = {"docker_host": self._host, "project_src": str(file.parent)}
        play = self._play("compose", [{"name": "Project", "community.docker.docker_compose_v2": task}])
        environment = {"DOCKER_CONFIG": str(plugin.parent.parent)}
        return timed(lambda: self.peers.run_playbook("-i", "localhost,", play, environment=environment))()

    def loop_playbook(self, declared: Mapping[str, Any]) -> float:
        """A playbook with docker_container in a loop, as its users write it."""
        container = {
            "docker_host": self._host,
            "name": "loop-{{ item.key }}",
            "networks": [{"name": "loop_default"}],
            **{option: f"{{{{ item.value.{option} }}}}" for option in ("image", "command", "labels", "stop_signal")},
            "env": "{{ item.value.environment }}",
            "restart_policy": "{{ item.value.restart }}",
            "memory": "{{ item.value.mem_limit }}",
            "cap_drop": "{{ item.value.cap_drop }}",
        }
        tasks = [
            {"community.docker.docker_network": {"docker_host": self._host, "name": "loop_default"}},
            {"community.docker.docker_container": container, "loop": "{{ declared | dict2items }}"},
        ]
        play = self._play("loop", tasks, {"declared": declared})
        return timed(lambda: self.peers.run_playbook("-i", "localhost,", play))()

    def empty_playbook(self) -> float:
        """What every playbook costs."""
        return timed(lambda: self.peers.run_playbook("-i", "localhost,", self._play("empty", [])))()

    def _play(self, name: str, tasks: list[dict[str, Any]], variables: Mapping[str, Any] | None = None) -> Path:
        play = self.folder / f"{name}.yml"
        play.write_text(json.dumps([{**_PLAY, "vars": {**_PYTHON, **(variables or {})}, "tasks": tasks}]))
        return play

    def clear(self) -> None:
        """No containers, and no networks of projects."""
        client = self.engine.client()
        with ThreadPoolExecutor(4) as pool:
            rows = client.containers(all=True, quiet=True)
            list(pool.map(lambda row: client.remove_container(row["Id"], force=True, v=True), rows))
        client.prune_networks()
        client.close()


def _unchanged(output: str) -> None:
    if "changed=0" not in output:
        raise RuntimeError(f"nothing was to be changed:\n{output}")


def containers(contest: Contest) -> Iterator[Figure]:
    """All the work on containers, from 20 to 300 of them."""
    contest.strata(services(20))
    contest.compose(services(20))
    few = unchanged(contest, 20)
    yield from told_unchanged(few, 20)
    yield from created(contest, 100)
    yield from changed(contest, 100)
    yield from told_unchanged(unchanged(contest, 100), 100)
    peer = loop(contest)
    yield from peer.figures()
    contest.strata(services(300))
    contest.compose(services(300))
    many = unchanged(contest, 300)
    yield from told_unchanged(many, 300)
    yield Figure("300 unchanged: inside our module", many["strata"], 0.6, "s")
    yield Figure("  times `docker compose up -d`", many["strata"] / many["compose"], 4, "x")
    yield Figure("  times that of 20, which are a fifteenth", many["strata"] / few["strata"], 15, "x")
    yield from _against_loop(many, peer)


def unchanged(contest: Contest, count: int) -> dict[str, float]:
    """The medians of everybody who takes all containers in one call."""
    declared = services(count)
    contestants: dict[str, Callable[[], float]] = {
        "strata": lambda: contest.strata(declared, changes=0),
        "compose": lambda: contest.compose(declared),
        "strata playbook": lambda: contest.strata_playbook(declared),
        "compose playbook": lambda: contest.compose_playbook(declared),
    }
    return alternate(contest.rounds, contestants)


def told_unchanged(medians: Mapping[str, float], count: int) -> Iterator[Figure]:
    """The medians without bounds."""
    yield Figure(f"{count} unchanged: inside our module", medians["strata"], unit="s")
    yield Figure("  `docker compose up -d`", medians["compose"], unit="s")
    yield Figure("  whole playbook with container", medians["strata playbook"], unit="s")
    yield Figure("  whole playbook with docker_compose_v2", medians["compose playbook"], unit="s")


def created(contest: Contest, count: int) -> Iterator[Figure]:
    """Everything from nothing; like is compared with like: ``up -d`` does not wait, ``up -d --wait`` does."""
    declared = services(count)

    def ours(wait: bool) -> float:
        contest.clear()
        return contest.strata(declared, changes=count + 1, wait=wait)

    def theirs(wait: bool) -> float:
        contest.clear()
        return contest.compose(declared, wait=wait)

    contestants: dict[str, Callable[[], float]] = {
        "strata": lambda: ours(False),
        "compose": lambda: theirs(False),
        "strata waits": lambda: ours(True),
        "compose waits": lambda: theirs(True),
    }
    yield from _compared(f"{count} created", alternate(max(contest.rounds // 2, 1), contestants))
    contest.strata(declared)


def changed(contest: Contest, count: int) -> Iterator[Figure]:
    """One service of many gets another environment."""
    levels = iter(f"level{number}" for number in range(10**6))
    contestants: dict[str, Callable[[], float]] = {
        "strata": lambda: contest.strata(services(count, next(levels)), changes=1),
        "compose": lambda: contest.compose(services(count, next(levels))),
        "strata waits": lambda: contest.strata(services(count, next(levels)), changes=1, wait=True),
        "compose waits": lambda: contest.compose(services(count, next(levels)), wait=True),
    }
    yield from _compared(f"one changed among {count}", alternate(contest.rounds, contestants))
    contest.strata(services(count))
    contest.compose(services(count))


def _compared(work: str, medians: Mapping[str, float]) -> Iterator[Figure]:
    """The bound is on the pair that does not wait; of the other, ours waits for more (docs/bench.md)."""
    for how, command in (("", "up -d"), (" waits", "up -d --wait")):
        ours, theirs = medians[f"strata{how}"], medians[f"compose{how}"]
        yield Figure(f"{work}: inside our module{', wait: true' if how else ''}", ours, unit="s")
        yield Figure(f"  `docker compose {command}`", theirs, unit="s")
        yield Figure("  ours to theirs", ours / theirs, None if how else 1, "x")


@dataclass(frozen=True)
class Loop:
    """The loop of docker_container: medians of whole playbooks with as many as ``LOOPS`` tells, and of an empty one."""

    few: float
    more: float
    empty: float

    @property
    def each(self) -> float:
        """Seconds of one more container."""
        return (self.more - self.few) / (LOOPS[1] - LOOPS[0])

    def figures(self) -> Iterator[Figure]:
        """Without bounds."""
        for count, seconds in zip(LOOPS, (self.few, self.more), strict=True):
            yield Figure(f"{count} unchanged: whole playbook with a loop of docker_container", seconds, unit="s")
        yield Figure("  each, by the line through both", self.each, unit="s")
        yield Figure("  empty playbook", self.empty, unit="s")


def loop(contest: Contest) -> Loop:
    """Measured while about 300 containers are on the engine."""
    contest.loop_playbook(services(LOOPS[1]))
    contestants: dict[str, Callable[[], float]] = {
        "few": lambda: contest.loop_playbook(services(LOOPS[0])),
        "more": lambda: contest.loop_playbook(services(LOOPS[1])),
        "empty": contest.empty_playbook,
    }
    return Loop(**alternate(max(contest.rounds // 2, 1), contestants))


def _against_loop(many: Mapping[str, float], peer: Loop) -> Iterator[Figure]:
    """Both without what an empty playbook takes."""
    ours = many["strata playbook"] - peer.empty
    yield Figure("300 unchanged in a loop of docker_container, told by that line", 300 * peer.each, unit="s")
    yield Figure("  as a multiple of the task with our module", 300 * peer.each / ours, 100, "x", at_least=True)
