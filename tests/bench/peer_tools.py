# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What we compare ourselves with, installed once into ``build/bench-peers``, and what alternates them.

The peers' collections come with the package ``ansible`` in a virtual environment of their own, on our ansible-core.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
ROOT = REPOSITORY / "build/bench-peers"

#: Ansible as it comes, for all alike.
PLAIN = {
    "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
    "ANSIBLE_HOME": str(ROOT / "ansible"),
    "ANSIBLE_NOCOLOR": "1",
    "LC_ALL": "C.UTF-8",
}


@dataclass(frozen=True)
class Peers:
    """``playbook``: ansible-playbook with the peers' collections; ``compose``: Debian 13's ``docker compose``."""

    playbook: Path
    compose: Path
    busybox: Path

    def run_playbook(self, *arguments: str | Path, environment: Mapping[str, str] | None = None) -> str:
        """Its output; an error with it where it fails."""
        return run(self.playbook, *arguments, environment={**PLAIN, **(environment or {})})


def run(program: str | Path, *arguments: str | Path, environment: Mapping[str, str] | None = None) -> str:
    """Output of a program that must succeed."""
    done = subprocess.run(
        [str(program), *map(str, arguments)],
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{program} failed:\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}")
    return done.stdout


def install() -> Peers:
    """Everything that is not there yet; the stamp holds what was asked for."""
    peers = Peers(
        playbook=ROOT / "venv/bin/ansible-playbook",
        compose=Path(run(REPOSITORY / "tools/docker-compose").strip()),
        busybox=ROOT / "busybox/bin/busybox",
    )
    wanted = [f"{name}=={version(name)}" for name in ("ansible-core", "libvirt-python", "requests")] + [
        "ansible",
        "lxml",
    ]
    stamp = ROOT / "installed"
    if not stamp.exists() or stamp.read_text().split() != wanted:
        shutil.rmtree(ROOT, ignore_errors=True)
        _install_collections(wanted)
        _unpack_busybox()
        Path(PLAIN["ANSIBLE_CONFIG"]).write_text("")
        stamp.write_text("\n".join(wanted))
    return peers


def _install_collections(wanted: list[str]) -> None:
    print("installing the peers into build/bench-peers (0.6 GB, a minute)", flush=True)
    run(sys.executable, "-m", "venv", ROOT / "venv")
    environment = {"PIP_CACHE_DIR": str(REPOSITORY / "build/pip"), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    run(ROOT / "venv/bin/pip", "install", "--quiet", *wanted, environment=environment)


def _unpack_busybox() -> None:
    """Debian's static busybox is the image of all containers."""
    folder = ROOT / "busybox"
    folder.mkdir()
    subprocess.run(["apt-get", "download", "-qq", "busybox-static"], cwd=folder, check=True, capture_output=True)
    (package,) = folder.glob("*.deb")
    run("dpkg", "-x", package, folder)


def timed(work: Callable[[], object]) -> Callable[[], float]:
    """*work* as something that tells its wall-clock seconds."""

    def measure() -> float:
        began = time.monotonic()
        work()
        return time.monotonic() - began

    return measure


def alternate(rounds: int, contestants: Mapping[str, Callable[[], float]]) -> dict[str, float]:
    """The median seconds of each, measured in turns, so that whatever else the machine does hits all alike."""
    seconds: defaultdict[str, list[float]] = defaultdict(list)
    for _round in range(rounds):
        for name, measure in contestants.items():
            seconds[name].append(measure())
    return {name: statistics.median(values) for name, values in seconds.items()}
