# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Properties of a resource as Pulumi sends them: plain values, those that a preview cannot know, and secrets.

The encoding is that of ``google.protobuf.Struct`` with Pulumi's marks in it (``pulumi.runtime.rpc``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.model import Path, Tree
from google.protobuf.json_format import MessageToDict
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime import rpc

#: (plain value, where in it the secrets are, whether all of it is known)
_Opened = tuple[Any, frozenset[Path], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Properties:
    """``known``: values by name, in JSON's types. ``unknown``: names of those that are known once it is up.
    ``hidden``: places of what nobody may read: a property, or a leaf in it. One that is null is none."""

    known: Mapping[str, Any] = field(default_factory=dict)
    unknown: frozenset[str] = frozenset()
    hidden: frozenset[Path] = frozenset()

    @property
    def names(self) -> frozenset[str]:
        return self.unknown | frozenset(self.known)

    @property
    def secret(self) -> frozenset[str]:
        """Names of those with a secret in them."""
        return frozenset(place[0] for place in self.hidden)

    def text(self, name: str) -> str:
        """A known text, empty where it is not given."""
        return str(self.known.get(name, ""))

    def tree(self, name: str) -> Tree:
        """A known mapping, empty where it is not given."""
        found: Tree = self.known.get(name, {})
        return found

    def hidden_in(self, name: str) -> frozenset[Path]:
        """Where in the property *name* secrets are, from there."""
        return frozenset(place[1:] for place in self.hidden if place[0] == name)

    def secrets(self) -> list[str]:
        """Texts that no message may tell."""
        return [text for place in sorted(self.hidden) for text in _texts(_at(self.known, place))]

    def same(self, other: Properties, name: str) -> bool:
        """Whether both have one value for *name*, secret or not; what is unknown is like nothing."""
        known = name not in self.unknown | other.unknown
        hidden = self.hidden_in(name) == other.hidden_in(name)
        return known and hidden and self.known.get(name) == other.known.get(name)


def read(struct: Struct) -> Properties:
    """What Pulumi has sent."""
    opened = {name: _opened(value) for name, value in MessageToDict(struct).items()}
    return Properties(
        known={name: value for name, (value, _hidden, known) in opened.items() if known and value is not None},
        unknown=frozenset(name for name, (_value, _hidden, known) in opened.items() if not known),
        hidden=_below(opened),
    )


def write(properties: Properties) -> Struct:
    """What Pulumi is to keep."""
    values = {**properties.known, **dict.fromkeys(properties.unknown, rpc.UNKNOWN)}
    struct = Struct()
    struct.update({name: _closed(value, properties.hidden, (name,)) for name, value in values.items()})
    return struct


def _opened(value: Any) -> _Opened:
    """A secret in a list hides the list: its places move."""
    if rpc.is_rpc_secret(value):
        plain, _hidden, known = _opened(rpc.unwrap_rpc_secret(value))
        return plain, frozenset({()}), known
    if isinstance(value, Mapping):
        inner = {key: _opened(item) for key, item in value.items()}
        return (
            {key: plain for key, (plain, _hidden, _known) in inner.items()},
            _below(inner),
            _all_known(inner.values()),
        )
    if isinstance(value, list):
        items = [_opened(item) for item in value]
        hidden = frozenset({()}) if any(found for _plain, found, _known in items) else frozenset[Path]()
        return [plain for plain, _hidden, _known in items], hidden, _all_known(items)
    return value, frozenset(), value != rpc.UNKNOWN


def _below(opened: Mapping[str, _Opened]) -> frozenset[Path]:
    return frozenset((key, *place) for key, (_value, hidden, _known) in opened.items() for place in hidden)


def _all_known(opened: Iterable[_Opened]) -> bool:
    return all(known for _value, _hidden, known in opened)


def _closed(value: Any, hidden: frozenset[Path], at: Path) -> Any:
    if at in hidden:
        return rpc.wrap_rpc_secret(value)
    if isinstance(value, Mapping):
        return {key: _closed(item, hidden, (*at, key)) for key, item in value.items()}
    return value


def _at(tree: Any, place: Path) -> Any:
    for step in place:
        tree = tree.get(step) if isinstance(tree, Mapping) else None
    return tree


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif value is not None and not isinstance(value, bool):
        yield str(value)
