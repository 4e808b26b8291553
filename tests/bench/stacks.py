# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures Pulumi's program beside Ansible's playbook: make bench-pulumi [ARGS="--rounds 3"].

Both bring two_hosts up from an empty hypervisor in the same run, in turns; medians are told. Then 50 containers on one
guest by Pulumi, and how many SSH connections the guest has accepted for them.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TESTS), str(TESTS.parent / "collections")]

from ansible_collections.strata.kvm_docker.plugins.module_utils.guest import access  # noqa: E402 - the path is set just above
from environments import EnvironmentCopy, Lab, running_lab  # noqa: E402 - the same
from figure import Figure, shown  # noqa: E402 - the same
from pulumi_stack import Stack  # noqa: E402 - the same

MANY = 50
MANY_GUEST = """\
plugin: strata.kvm_docker.environment
name: many
images: {debian13: {build: {suite: trixie}}}
container_images:
  debian-busybox:13: {build: {suite: trixie, packages: [busybox]}}
networks: {lan: {cidr: 10.82.0.0/24}}
guests:
  only:
    image: debian13
    vcpus: 2
    memory: 2 GiB
    disk: 6 GiB
    networks: {lan: {address: 10.82.0.11}}
    compose: compose.yaml
"""


def seconds(work: Callable[[], object]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began


def playbook(copy: EnvironmentCopy, name: str) -> None:
    done = copy.lab.playbook(name, copy.folder)
    assert done.returncode == 0, done.stdout + done.stderr


def beside_ansible(lab: Lab, folder: Path, rounds: int) -> Iterator[Figure]:
    copy = EnvironmentCopy.of(lab, "two_hosts", folder / "two_hosts")
    stack = Stack(copy, folder)
    copy.converge()  # images are made and read once before anything is measured
    copy.converge("absent")
    times: dict[str, list[float]] = {}

    def take(name: str, work: Callable[[], object]) -> None:
        times.setdefault(name, []).append(seconds(work))

    for _ in range(rounds):
        take("ansible", lambda: playbook(copy, "up"))
        playbook(copy, "down")
        take("up", stack.up)
        take("again", stack.up)
        take("preview", stack.unchanged)
        take("both", lambda: stack.pulumi("up", "--yes", *stack.settings))
        take("destroy", stack.destroy)
    median = {name: statistics.median(taken) for name, taken in times.items()}
    yield Figure("ansible-playbook up of two_hosts from an empty hypervisor", median["ansible"], unit="s")
    yield Figure("pulumi up of the same", median["up"], unit="s")
    yield Figure("  beside Ansible", median["up"] / median["ansible"], 1.3, "x")
    yield Figure("second pulumi up, nothing to change", median["again"], 6, "s")
    yield Figure("pulumi preview, nothing to change", median["preview"], 4, "s")
    yield Figure("pulumi up with its preview, nothing to change", median["both"], unit="s")
    yield Figure("pulumi destroy", median["destroy"], unit="s")


def many(lab: Lab, folder: Path) -> Iterator[Figure]:
    copy = EnvironmentCopy.written(lab, folder / "many", MANY_GUEST)
    service = "{image: debian-busybox:13, command: [sleep, infinity], init: true, network_mode: none}"
    services = "".join(f"  s{number:02}: {service}\n" for number in range(MANY))
    (copy.folder / "compose.yaml").write_text(f"services:\n{services}")
    stack = Stack(copy, folder)
    try:
        yield Figure(f"pulumi up of one guest with {MANY} containers", seconds(stack.up), unit="s")
        guest = access.shell("many", "only", lab.folders)
        running = len(guest.run("docker ps -q", timeout=60).split())
        yield Figure("  containers that run", running, MANY, at_least=True)
        accepted = guest.run("journalctl -b -t sshd -t sshd-session -o cat | grep -c ^Accepted", timeout=60)
        yield Figure("  SSH connections that the guest has accepted", int(accepted), 2)
        yield Figure("  second pulumi up", seconds(stack.up), unit="s")
    finally:
        stack.destroy()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=1, help="how often two_hosts is brought up by each")
    parser.add_argument("--only", choices=["two_hosts", "many"], help="only this part")
    arguments = parser.parse_args()
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="strata-bench-") as folder, running_lab() as lab:
        lab.start_hypervisor()
        if arguments.only in (None, "two_hosts"):
            figures += shown(beside_ansible(lab, Path(folder), arguments.rounds))
        if arguments.only in (None, "many"):
            figures += shown(many(lab, Path(folder)))
    return int(any(figure.missed for figure in figures))


if __name__ == "__main__":
    sys.exit(main())
