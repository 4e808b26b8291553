# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Published ports: by the port of the guest that they lead to; the hypervisor's are of the environment alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from ...kvm.forward import Forward
from ...kvm.hypervisor import Hypervisor
from ...plan.model import Observed
from ..leaf import Branch

#: Of a forward whose record was damaged.
_UNREADABLE = "unreadable"


def forward_branches(hypervisor: Hypervisor, environment: str) -> Iterator[Branch]:
    """Branches of every forward of *environment* on this machine, whether it is declared or not."""
    found: defaultdict[tuple[str, str], list[Observed]] = defaultdict(list)
    for forward in Forward().observe(hypervisor, environment):
        found[str(forward.spec.get("guest", _UNREADABLE)), str(forward.spec.get("port", _UNREADABLE))].append(forward)
    for target, forwards in found.items():
        yield Branch(path=("forwards", *target), tree=_by_address(forwards), plane="runtime", level=3)
        ports = {forward.key.name: "forwarded" for forward in forwards}
        yield Branch(path=("identity", "forwards", *target), tree=ports, plane="identity", level=3)


def _by_address(forwards: Iterable[Observed]) -> dict[str, Any]:
    """Address of the guest -> how many ports lead there, and how many of them are listened on."""
    found: defaultdict[str, dict[str, int]] = defaultdict(lambda: {"ports": 0, "listening": 0})
    for forward in forwards:
        address = found[str(forward.spec.get("address", _UNREADABLE))]
        address["ports"] += 1
        address["listening"] += forward.running
    return dict(found)
