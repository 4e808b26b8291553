# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Times as the provider writes and reads them. No I/O."""

from __future__ import annotations

from decimal import Decimal

_NANOSECONDS = {"h": 3600 * 10**9, "m": 60 * 10**9, "s": 10**9}
_BELOW_A_SECOND = {"ms": 10**6, "µs": 10**3}


def duration(nanoseconds: int) -> str:
    """As Go writes it (``time.Duration.String``), which is what the provider reads back: ``1m30s``, ``1.5s``."""
    if nanoseconds < _NANOSECONDS["s"]:
        unit = next((unit for unit, size in _BELOW_A_SECOND.items() if nanoseconds >= size), "ns")
        return f"{_plain(Decimal(nanoseconds) / _BELOW_A_SECOND.get(unit, 1))}{unit}" if nanoseconds else "0s"
    hours, rest = divmod(nanoseconds, _NANOSECONDS["h"])
    minutes, rest = divmod(rest, _NANOSECONDS["m"])
    seconds = _plain(Decimal(rest) / _NANOSECONDS["s"])
    return f"{f'{hours}h' if hours else ''}{f'{minutes}m' if hours or minutes else ''}{seconds}s"


def _plain(number: Decimal) -> str:
    return f"{number:f}".rstrip("0").rstrip(".") if "." in f"{number:f}" else f"{number:f}"
