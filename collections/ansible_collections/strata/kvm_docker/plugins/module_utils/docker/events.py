# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine's event streams: what a build, a load or a pull tells line by line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from ..errors import ImageError


class Report(Protocol):
    """Takes a message and, where it is known, how much is done, from 0 to 1."""

    def __call__(self, message: str, fraction: float | None = None) -> None: ...


def refuse_error(event: Mapping[str, Any], what: str) -> None:
    """Raise :class:`ImageError` when *event* says that the engine failed; the answer's status was 200 by then."""
    if "error" in event:
        raise ImageError(f"{what}: {event['error']}")


class Downloads:
    """Progress of a pull: bytes of the layers that are known so far."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._layers: dict[str, tuple[int, int]] = {}

    def follow(self, event: Mapping[str, Any]) -> None:
        detail = event.get("progressDetail") or {}
        if event.get("status") == "Downloading" and detail.get("total"):
            self._layers[event["id"]] = (detail["current"], detail["total"])
            done, total = map(sum, zip(*self._layers.values(), strict=True))
            self._report("pulling", done / total)
