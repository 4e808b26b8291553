# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves the instrument: how often two builds are identical, and how many changes are found: make prove [ARGS=...].

Takes most of an hour on the reference machine, where guests are emulated; ``--builds``, ``--only`` shorten it.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TESTS), str(TESTS / "bench"), str(TESTS.parent / "collections")]

import sensitivity  # noqa: E402 - the path is set just above
import stability  # noqa: E402 - the same
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.take import take  # noqa: E402 - the same
from environments import EnvironmentCopy, running_lab  # noqa: E402 - the same
from figure import Figure, shown  # noqa: E402 - the same
from mutations import MUTATIONS  # noqa: E402 - the same


def stable(builds: int, words: str) -> Iterator[Figure]:
    """Builds that are identical with the first one."""
    result = stability.Stability()
    for result in stability.measure(builds, tuple(other for other in stability.OTHERS if words in other.words)):
        if result.comparisons:
            words, comparison = result.comparisons[-1]
            print(f"  {words}: {comparison.verdict.value}", flush=True)
            for difference in comparison.differences[:20]:
                print(f"    {difference.path}: {difference.before!s:.60} -> {difference.after!s:.60}")
    told = len(result.comparisons)
    if told:
        rate = 100 * result.identical / told
        yield Figure(f"identical at level 4, of {told} builds beside the first", rate, 100, "%", True)


def sensitive(words: str) -> Iterator[Figure]:
    """Changes that are found by their path, and seconds of a fingerprint."""
    chosen = [mutation for mutation in MUTATIONS if words in mutation.words]
    with running_lab() as lab, tempfile.TemporaryDirectory() as folder:
        copy = EnvironmentCopy.of(lab, "two_hosts", Path(folder) / "two_hosts")
        lab.start_hypervisor()
        copy.converge()
        for level, bound in ((3, 5), (4, 30)):
            began = time.monotonic()
            leaves = len(take(copy.declaration, lab.folders, level).leaves)
            seconds = time.monotonic() - began
            yield Figure(f"fingerprint of two_hosts, level {level}, {leaves} leaves", seconds, bound, "s")
        result = sensitivity.Sensitivity()
        for name, result in sensitivity.measure(copy, chosen):
            print(f"  {name}: {'missed' if name in result.missed else 'found'}", flush=True)
            for path in result.missed.get(name, ())[:10]:
                print(f"    told: {path}")
        copy.converge("absent")
    own = sum(mutation.declared for mutation in chosen)
    words = f"changes found, {own} of declared leaves, {len(chosen) - own} of others"
    yield Figure(words, 100 * result.rate, 100, "%", at_least=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--builds", type=int, default=5, help="builds from nothing, as always")
    parser.add_argument("--only", choices=["stability", "sensitivity"], help="one of the two")
    parser.add_argument("--words", default="", help="only changes and circumstances that are called so")
    options = parser.parse_args()
    figures = []
    if options.only != "stability":
        figures += shown(sensitive(options.words))
    if options.only != "sensitivity":
        figures += shown(stable(options.builds, options.words))
    return int(any(figure.missed for figure in figures))


if __name__ == "__main__":
    sys.exit(main())
