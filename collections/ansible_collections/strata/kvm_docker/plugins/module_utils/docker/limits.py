# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Resource limits of a container that an engine updates in place: declared, observed, updated. No I/O.

Zero means none in every leaf of the canonical tree. An engine takes zero in an update for "as it is" (measured with
20.10, and so in its source since), so most limits are lifted by a replacement only; :data:`LIFTED` has the others.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from ..declare.compose import Service
from ..plan.model import Tree

#: Numbers of HostConfig, by the same names in an update.
_NUMBERS = (
    "NanoCpus",
    "CpuShares",
    "CpuPeriod",
    "CpuQuota",
    "CpuRealtimePeriod",
    "CpuRealtimeRuntime",
    "BlkioWeight",
    "Memory",
    "MemoryReservation",
    "PidsLimit",
)
#: Leaves of HostConfig that an engine updates in place.
UPDATABLE = (*_NUMBERS, "CpusetCpus", "MemorySwap", "RestartPolicy")
#: What an update takes for "no limit". Swap goes back to what follows from memory.
LIFTED = {"CpuQuota": -1, "PidsLimit": 0}
_NANOSECONDS = 10**9


def declared_limits(service: Service) -> dict[str, Any]:
    """Always given, because the mark of what was applied cannot be updated with the limits."""
    policy, _colon, retries = service.restart.partition(":")
    numbers = {
        "NanoCpus": round((service.cpus or 0) * _NANOSECONDS),
        "CpuShares": service.cpu_shares,
        "CpuPeriod": service.cpu_period,
        "CpuQuota": service.cpu_quota,
        "CpuRealtimePeriod": service.cpu_rt_period,
        "CpuRealtimeRuntime": service.cpu_rt_runtime,
        "BlkioWeight": service.blkio.weight,
        "Memory": service.mem_limit,
        "MemoryReservation": service.mem_reservation,
        "PidsLimit": service.pids_limit,
    }
    return {
        **{leaf: max(number or 0, 0) for leaf, number in numbers.items()},
        "CpusetCpus": service.cpuset or "",
        "MemorySwap": _swap(service.mem_limit or 0, service.memswap_limit or 0),
        "RestartPolicy": {"Name": policy, "MaximumRetryCount": int(retries or 0)},
    }


def observed_limits(host: Mapping[str, Any], applied: Tree, limits_swap: bool = True) -> dict[str, Any]:
    """Of ``HostConfig`` as inspected. *limits_swap*: the engine can; where not, it shows -1 whatever was *applied*."""
    policy = host["RestartPolicy"]
    swap = _swap(host.get("Memory") or 0, host.get("MemorySwap") or 0)
    if swap == -1 and not limits_swap:
        swap = applied.get("MemorySwap", 0)
    return {
        **{leaf: max(host.get(leaf) or 0, 0) for leaf in _NUMBERS},
        "CpusetCpus": host.get("CpusetCpus") or "",
        "MemorySwap": swap,
        "RestartPolicy": {
            "Name": policy.get("Name") or "no",
            "MaximumRetryCount": policy.get("MaximumRetryCount") or 0,
        },
    }


def _swap(memory: int, swap: int) -> int:
    """Memory and swap together; what an engine makes of a limit of memory alone is none."""
    if not memory:
        return max(swap, 0)
    return 0 if swap == 2 * memory else swap


def in_place(leaf: str, after: Any) -> bool:
    """Whether an update can bring *leaf* of HostConfig to *after*."""
    return leaf in UPDATABLE and (bool(after) or leaf in LIFTED or leaf in ("MemorySwap", "RestartPolicy"))


def creation(spec: Tree) -> dict[str, Any]:
    """The limits of *spec*, a canonical HostConfig, as a creation takes them: no swap is left to the engine."""
    return {leaf: spec[leaf] for leaf in UPDATABLE if leaf in spec and (leaf != "MemorySwap" or spec[leaf])}


def update_bodies(spec: Tree, leaves: Collection[str]) -> Iterator[dict[str, Any]]:
    """Bodies of ``POST /containers/{id}/update``, in their order, that bring *leaves* to *spec*.

    Limits are lifted first: an engine refuses ``NanoCpus`` beside a quota. Memory and swap go together, else it
    refuses a limit of memory above the one of swap.
    """
    changed = {*leaves} & {*UPDATABLE}
    if changed & {"Memory", "MemorySwap"}:
        changed |= {"Memory", "MemorySwap"}
    lifted = {leaf: LIFTED[leaf] for leaf in UPDATABLE if leaf in changed and leaf in LIFTED and not spec[leaf]}
    given = {leaf: spec[leaf] for leaf in UPDATABLE if leaf in changed and leaf not in lifted}
    if "Memory" in given:
        given["MemorySwap"] = spec["MemorySwap"] or 2 * spec["Memory"]
    yield from (body for body in (lifted, given) if body)
