# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures us beside community.docker, community.libvirt and docker compose: make bench-peers [ARGS="--rounds 3"].

Everybody does the same work on the same daemons, in turns; the medians are told, and their ratios with their bounds
(docs/bench.md).
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TESTS), str(TESTS.parent / "collections"), str(TESTS / "integration/docker")]

from container_lab import import_image  # noqa: E402 - the path is set just above
from environments import running_lab  # noqa: E402 - the same
from figure import Figure, shown  # noqa: E402 - the same
from lab import lab_engine  # noqa: E402 - the same
from peer_docker import IMAGE, Contest, containers  # noqa: E402 - the same
from peer_kvm import Guests, domains, guests  # noqa: E402 - the same
from peer_tools import Peers, install  # noqa: E402 - the same


def docker(peers: Peers, folder: Path, rounds: int) -> list[Figure]:
    with lab_engine() as engine:
        client = engine.client()
        import_image(client, peers.busybox, IMAGE)
        client.close()
        return shown(containers(Contest(engine, peers, folder, rounds)))


def kvm(peers: Peers, folder: Path, rounds: int) -> list[Figure]:
    made = shown(domains(folder / "thousand", rounds))
    with running_lab() as lab:
        lab.start_hypervisor()
        return made + shown(guests(Guests(lab, peers, folder, rounds)))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="how often each contestant does each work")
    parser.add_argument("--only", choices=["docker", "kvm"], help="only this part")
    arguments = parser.parse_args()
    peers = install()
    figures: list[Figure] = []
    for name, measure in (("kvm", kvm), ("docker", docker)):
        if arguments.only in (None, name):
            with tempfile.TemporaryDirectory(prefix="strata-bench-") as folder:
                figures += measure(peers, Path(folder), arguments.rounds)
    return int(any(figure.missed for figure in figures))


if __name__ == "__main__":
    sys.exit(main())
