# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options: what may be given to the provider and to its resource. One declaration drives check, diff and schema."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.scalars import NAME, WORDS
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.words import shown, unknown_key

from .properties import Properties

Type: TypeAlias = Literal["string", "number", "boolean", "object", "array"]

_TYPES: Mapping[Type, tuple[type, ...]] = {
    "string": (str,),
    "number": (int, float),
    "boolean": (bool,),
    "object": (dict,),
    "array": (list,),
}
_WORDS: Mapping[Type, str] = {
    "string": "text",
    "number": "a number",
    "boolean": "true or false",
    "object": "a mapping",
    "array": "a list",
}

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
    change does to the resource. ``items``: type of what is in a list or mapping, where all are of one. ``public``: why
    it cannot be a secret, where it cannot.
    """

    name: str
    type: Type
    about: str
    wrong: Callable[[Any], str | None] = lambda value: None
    required: bool = False
    effect: Literal["replace", "update", "nothing"] = "update"
    items: Literal["string"] | None = None
    public: str = ""


def check(options: Iterable[Option], given: Properties, *, of_provider: bool = False) -> list[Failure]:
    """All that is wrong with *given*. What a preview does not know yet is right."""
    known = {option.name: option for option in options}
    ignored = _PULUMI if of_provider else frozenset()
    strangers = sorted(given.names - known.keys() - ignored)
    failures = [Failure(path(name), unknown_key(name, known)) for name in strangers]
    return [*failures, *(failure for option in known.values() for failure in _check(option, given))]


def moved(options: Iterable[Option], before: Properties, given: Properties) -> dict[str, Option]:
    """Those whose value is another one, by name. Not given, and given as empty, are one."""
    return {
        option.name: option
        for option in options
        if not before.same(given, option.name)
        and (before.known.get(option.name) or given.known.get(option.name) or option.name in given.unknown)
    }


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
    wrong_type = isinstance(value, bool) != (option.type == "boolean") or not isinstance(value, _TYPES[option.type])
    return _WORDS[option.type] if wrong_type else option.wrong(value)


def wrong_name(value: str) -> str | None:
    """What the name of an environment or a guest must be."""
    return None if re.fullmatch(NAME, value) else WORDS[NAME]


def wrong_object(value: str) -> str | None:
    """What the name of any object must be; an image's has slashes and colons."""
    return None if value and value.isprintable() else "the name of an object"


def wrong_path(value: str) -> str | None:
    """What a path of this machine must be."""
    return None if value.startswith("/") and "\0" not in value else "an absolute path"


def part_of_id(
    name: str, about: str, *, wrong: Callable[[str], str | None] = wrong_name, required: bool = True
) -> Option:
    """A text in the resource's id: it can be no secret, and another one is another resource."""
    return Option(
        name=name,
        type="string",
        about=about,
        wrong=wrong,
        required=required,
        effect="replace",
        public="it is a part of the resource's id, which Pulumi shows",
    )


def declaration(about: str) -> Option:
    """The path of the declaration: it may move, and the resource is what it was."""
    return Option(name="declaration", type="string", about=about, wrong=wrong_path, required=True, effect="nothing")


def path(name: str) -> str:
    """The path of the property *name*: quoted where it is not a plain word."""
    return name if _is_word(name) else _quoted(name)


def path_in(name: str, place: Iterable[str]) -> str:
    """The path of what is at *place* in the property *name*."""
    return path(name) + "".join(f".{step}" if _is_word(step) else _quoted(step) for step in place)


def _is_word(name: str) -> bool:
    return bool(re.fullmatch(r"[A-Za-z_$][\w$]*", name))


def _quoted(name: str) -> str:
    return '["' + name.replace('"', '\\"') + '"]'
