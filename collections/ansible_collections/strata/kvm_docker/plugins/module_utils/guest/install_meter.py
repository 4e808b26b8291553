# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far an installation of packages is, read from the output of apt and dpkg. No I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass

_TOTAL = re.compile(r"\d+ upgraded, (\d+) newly installed")
#: Shares of the whole at which apt's two runs begin and end: the essential packages, then all others.
_PHASES = ((0.0, 0.4), (0.4, 1.0))
#: Share of a run that its downloads take; the rest is unpacking and configuring.
_DOWNLOAD = 0.3


@dataclass(slots=True)
class InstallMeter:
    """Fed with each line; ``fraction`` goes from 0 to 1 and never back."""

    message: str = ""
    fraction: float = 0.0
    _phase: int = -1
    _packages: int = 1
    _fetched: int = 0
    _configured: int = 0

    def feed(self, line: str) -> bool:
        """Take *line* in; whether it told anything new."""
        if total := _TOTAL.match(line):
            self._begin(int(total[1]))
        elif line.startswith("Get:"):
            self._fetched += 1
            self.message = "downloading packages"
        elif line.startswith("Setting up "):
            self._configured += 1
            self.message = line.strip().removesuffix(" ...")
        else:
            return False
        self._advance()
        return bool(self.message)

    def _begin(self, packages: int) -> None:
        self._phase = min(self._phase + 1, len(_PHASES) - 1)
        self._packages, self._fetched, self._configured = max(1, packages), 0, 0

    def _advance(self) -> None:
        if self._phase >= 0:
            low, high = _PHASES[self._phase]
            done = (_DOWNLOAD * self._fetched + (1 - _DOWNLOAD) * self._configured) / self._packages
            self.fraction = max(self.fraction, low + (high - low) * min(1.0, done))
