# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a look at an environment finds: branches of plain data, flattened into leaves with a path each. No I/O.

A path is written as in RFC 6901 but for its first slash: segments with ``/`` between them, in a segment ``~1`` for a
slash and ``~0`` for a tilde.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, get_args

from ..plan.model import MASK
from ..plan.secrets import named_words

Plane: TypeAlias = Literal["intent", "lock", "definition", "content", "runtime", "identity"]
PLANES: tuple[Plane, ...] = get_args(Plane)
#: What each level looks at beyond the one before it.
LEVELS = {
    1: "intent and lock",
    2: "definition",
    3: "runtime, packages",
    4: "every file of guests, layers of containers, volumes",
    5: "bit equality of build artifacts",
}

Scalar: TypeAlias = str | int | float | bool | None
Knows: TypeAlias = Callable[[tuple[str, ...]], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """What was found below *path*: a ``tree`` of mappings, lists and scalars.

    ``level``: the lowest one that looks at it. ``knows``: tells by its path below *path* whether a leaf is of a field
    that we know; ``None`` where names are content (files, packages, sysctls), of which each one counts.
    """

    path: tuple[str, ...]
    tree: Any
    plane: Plane
    level: int
    knows: Knows | None = None


@dataclass(frozen=True, slots=True)
class Leaf:
    """One value. ``rule``: number of the rule that takes it out. ``known``: by a schema, or as content.

    ``sealed``: in place of the value stands its seal.
    """

    path: str
    value: Scalar
    plane: Plane
    level: int
    rule: int | None = None
    known: bool = True
    sealed: bool = False

    @property
    def counts(self) -> bool:
        """It is part of the hashes."""
        return self.rule is None

    @property
    def has_seal(self) -> bool:
        """A seal stands for its value, or for a part of its path."""
        return self.sealed or MASK in self.path


@dataclass(frozen=True, slots=True)
class Secret:
    """A value in a tree of which only a seal may leave this process."""

    value: str = field(repr=False)


def joined(segments: tuple[str, ...]) -> str:
    """The path of *segments*."""
    return "/".join([segment.replace("~", "~0").replace("/", "~1") for segment in segments])


def segments_of(path: str) -> tuple[str, ...]:
    """What :func:`joined` joined."""
    return tuple([segment.replace("~1", "/").replace("~0", "~") for segment in path.split("/")])


def leaves_below(tree: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Scalar | Secret]]:
    """The leaves of *tree* with their paths; an empty mapping or list is a leaf of its own, so that it is told.

    A word of a list that the word before it names as a secret comes as one: alone, nothing would tell it.
    """
    if isinstance(tree, Mapping) and tree:
        for key, value in tree.items():
            yield from leaves_below(value, (*path, str(key)))
    elif isinstance(tree, (list, tuple)) and tree:
        secret = named_words(tree)
        for number, value in enumerate(tree):
            yield from leaves_below(Secret(value) if number in secret else value, (*path, str(number)))
    elif isinstance(tree, (Mapping, list, tuple)):
        yield path, "{}" if isinstance(tree, Mapping) else "[]"
    else:
        yield path, tree
