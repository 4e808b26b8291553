# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a resource of another provider is registered with, to make what the core declares. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

#: Arguments of a resource, by their Python names in ``pulumi_docker``.
Arguments: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Twin:
    """A resource of ``pulumi_docker`` beside an object of the core.

    ``secret``: names of those ``arguments`` that hold a secret. ``ignored``: for ``ignore_changes``; what an engine
    cannot change of an object, so that it cannot drift, and what the provider reads back otherwise than it was given.
    A replacement gets the new values of these too (Pulumi's engine checks it with what the program gives).
    ``replacing``: for ``replace_on_changes``. ``namespaces``: argument -> container with whose id it ends, where the
    arguments have its name: ``container:<name>``.

    Names are unique on an engine, so that every twin is registered with ``delete_before_replace``.
    """

    name: str
    arguments: Arguments = field(repr=False)
    secret: frozenset[str] = frozenset()
    ignored: tuple[str, ...] = ()
    replacing: tuple[str, ...] = ()
    namespaces: Mapping[str, str] = field(default_factory=dict)


def labels(given: Mapping[str, str]) -> list[dict[str, str]]:
    """As the provider takes them, in an order that does not depend on the declaration's."""
    return [{"label": name, "value": given[name]} for name in sorted(given)]


def given(arguments: Arguments) -> dict[str, Any]:
    """*arguments* without those that say nothing: the provider takes none, zero, false and empty for the same."""
    return {name: value for name, value in arguments.items() if value}


def secret_names(
    sensitive: Iterable[tuple[str, ...]], names: Mapping[str, str], arguments: Arguments
) -> frozenset[str]:
    """Those of *arguments* that hold a leaf of *sensitive*. *names*: last word of a leaf's place -> argument; a leaf
    that is in none of these places makes a secret of all."""
    found: set[str] = set()
    for path in sensitive:
        holders = [names[word] for word in path[:2] if word in names]
        found.update(holders or arguments)
    return frozenset(found & {*arguments})
