# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Durations of Compose files (Compose Specification, "Specifying durations"). No I/O."""

from __future__ import annotations

import re

_UNITS = {"us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(us|µs|ms|s|m|h)")


def parse_duration(text: str) -> float:
    """Seconds of ``1m30s``, ``500ms`` or ``1.5h``. Raises :class:`ValueError`."""
    parts = _PART.findall(text)
    if not parts or "".join(f"{number}{unit}" for number, unit in parts) != text:
        raise ValueError(f"{text!r} is not a duration; write it like 1m30s, 10s or 500ms")
    return round(sum(float(number) * _UNITS[unit] for number, unit in parts), 6)
