# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How often an environment comes up identical: built from nothing again and again, also under other circumstances.

Run by `make prove`. Each build has its own hypervisor, state folder, checkout folder and keys.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.compare import Comparison, compare
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.fingerprint import Fingerprint
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.take import take
from environments import EnvironmentCopy, running_lab
from ruamel.yaml import YAML

LEVEL = 4


@dataclass(frozen=True)
class Circumstances:
    """What is other than usual while an environment is built.

    ``before``: words put before its command line. ``reversed``: guests are declared the other way round.
    """

    words: str = "as always"
    environment: Mapping[str, str] = field(default_factory=dict)
    before: tuple[str, ...] = ()
    reversed: bool = False


ORDINARY = Circumstances()
#: QEMU's clock, and with it the guests', is that of the machine; the date is another one for all that Strata makes.
OTHERS = (
    Circumstances("time zone, locale", {"TZ": "Asia/Kathmandu", "LC_ALL": "C.UTF-8", "LANG": "de_DE.UTF-8"}),
    Circumstances("umask", before=("sh", "-c", 'umask 077; exec "$@"', "sh")),
    Circumstances("host name", before=("unshare", "--uts", "sh", "-c", 'hostname elsewhere; exec "$@"', "sh")),
    Circumstances("user", {"USER": "eve", "LOGNAME": "eve", "HOME": "/nonexistent", "SUDO_USER": "eve"}),
    Circumstances("one thing at a time", {"STRATA_TEST_WORKERS": "1"}),
    Circumstances("another order", reversed=True),
    Circumstances("date", before=("faketime", "-f", "+400d")),
)


@dataclass
class Stability:
    """``first``: the build that all others are compared with. ``comparisons``: by what was other than usual."""

    first: Fingerprint | None = None
    comparisons: list[tuple[str, Comparison]] = field(default_factory=list)

    @property
    def identical(self) -> int:
        """How many of the others are identical with the first one."""
        return sum(comparison.verdict.value == "IDENTICAL" for _words, comparison in self.comparisons)


def measure(builds: int, others: tuple[Circumstances, ...] = OTHERS) -> Iterator[Stability]:
    """Build *builds* times as always, and once under each of *others*; after each build, what was found so far."""
    key = Path(tempfile.mkdtemp(prefix="st-", dir="/tmp"))
    (key / "key").write_bytes(os.urandom(32))
    result = Stability()
    try:
        for circumstances in (*[ORDINARY] * builds, *others):
            fingerprint = build(circumstances, key / "key")
            if result.first is None:
                result.first = fingerprint
            else:
                result.comparisons.append((circumstances.words, compare(result.first, fingerprint)))
            yield result
    finally:
        shutil.rmtree(key)


def build(circumstances: Circumstances, key: Path) -> Fingerprint:
    """Bring two_hosts up from nothing, take its fingerprint, and remove everything."""
    with running_lab() as lab, tempfile.TemporaryDirectory(prefix="checkout-") as folder:
        copy = EnvironmentCopy.of(lab, "two_hosts", Path(folder) / "two_hosts")
        same_ports(copy)
        if circumstances.reversed:
            reverse(copy.declaration)
        lab.environment |= circumstances.environment
        lab.start_hypervisor()
        copy.start("present", before=circumstances.before).result()
        try:
            return take(copy.declaration, lab.folders, LEVEL, key=key)
        finally:
            copy.converge("absent")


def reverse(declaration: Path) -> None:
    """Have *declaration* name its guests the other way round, so that they are worked on in that order."""
    yaml = YAML(typ="safe", pure=True)
    tree = yaml.load(declaration)
    yaml.dump({**tree, "guests": dict(reversed(tree["guests"].items()))}, declaration)


def same_ports(copy: EnvironmentCopy) -> None:
    """Ports that are free are others each time, and count; each build has the hypervisor's loopback to itself."""
    for port, free in copy.ports.items():
        copy.edit(copy.declaration, f"{free}: ", f"{port + 20000}: ")
        copy.ports[port] = port + 20000
