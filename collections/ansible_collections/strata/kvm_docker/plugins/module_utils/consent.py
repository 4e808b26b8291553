# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What nobody does without somebody's consent."""

from __future__ import annotations

from .errors import ConsentError
from .plan.model import Plan


def refuse_lost_disks(made: Plan) -> None:
    """Raise :class:`ConsentError` where *made* replaces disks that are whole: all volumes on a guest's engine go with
    its first disk."""
    lost = [
        change
        for change in made
        if change.key.kind == "disk" and change.action == "replace" and not (change.observed and change.observed.broken)
    ]
    if lost:
        names = ", ".join(change.key.name for change in lost)
        raise ConsentError(
            f"guest {names}: the image changed, so the guest would be made anew, and its disk with every volume on "
            "its engine would be lost. Nothing was touched. Give replace_guests: true to go on.",
            Plan(tuple(lost)),
        )
