# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What benchmarks print: a figure, its bound where it has one, and whether it keeps to it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """A measured value and the most that it may be, or with ``at_least`` the least; without a bound it is only told."""

    name: str
    value: float
    bound: float | None = None
    unit: str = ""
    at_least: bool = False

    @property
    def missed(self) -> bool:
        """Whether the value is on the wrong side of its bound."""
        if self.bound is None:
            return False
        return self.value < self.bound if self.at_least else self.value > self.bound

    def __str__(self) -> str:
        measured = f"{self.name:<66} {self.value:>9.2f} {self.unit:<6}"
        if self.bound is None:
            return measured.rstrip()
        side, wrong = ("at least", "BELOW") if self.at_least else ("at most", "ABOVE")
        return f"{measured} {side:<8} {self.bound:>6g}  {wrong if self.missed else 'ok'}"


def shown(figures: Iterable[Figure]) -> list[Figure]:
    """*figures*, each printed when it is there."""
    made = []
    for figure in figures:
        print(figure, flush=True)
        made.append(figure)
    return made
