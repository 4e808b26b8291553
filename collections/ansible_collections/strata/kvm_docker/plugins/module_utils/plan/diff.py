# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The three-way comparison of declared, applied and observed specs, leaf by leaf. No I/O."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from .model import Cause, Declared, Difference, Effect, Observed, Path, Tree
from .secrets import Sealed, covers

#: Observed values that mean the same as "not set": what libvirt and Docker write where nothing was asked for.
UNSET: tuple[Any, ...] = (None, "", 0, False, [], {}, ())
#: Those of a spec that is compared exactly; an empty mapping has no leaves, as an absent one.
UNSET_EXACTLY: tuple[Any, ...] = (None, {})


def leaves(tree: Tree, prefix: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Yield (path, value) of every leaf; an empty mapping is a leaf of its own."""
    for key, value in tree.items():
        path = (*prefix, key)
        if isinstance(value, Mapping) and value:
            yield from leaves(value, path)
        else:
            yield path, value


def differences(
    declared: Declared, observed: Observed, effect: Callable[[Difference], Effect]
) -> tuple[Difference, ...]:
    """Every leaf that is not as declared, in path order.

    A leaf that is declared is compared with what is observed. A leaf that was applied and is declared no more is a
    difference until it is unset. A leaf that was neither declared nor applied is the default of libvirt or Docker.
    """
    want = dict(leaves(declared.spec))
    had = dict(leaves(observed.applied)) if observed.applied is not None else {}
    found = dict(leaves(observed.spec))
    secret = declared.sensitive | observed.sensitive
    unset = UNSET_EXACTLY if declared.exact else UNSET

    def difference(path: Path, after: Any, cause: Cause) -> Difference:
        bare = Difference(path, found.get(path), after, cause, sensitive=covers(secret, path))
        return replace(bare, effect=effect(bare))

    changed = [
        difference(path, value, "drift" if path in had and _same(had[path], value, unset) else "declaration")
        for path, value in want.items()
        if not _same(value, found.get(path), unset)
    ]
    changed += [
        difference(path, None, "declaration")
        for path in had
        if path not in want and not _overlaps(path, want, unset) and not _is_in(unset, found.get(path))
    ]
    return tuple(sorted(changed, key=lambda change: change.path))


def _same(left: Any, right: Any, unset: tuple[Any, ...]) -> bool:
    if isinstance(left, Sealed):
        return left.is_of(right)
    if _is_in(unset, left) and _is_in(unset, right):
        return True
    if isinstance(left, bool) != isinstance(right, bool):
        return False
    return bool(_plain(left) == _plain(right))


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _is_in(unset: tuple[Any, ...], value: Any) -> bool:
    return any(value == each and type(value) is type(each) for each in unset)


def _overlaps(path: Path, want: Mapping[Path, Any], unset: tuple[Any, ...]) -> bool:
    """An applied leaf became a mapping or the other way round: the declared side reports it."""
    return any(
        path[: len(other)] == other or other[: len(path)] == path for other in want if not _is_in(unset, want[other])
    )
