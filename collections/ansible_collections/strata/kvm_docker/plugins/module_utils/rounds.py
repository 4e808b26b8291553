# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Look, act, look again: until there is nothing left to do, which is the proof."""

from __future__ import annotations

from collections.abc import Callable

from .errors import StrataError
from .plan.model import Plan

#: One round makes what is missing, a second one plans the engines of guests that had to be started first, a third one
#: works on what came up meanwhile.
ROUNDS = 3


def come_to_rest(look: Callable[[], Plan], act: Callable[[Plan], None]) -> Plan:
    """Act on what *look* plans until it plans nothing; returns that last plan.

    Raises :class:`StrataError` with what is left where it does not come to rest.
    """
    for _round in range(ROUNDS):
        made = look()
        if not made and not made.unobserved:
            return made
        act(made)
    made = look()
    if made:
        raise StrataError("does not come to rest; still to do:\n" + "\n".join(str(change) for change in made))
    return made
