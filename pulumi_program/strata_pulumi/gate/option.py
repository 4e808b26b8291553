# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options: what may be given to the provider and to its resource. One declaration drives check, diff and schema."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.words import shown, unknown_key

from .properties import Properties

_TYPES: dict[str, tuple[type, ...]] = {"string": (str,), "number": (int, float)}
_WORDS = {"string": "text", "number": "a number"}

#: What Pulumi itself puts among the options of a provider.
_PULUMI = frozenset({"version", "pluginDownloadURL", "pluginChecksums"})


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a property cannot be used. ``path``: where it is, as Pulumi writes paths of properties."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One property that may be given.

    ``wrong``: says what a value of the right type must be where it is not that, else nothing. ``effect``: what its
    change does to the resource. ``public``: why it cannot be a secret, where it cannot.
    """

    name: str
    type: Literal["string", "number"]
    about: str
    wrong: Callable[[Any], str | None] = lambda value: None
    required: bool = False
    effect: Literal["replace", "update", "nothing"] = "update"
    public: str = ""


def check(options: Iterable[Option], given: Properties, *, of_provider: bool = False) -> list[Failure]:
    """All that is wrong with *given*. What a preview does not know yet is right."""
    known = {option.name: option for option in options}
    ignored = _PULUMI if of_provider else frozenset()
    strangers = sorted(given.names - known.keys() - ignored)
    failures = [Failure(path(name), unknown_key(name, known)) for name in strangers]
    return [*failures, *(failure for option in known.values() for failure in _check(option, given))]


def _check(option: Option, given: Properties) -> Iterator[Failure]:
    value, secret = given.known.get(option.name), option.name in given.secret
    if secret and option.public:
        yield Failure(option.name, f"it cannot be a secret: {option.public}")
    elif option.required and option.name not in given.names:
        yield Failure(option.name, f"it is required: {option.about}")
    elif value is not None:
        wanted = _wanted(option, value)
        if wanted:
            yield Failure(option.name, f"it must be {wanted}; it is {'a secret' if secret else shown(value)}")


def _wanted(option: Option, value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, _TYPES[option.type]):
        return _WORDS[option.type]
    return option.wrong(value)


def path(name: str) -> str:
    """The path of the property *name*: quoted where it is not a plain word."""
    return name if re.fullmatch(r"[A-Za-z_$][\w$]*", name) else '["' + name.replace('"', '\\"') + '"]'
