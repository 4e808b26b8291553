# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures what the project promises and prints each figure with its bound: make bench [ARGS="--only boot"].

Figures are of one run on the machine at hand; compare ratios, not seconds, between machines. ``--cold`` also times
`make up` in a fresh clone with an empty image store (system packages are whatever the machine has).
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TESTS), str(TESTS.parent / "collections")]

from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.fingerprint import (  # noqa: E402 - the path is set just above
    Assembly,
    root_of,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.look.files import (  # noqa: E402 - the same
    File,
    Places,
    file_branches,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.ruleset import RULES  # noqa: E402 - the same
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.tokens import Tokens  # noqa: E402 - the same
from ansible_collections.strata.kvm_docker.plugins.module_utils.masking import Masker  # noqa: E402 - the same
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.secrets import Seal  # noqa: E402 - the same
from environments import REPOSITORY, EnvironmentCopy, Lab, load, running_lab  # noqa: E402 - the same
from figure import Figure, shown  # noqa: E402 - the same
from lab import root_folder  # noqa: E402 - the same
from stock_image import stock_image  # noqa: E402 - the same

ONE_GUEST = """\
plugin: strata.kvm_docker.environment
name: %s
images: {image: {%s}}
networks: {lan: {cidr: 10.81.0.0/24}}
guests:
  only:
    image: image
    vcpus: 1
    memory: 1 GiB
    disk: 4 GiB
    boot_timeout: 900
    networks: {lan: {address: 10.81.0.11}}
"""


def two_hosts(lab: Lab, folder: Path) -> Iterator[Figure]:
    """Converge from empty, again, and after a change of the app's source."""
    copy = EnvironmentCopy.of(lab, "two_hosts", folder / "two_hosts")
    try:
        began = time.monotonic()
        first = copy.converge()
        yield Figure("converge of two_hosts from empty, all healthy", time.monotonic() - began, 150, "s")
        yield Figure("peak memory of the converge process", first["peak_kib"] / 1024, 150, "MiB")
        began = time.monotonic()
        again = lab.playbook("up", copy.folder)
        yield Figure("second run of the playbook, nothing to change", time.monotonic() - began, 8, "s")
        assert "changed=0" in again.stdout, again.stdout + again.stderr
        seconds = copy.converge()["seconds"]
        yield Figure("  of which observing and planning", seconds["observe"] + seconds["plan"], 1, "s")
        yield from fingerprints(copy)
        yield from update(copy)
    finally:
        copy.converge("absent")


def fingerprints(copy: EnvironmentCopy) -> Iterator[Figure]:
    """What looking at everything takes, by processes of their own; and how assembling grows with the leaves."""
    for level, bound in ((3, 5), (4, 30)):
        began = time.monotonic()
        done = copy.lab.command("strata", "fingerprint", str(copy.declaration), "--level", str(level))
        seconds = time.monotonic() - began
        assert done.returncode == 0, done.stdout + done.stderr
        yield Figure(f"strata fingerprint, level {level}", seconds, bound, "s")
    few, many = assembling(20_000), assembling(80_000)
    yield Figure("four times as many leaves: seconds to assemble them", many / few, 5, "x")


def assembling(files: int) -> float:
    """Median seconds of three to turn so many files into leaves with their hashes."""
    files_of = [
        File(
            path=f"/usr/share/{n % 97}/{n}",
            type="f",
            mode=0o644,
            owner="0:0",
            size="1",
            changed="1.0",
            digest=f"{n:064x}",
        )
        for n in range(files)
    ]
    seconds = []
    for _ in range(3):
        began = time.monotonic()
        assembly = Assembly(
            tokens=Tokens({"10.80.0.11": "address"}), rules=RULES, seal=Seal(b"k" * 32), masker=Masker()
        )
        leaves = assembly.leaves(file_branches(files_of, Places(guest="web"), frozenset(), {}), 4)
        root_of(leaves)
        seconds.append(time.monotonic() - began)
    return statistics.median(seconds)


def update(copy: EnvironmentCopy) -> Iterator[Figure]:
    """Replace both replicas of the app under load."""
    copy.edit(copy.folder / "compose/apps/app/app.py", '"greeting": GREETING', '"greeting": "v2"')
    with load(copy.url(8080), clients=1) as made:
        began = time.monotonic()
        done = copy.lab.playbook("up", copy.folder)
        seconds = time.monotonic() - began
    assert done.returncode == 0, done.stdout + done.stderr
    yield Figure("update of the app's source, the whole playbook", seconds, 20, "s")
    yield Figure(f"  failed requests, of {made.answers}", len(made.failures), 0, "")


def boot(lab: Lab, folder: Path) -> Iterator[Figure]:
    """Our image, and what its user would take otherwise, in the same run with nothing else running."""
    ours, our_work = until_engine(lab, folder / "ours", "build: {suite: trixie}")
    yield Figure("one guest, from its definition to a Docker API that answers", ours, 25, "s")
    stock, stock_work = until_engine(lab, folder / "stock", f"source: {stock_image(lab.folders)}")
    yield Figure("  the same of a stock cloud image with Docker", stock, unit="s")
    yield Figure("  times sooner", stock / ours, 4, "x", at_least=True)
    yield Figure("  processor time of QEMU until then, ours", our_work, unit="s")
    yield Figure("  processor time of QEMU until then, stock", stock_work, unit="s")


def until_engine(lab: Lab, folder: Path, image: str) -> tuple[float, float]:
    """Seconds that a guest of *image* takes from being defined to a Docker API that answers, its disk being there; and
    of the processor's time, which other work on the machine changes less."""
    copy = EnvironmentCopy.written(lab, folder, ONE_GUEST % (folder.name, image))
    try:
        process = copy.start()
        output, errors = process.popen.communicate(timeout=1000)
        assert process.popen.returncode == 0, errors or output
        events = [json.loads(line) for line in process.events.read_text().splitlines()]
        started = next(event["at"] for event in events if event["stage"] == "guest only")
        answered = next(
            event["at"] for event in events if event["stage"] == "engine only/docker" and event["status"] == "done"
        )
        told = lab.virsh("domstats", "--cpu-total", f"{folder.name}-only")
        work = int(next(line for line in told.splitlines() if "cpu.time=" in line).partition("=")[2])
        return answered - started, work / 1e9
    finally:
        copy.converge("absent")


def cold(folder: Path) -> Iterator[Figure]:
    """`make up` as a newcomer types it: a fresh clone, an empty image store."""
    clone = folder / "clone"
    subprocess.run(["git", "clone", "--quiet", REPOSITORY, clone], check=True)
    with root_folder() as root:
        environment = {**os.environ, "STRATA_STATE": str(root)}
        environment.pop("STRATA_IMAGES", None)
        try:
            began = time.monotonic()
            subprocess.run(["make", "up"], cwd=clone, env=environment, check=True)
            yield Figure("make up, venv and images included", time.monotonic() - began, 360, "s")
        finally:
            subprocess.run(["make", "clean"], cwd=clone, env=environment, check=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=["boot", "two_hosts"], help="only this part")
    parser.add_argument("--cold", action="store_true", help="also time `make up` in a fresh clone (minutes)")
    arguments = parser.parse_args()
    figures: list[Figure] = []

    with tempfile.TemporaryDirectory(prefix="strata-bench-") as folder:
        with running_lab() as lab:
            lab.start_hypervisor()
            if arguments.only in (None, "boot"):
                figures += shown(boot(lab, Path(folder)))
            if arguments.only in (None, "two_hosts"):
                figures += shown(two_hosts(lab, Path(folder)))
        if arguments.cold:
            figures += shown(cold(Path(folder)))
    return int(any(figure.missed for figure in figures))


if __name__ == "__main__":
    sys.exit(main())
