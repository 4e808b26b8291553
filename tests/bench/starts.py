# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures how soon environments are up: make bench-starts [ARGS="--rounds 3"].

two_hosts cold, cold on an engine layer, and both warm from checkpoints, in turns; medians and a ratio are told. Then
eight guests of one image: what their disks take, and how soon all are back from a checkpoint. Then how soon an instance
of Molecule, and two_hosts, have gone back to theirs.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TESTS), str(TESTS.parent / "collections")]

from environments import EnvironmentCopy, Lab, running_lab  # noqa: E402 - the path is set just above
from figure import Figure, shown  # noqa: E402 - the same

MIB = 1024**2
EIGHT = """\
plugin: strata.kvm_docker.environment
name: eight
images: {debian13: {build: {suite: trixie}}}
networks: {lan: {cidr: 10.85.0.0/24}}
guests:
"""
GUEST = "  g{n}: {{image: debian13, memory: 512 MiB, disk: 4 GiB, networks: {{lan: {{address: 10.85.0.1{n}}}}}}}\n"


def seconds(copy: EnvironmentCopy, start: str) -> float:
    """To all healthy and an empty plan, by a process of its own."""
    copy.lab.environment["STRATA_TEST_START"] = start
    began = time.monotonic()
    copy.converge()
    took = time.monotonic() - began
    del copy.lab.environment["STRATA_TEST_START"]
    assert copy.converge()["changes"] == []
    return took


def two_hosts(lab: Lab, folder: Path, rounds: int) -> Iterator[Figure]:
    """The first runs are for the layer and the checkpoints; they are not counted."""
    plain = EnvironmentCopy.of(lab, "two_hosts", folder / "two_hosts")
    layered = EnvironmentCopy.of(lab, "two_hosts", folder / "layered" / "two_hosts")
    layered.edit(layered.declaration, "  debian13:\n", "  debian13:\n    preload: true\n")
    seconds(layered, "cold")
    layered.converge("checkpoint")
    layered.converge("absent")
    seconds(plain, "cold")
    began = time.monotonic()
    plain.converge("checkpoint")
    yield Figure("taking a checkpoint of two_hosts", time.monotonic() - began, unit="s")
    plain.converge("absent")
    ways = {"cold": (plain, "cold"), "layer": (layered, "cold"), "warm": (plain, "warm"), "both": (layered, "warm")}
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, (copy, start) in ways.items():
            taken[name].append(seconds(copy, start))
            copy.converge("absent")
    median = {name: statistics.median(each) for name, each in taken.items()}
    yield Figure("two_hosts cold, images there, to all healthy and an empty plan", median["cold"], unit="s")
    yield Figure("two_hosts cold on an engine layer", median["layer"], 60, "s")
    yield Figure("two_hosts warm", median["warm"], 12, "s")
    yield Figure("two_hosts warm on an engine layer", median["both"], 12, "s")
    yield Figure("  times sooner than cold", median["cold"] / median["warm"], 8, "x", at_least=True)


def eight(lab: Lab, folder: Path) -> Iterator[Figure]:
    guests = "".join(GUEST.format(n=n) for n in range(1, 9))
    copy = EnvironmentCopy.written(lab, folder / "eight", EIGHT + guests)
    yield Figure("8 guests cold", seconds(copy, "cold"), unit="s")
    disks = sorted(lab.folders.pool("eight").glob("g?.qcow2"))
    assert len(disks) == 8, disks
    yield Figure("  largest overlay", max(disk.stat().st_blocks * 512 for disk in disks) / MIB, 40, "MiB")
    copy.converge("checkpoint")
    copy.converge("absent")
    yield Figure("8 guests warm", seconds(copy, "warm"), 30, "s")
    copy.converge("absent")


def reset(lab: Lab, folder: Path, rounds: int) -> Iterator[Figure]:
    """By the playbook of the kit, as Molecule runs it; its one task from its title to its end, by Ansible's log."""
    inventory = folder / "inventory"
    inventory.mkdir(parents=True)
    given = {
        "molecule_ephemeral_directory": str(folder),
        "molecule_scenario_directory": str(folder),
        "molecule_yml": {"platforms": [{"name": "debian", "memory": "768 MiB"}]},
    }
    here = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    (inventory / "hosts.json").write_text(json.dumps({"all": {"hosts": {"localhost": here}, "vars": given}}))
    play(lab, "molecule_create", inventory)
    taken: dict[str, list[float]] = {"task": [], "playbook": [], "two_hosts": []}
    for number in range(rounds):
        log = folder / f"log{number}"
        lab.environment["ANSIBLE_LOG_PATH"] = str(log)
        began = time.monotonic()
        play(lab, "molecule_reset", inventory)
        taken["playbook"].append(time.monotonic() - began)
        taken["task"].append(moment(log, "changed: [localhost]") - moment(log, "TASK [Go back"))
    del lab.environment["ANSIBLE_LOG_PATH"]
    play(lab, "molecule_destroy", inventory)
    copy = EnvironmentCopy.of(lab, "two_hosts", folder / "two_hosts")
    copy.converge()
    copy.converge("checkpoint")
    for _ in range(rounds):
        began = time.monotonic()
        copy.converge("restored")
        taken["two_hosts"].append(time.monotonic() - began)
    median = {name: statistics.median(each) for name, each in taken.items()}
    yield Figure("an instance of Molecule goes back: the task", median["task"], 6, "s")
    yield Figure("  the playbook, from ansible-playbook's start to its end", median["playbook"], unit="s")
    yield Figure("two_hosts goes back", median["two_hosts"], unit="s")


def play(lab: Lab, name: str, inventory: Path) -> None:
    done = lab.playbook(name, inventory)
    assert done.returncode == 0, done.stdout + done.stderr


def moment(log: Path, text: str) -> float:
    """When the first line with *text* was written, in seconds since the epoch."""
    line = next(line for line in log.read_text().splitlines() if text in line)
    return datetime.strptime(line[:23], "%Y-%m-%d %H:%M:%S,%f").timestamp()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=1, help="how often each start and going back is done")
    parser.add_argument("--only", choices=["two_hosts", "eight", "reset"], help="only this part")
    arguments = parser.parse_args()
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="strata-bench-") as folder, running_lab() as lab:
        lab.start_hypervisor()
        if arguments.only in (None, "two_hosts"):
            figures += shown(two_hosts(lab, Path(folder), arguments.rounds))
        if arguments.only in (None, "eight"):
            figures += shown(eight(lab, Path(folder)))
        if arguments.only in (None, "reset"):
            figures += shown(reset(lab, Path(folder) / "reset", arguments.rounds))
    return int(any(figure.missed for figure in figures))


if __name__ == "__main__":
    sys.exit(main())
