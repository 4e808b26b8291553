# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A declaration and the one after it: trees of sections, of entries, of fields (``services``, ``app``, ``labels``)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

from hypothesis import strategies as st

Fields: TypeAlias = dict[str, Any]
Tree: TypeAlias = dict[str, dict[str, Fields]]

#: Section, entry and field; without a field the whole entry.
Part: TypeAlias = tuple[str, str, str]


def one_of(*values: Any) -> st.SearchStrategy[Any]:
    """One of *values*."""
    return st.sampled_from(values)


def some_of(*values: Any) -> st.SearchStrategy[list[Any]]:
    """Some of *values*, in their order."""
    indexes = st.sets(st.integers(0, len(values) - 1), min_size=1)
    return indexes.map(lambda chosen: [values[index] for index in sorted(chosen)])


def some(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Fields]:
    """A mapping with some of *fields*."""
    return st.fixed_dictionaries({}, optional=fields)


@st.composite
def tree_pairs(draw: st.DrawFn, trees: st.SearchStrategy[Tree]) -> tuple[Tree, Tree]:
    """A tree and another one: one of its own, or mostly the first."""
    before, other = draw(trees), draw(trees)
    differing = sorted(part for part in {*_parts(before), *_parts(other)} if _at(before, part) != _at(other, part))
    if not differing or draw(st.integers(0, 3)) == 3:
        return before, other
    after = {section: {name: dict(entry) for name, entry in entries.items()} for section, entries in before.items()}
    for part in draw(st.lists(st.sampled_from(differing), min_size=1, max_size=4, unique=True)):
        _take(after, other, part)
    return before, after


def _parts(tree: Tree) -> Iterator[Part]:
    for section, entries in tree.items():
        for name, entry in entries.items():
            yield section, name, ""
            yield from ((section, name, field) for field in entry)


def _at(tree: Tree, part: Part) -> Any:
    section, name, field = part
    entry = tree[section].get(name)
    return entry.get(field) if entry and field else entry


def _take(tree: Tree, other: Tree, part: Part) -> None:
    """Make *part* of *tree* what it is in *other*, which may be nothing. A field goes with its entry."""
    section, name, field = part
    source = other[section].get(name)
    if not field and source is None:
        tree[section].pop(name, None)
    elif not field and source is not None:
        tree[section][name] = dict(source)
    elif name in tree[section] and source is not None:
        entry = tree[section][name]
        entry.pop(field, None)
        entry.update({field: source[field]} if field in source else {})
