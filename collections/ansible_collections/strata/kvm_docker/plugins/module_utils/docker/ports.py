# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ports of a container that its guest publishes. No I/O."""

from __future__ import annotations

from ..declare.replicas import Replica
from ..errors import StrataError


def published(replica: Replica) -> dict[str, list[str]]:
    """``80/tcp`` -> ``["127.0.0.1:8080"]``: the ports of *replica* on its guest; of a range, one for each replica."""
    bindings: dict[str, list[str]] = {}
    for port in replica.service.ports:
        binding = f"{port.host_ip or ''}:{_nth(port.published, replica)}"
        bindings.setdefault(f"{port.target}/{port.protocol}", []).append(binding)
    return {target: sorted(found) for target, found in bindings.items()}


def _nth(published: str | None, replica: Replica) -> str:
    first, dash, last = (published or "").partition("-")
    if not dash:
        return first
    port = int(first) + replica.index - 1
    if port > int(last):
        raise StrataError(
            f"service {replica.service.name}: ports {published} are too few for {replica.service.replicas} replicas. "
            "Widen the range, or lower the number of replicas."
        )
    return str(port)
