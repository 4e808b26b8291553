# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Properties of a resource as Pulumi sends them: plain values, those that a preview cannot know, and secrets.

The encoding is that of ``google.protobuf.Struct`` with Pulumi's marks in it (``pulumi.runtime.rpc``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime import rpc


@dataclass(frozen=True, slots=True, kw_only=True)
class Properties:
    """``known``: values by name, in JSON's types. ``unknown``: names of those that are known once it is up.
    ``secret``: names of those that nobody may read. One that is null is none."""

    known: Mapping[str, Any] = field(default_factory=dict)
    unknown: frozenset[str] = frozenset()
    secret: frozenset[str] = frozenset()

    @property
    def names(self) -> frozenset[str]:
        return self.unknown | frozenset(self.known)

    def text(self, name: str) -> str:
        """A known text, empty where it is not given."""
        return str(self.known.get(name, ""))

    def secrets(self) -> list[str]:
        """Texts that no message may tell."""
        return [str(self.known[name]) for name in sorted(self.secret & self.known.keys())]

    def same(self, other: Properties, name: str) -> bool:
        """Whether both have one value for *name*, secret or not; what is unknown is like nothing."""
        known = name not in self.unknown | other.unknown
        hidden = (name in self.secret) == (name in other.secret)
        return known and hidden and self.known.get(name) == other.known.get(name)


def read(struct: Struct) -> Properties:
    """What Pulumi has sent."""
    opened = {name: _opened(value) for name, value in MessageToDict(struct).items()}
    return Properties(
        known={name: value for name, (value, _secret, known) in opened.items() if known and value is not None},
        unknown=frozenset(name for name, (_value, _secret, known) in opened.items() if not known),
        secret=frozenset(name for name, (_value, secret, _known) in opened.items() if secret),
    )


def write(properties: Properties) -> Struct:
    """What Pulumi is to keep."""
    values = {**properties.known, **dict.fromkeys(properties.unknown, rpc.UNKNOWN)}
    struct = Struct()
    struct.update(
        {name: rpc.wrap_rpc_secret(value) if name in properties.secret else value for name, value in values.items()}
    )
    return struct


def _opened(value: Any) -> tuple[Any, bool, bool]:
    """(plain value, whether there is a secret in it, whether all of it is known)"""
    if rpc.is_rpc_secret(value):
        plain, _secret, known = _opened(rpc.unwrap_rpc_secret(value))
        return plain, True, known
    if isinstance(value, Mapping):
        inner = {key: _opened(item) for key, item in value.items()}
        return {key: plain for key, (plain, _secret, _known) in inner.items()}, *_together(inner.values())
    if isinstance(value, list):
        items = [_opened(item) for item in value]
        return [plain for plain, _secret, _known in items], *_together(items)
    return value, False, value != rpc.UNKNOWN


def _together(opened: Iterable[tuple[Any, bool, bool]]) -> tuple[bool, bool]:
    found = list(opened)
    return any(secret for _value, secret, _known in found), all(known for _value, _secret, known in found)
