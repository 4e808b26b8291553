# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A guest whose memory came back from a snapshot or a checkpoint: it answers again, with the right time and random
numbers that nothing else has that begins with the same memory."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING

from ..guest import inside
from .ready import await_shell
from .watch import Watch

if TYPE_CHECKING:
    from ..progress import Progress
    from .hypervisor import Hypervisor

#: Seconds that a guest has to answer by SSH once it runs again.
ANSWER_TIMEOUT = 120.0


def wake(hypervisor: Hypervisor, environment: str, guest: str, progress: Progress) -> None:
    """Have *guest*, which runs, answer on a new connection, and set its clock and random numbers.

    Raises :class:`~..errors.GuestError` where it does not.
    """
    with progress.stage(f"guest {guest}", "waiting for it to answer again"):
        watch = Watch(hypervisor, environment, guest, progress, ANSWER_TIMEOUT, limit="its memory is back")
        shell = await_shell(watch)
        inside.freshen(shell, time.time(), secrets.token_bytes(inside.ENTROPY))
