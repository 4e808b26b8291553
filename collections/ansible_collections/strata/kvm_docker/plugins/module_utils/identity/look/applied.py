# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Our own marks hold trees as JSON in one text: opened here, so that each of their leaves counts by itself. No I/O."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ...naming import LABEL_APPLIED
from ...plan.secrets import SEALED
from ..leaf import Knows

_TEXTS = (LABEL_APPLIED, "strata:applied", "strata:written")


def opened(tree: Any, name: str = "") -> Any:
    """*tree* with a tree in place of each text of ours."""
    if isinstance(tree, Mapping):
        return {key: opened(value, key) for key, value in tree.items()}
    if isinstance(tree, list):
        return [opened(value) for value in tree]
    if name in _TEXTS and isinstance(tree, str):
        try:
            return _without_seals(json.loads(tree))
        except ValueError:
            return tree
    return tree


def _without_seals(tree: Any) -> Any:
    """Its seals are made with a key that goes with the environment; each secret is sealed anew where it is used."""
    if isinstance(tree, Mapping):
        return "(sealed)" if tree.keys() == {SEALED} else {key: _without_seals(value) for key, value in tree.items()}
    return [_without_seals(value) for value in tree] if isinstance(tree, list) else tree


def within(knows: Knows) -> Knows:
    """As *knows*, for trees that were opened: what is in a text of ours is known as that text is."""

    def known(path: tuple[str, ...]) -> bool:
        ours = next((number for number, name in enumerate(path) if name in _TEXTS), len(path))
        return knows(path[: ours + 1])

    return known
