# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The two trees of a comparison as rows of a page: what is the same below a name is one row with a number. No I/O."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.compare import Comparison, Difference
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.leaf import segments_of
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.report.words import (
    before_and_after,
    counted,
    plain,
)

#: Children of one node that get rows of their own: such as differ, and such as are the same.
MOST, MOST_SAME = 500, 12
#: Leaves that get rows of their own, so that a page of any two fingerprints opens at once.
MOST_LEAVES = 5000
#: Nodes deeper than this are closed at first where there are many differences.
OPEN_DEPTH, OPEN_LEAVES = 2, 300

#: ``open`` and ``close`` hold the rows between them; ``note`` stands for several children.
Kind: TypeAlias = Literal["open", "close", "added", "removed", "changed", "same", "note"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """``left`` and ``right``: what the first and the second tree have there. ``shown``: a node is open at first."""

    kind: Kind
    name: str = ""
    left: str = ""
    right: str = ""
    depth: int = 0
    path: str = ""
    cause: str = ""
    shown: bool = False


@dataclass(slots=True)
class _Node:
    """``same``: name of a child without a difference -> leaves below it; ``sides``: leaves in either tree."""

    nodes: dict[str, _Node] = field(default_factory=dict)
    leaves: dict[str, Difference] = field(default_factory=dict)
    same: Counter[str] = field(default_factory=Counter)
    sides: list[int] = field(default_factory=lambda: [0, 0])
    different: int = 0


def rows(comparison: Comparison) -> Iterator[Row]:
    """Rows of both trees, those of leaves that a rule takes out left out."""
    tree = _tree(comparison)
    yield from _Rows(tree.different <= OPEN_LEAVES).below(tree, 0)


def _tree(comparison: Comparison) -> _Node:
    tree = _Node()
    for difference in comparison.differences:
        *names, last = difference.path.split("/")
        node = tree
        node.different += 1
        for name in names:
            node = node.nodes.setdefault(name, _Node())
            node.different += 1
        node.leaves[last] = difference
    for side, fingerprint in enumerate((comparison.first, comparison.second)):
        for leaf in fingerprint.leaves:
            if leaf.counts:
                _count(tree, leaf.path.split("/"), side)
    return tree


def _count(node: _Node, names: list[str], side: int) -> None:
    """Count one leaf on its way down; what is the same is counted once, in the first tree."""
    for place, name in enumerate(names):
        node.sides[side] += 1
        last = place == len(names) - 1
        if last and name in node.leaves:
            return
        if last or name not in node.nodes:
            node.same[name] += 1 - side
            return
        node = node.nodes[name]


@dataclass(slots=True)
class _Rows:
    """``left``: leaves that may still have a row of their own. ``every``: all nodes are open at first."""

    every: bool
    left: int = MOST_LEAVES

    def below(self, node: _Node, depth: int) -> Iterator[Row]:
        """Rows of all that is below *node*."""
        names = sorted(node.leaves)
        room = max(0, min(MOST, self.left))
        self.left -= len(names[:room])
        yield from (_leaf(name, node.leaves[name], depth) for name in names[:room])
        if names[room:]:
            yield Row(kind="note", name=f"and {len(names[room:]):,} more that differ", depth=depth)
        yield from self._nodes(node, depth)
        yield from _same(node.same, depth)

    def _nodes(self, node: _Node, depth: int) -> Iterator[Row]:
        names = sorted(node.nodes)
        for number, name in enumerate(names):
            if number == MOST or self.left <= 0:
                differ = counted(sum(node.nodes[hidden].different for hidden in names[number:]), "difference")
                yield Row(kind="note", name=f"and {counted(len(names) - number, 'name')} with {differ}", depth=depth)
                return
            yield from self._opened(name, node.nodes[name], depth)

    def _opened(self, name: str, node: _Node, depth: int) -> Iterator[Row]:
        left, right = (counted(number, "leaf") if number else "" for number in node.sides)
        shown = self.every or depth < OPEN_DEPTH
        yield Row(kind="open", name=_name(name), left=left, right=right, depth=depth, shown=shown)
        yield from self.below(node, depth + 1)
        yield Row(kind="close")


def _leaf(name: str, difference: Difference, depth: int) -> Row:
    left, right = before_and_after(difference)
    return Row(
        kind=difference.kind,
        name=_name(name),
        left=left,
        right=right,
        depth=depth,
        path=plain(difference.path),
        cause=difference.cause,
    )


def _same(same: Counter[str], depth: int) -> Iterator[Row]:
    if len(same) > MOST_SAME:
        told = f"{counted(len(same), 'name')} with {counted(same.total(), 'leaf')}, all the same"
        yield Row(kind="same", name=told, depth=depth)
        return
    for name in sorted(same):
        told = f"{counted(same[name], 'leaf')}, the same"
        yield Row(kind="same", name=_name(name), left=told, right=told, depth=depth)


def _name(segment: str) -> str:
    return plain(segments_of(segment)[0])
