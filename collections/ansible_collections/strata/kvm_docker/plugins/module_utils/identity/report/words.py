# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Leaves as a person reads them: nothing in a value can steer a terminal, hide itself or fill the screen. No I/O."""

from __future__ import annotations

import json

from ..compare import Difference
from ..leaf import LEVELS, Leaf, Scalar

#: Characters of one value that are shown.
LONGEST = 160
SECRET = "(secret)"
ABSENT = "-"


def plain(text: str) -> str:
    """*text* with escapes for what nobody can see: control characters, marks of direction, halves of pairs."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def shown(value: Scalar) -> str:
    """*value* as JSON has it, so that ``1`` and ``"1"`` differ to the eye; a long one is cut."""
    text = plain(json.dumps(value, ensure_ascii=False))
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}... ({len(text)} characters)"


def shown_leaf(leaf: Leaf) -> str:
    """The value of *leaf*; a seal tells nobody anything."""
    return SECRET if leaf.sealed else shown(leaf.value)


def before_and_after(difference: Difference) -> tuple[str, str]:
    """Both values; :data:`ABSENT` where there is none."""
    before = ABSENT if difference.kind == "added" else _told(difference.before)
    after = ABSENT if difference.kind == "removed" else _told(difference.after)
    return before, after


def _told(value: Scalar) -> str:
    return SECRET if value == SECRET else shown(value)


def counted(number: int, noun: str) -> str:
    """``1 leaf``, ``60,000 leaves``."""
    plural = "leaves" if noun == "leaf" else f"{noun}s"
    return f"{number:,} {noun if number == 1 else plural}"


def level_in_words(level: int) -> str:
    """What *level* looks at, with all below it."""
    return "; ".join(words for number, words in LEVELS.items() if number <= level)
