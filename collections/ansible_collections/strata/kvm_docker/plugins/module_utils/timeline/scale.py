# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Scale of a timeline: from seconds to places on an axis. No I/O."""

from __future__ import annotations

from dataclasses import dataclass

#: Steps between two ticks, times a power of ten: each is read at a glance.
_STEPS = (1, 2, 5)
_MOST_TICKS = 10


@dataclass(frozen=True, slots=True)
class Scale:
    """Places *seconds* of a run on an axis of *width*; a run without time has all at its begin."""

    seconds: float
    width: float

    def at(self, second: float) -> float:
        """From 0 to ``width``, whatever *second* is."""
        return min(max(second / self.seconds, 0.0), 1.0) * self.width if self.seconds > 0 else 0.0

    def ticks(self) -> list[float]:
        """Seconds that are marked: at most ten steps, from 0."""
        if self.seconds <= 0:
            return [0.0]
        exponent = -2
        while True:
            for step in (factor * 10.0**exponent for factor in _STEPS):
                if self.seconds / step <= _MOST_TICKS:
                    return [round(number * step, 2) for number in range(int(self.seconds / step) + 1)]
            exponent += 1
