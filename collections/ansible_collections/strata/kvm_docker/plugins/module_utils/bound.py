# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs that end with us, whatever ends us, SIGKILL included."""

from __future__ import annotations

import os
from typing import Literal

#: Setting the signal comes first: one who died before that is no longer the parent.
_STILL_OURS = 'test "$PPID" = "$0" && exec "$@"'


def bound(signal: Literal["TERM", "KILL"]) -> tuple[str, ...]:
    """The start of a command line whose program gets *signal* when the thread that starts it ends (setpriv(1)), and is
    not begun where our process has ended already."""
    return ("setpriv", "--pdeathsig", signal, "sh", "-c", _STILL_OURS, str(os.getpid()))
