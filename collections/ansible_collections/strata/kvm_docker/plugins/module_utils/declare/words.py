# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What pydantic finds wrong, in plain words. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from difflib import get_close_matches
from functools import cache
from typing import TYPE_CHECKING, Any, get_args, get_origin, get_type_hints

from ..plan.secrets import secret_values
from .scalars import WORDS

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_LONGEST = 60
_MEANS = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "dict_type": "a mapping (key: value)",
    "mapping_type": "a mapping (key: value)",
    "dataclass_type": "a mapping (key: value)",
    "dataclass_exact_type": "a mapping (key: value)",
    "tuple_type": "a list",
    "list_type": "a list",
    "string_too_short": "text that is not empty",
}
#: Begins a value of Ansible's templates, which nobody fills in here.
_TEMPLATE = "{{"


def unknown_key(key: str, known: Iterable[str]) -> str:
    """Refuse *key*, with the nearest one of *known*."""
    names = sorted(known)
    near = get_close_matches(key, names, n=1, cutoff=0.6)
    advice = f"did you mean {near[0]!r}?" if near else f"known here: {', '.join(names)}"
    return f"unknown key {key!r}; {advice}"


def unknown_name(kind: str, name: str, names: Iterable[str]) -> str:
    """Refuse a reference, with the nearest name that there is."""
    known = tuple(names)
    near = get_close_matches(name, known, n=1)
    advice = f"did you mean {near[0]!r}?" if near else f"known are: {', '.join(known)}" if known else "none is declared"
    return f"unknown {kind} {name!r}; {advice}"


def shown(value: Any) -> str:
    """*value* as a message names it: short, and nothing of a collection but that it is one."""
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (list, tuple)):
        return "a list"
    if isinstance(value, Mapping):
        return "a mapping"
    if any(secret_values("", value)):
        return "a secret"
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def location(error: ErrorDetails) -> tuple[str, ...]:
    """Path of the offending value; that of the mapping where a key of it is missing."""
    parts = tuple(str(part) for part in error["loc"] if part != "[key]")
    return parts[:-1] if error["type"].startswith("missing") else parts


def message(error: ErrorDetails, model: type) -> str:
    """One sentence on *error*, which validating against *model* found."""
    kind, context, value = error["type"], error.get("ctx", {}), shown(error["input"])
    if kind == "unexpected_keyword_argument":
        parts = tuple(str(part) for part in error["loc"])
        return unknown_key(parts[-1], keys_at(model, parts[:-1]))
    if kind.startswith("missing"):
        return f"{str(error['loc'][-1])!r} is required"
    subject = "the key" if "[key]" in error["loc"] else "it"
    if kind == "string_pattern_mismatch":
        return f"{subject} must be {WORDS.get(context['pattern'], context['pattern'])}; it is {value}"
    if kind == "literal_error":
        return f"{subject} must be {context['expected']}; it is {value}"
    if kind in ("greater_than_equal", "less_than_equal"):
        bound = f"at least {context['ge']}" if "ge" in context else f"at most {context['le']}"
        return f"{subject} must be {bound}; it is {value}"
    if kind in _MEANS:
        return f"{subject} must be {_MEANS[kind]}; it is {value}"
    return _other(error)


def _other(error: ErrorDetails) -> str:
    """What a validator of ours, or of the standard library's addresses, says itself."""
    text = str(error.get("ctx", {}).get("error", error["msg"]))
    written = str(error["input"])
    if _TEMPLATE in written:
        return f"{text}; a declaration is no template, so write the value itself"
    if text.startswith("Unexpected '/' in"):
        return f"{text}; write the address without prefix: {written.partition('/')[0]}"
    if "has host bits set" in text:
        from ipaddress import IPv4Network

        return f"{text}; did you mean {IPv4Network(error['input'], strict=False)}?"
    return text if repr(error["input"]) in text else f"{text}; it is {shown(error['input'])}"


def keys_at(model: Any, path: tuple[str, ...]) -> frozenset[str]:
    """Keys that a person may write at *path* of *model*."""
    for part in path:
        model = _inner(model, part)
    found = _dataclass_of(model)
    return (_keys(found) - FILLED.get(found.__name__, frozenset())) if found else frozenset()


#: Fields that the reader fills in, by class; nobody writes them.
FILLED: Mapping[str, frozenset[str]] = {"Guest": frozenset({"name"}), "Environment": frozenset({"folder"})}


def _inner(model: Any, part: str) -> Any:
    found = _dataclass_of(model)
    if found:
        return _hints(found).get(part)
    arguments = get_args(_bare(model))
    return arguments[-1] if len(arguments) > 1 else None


def _bare(hint: Any) -> Any:
    """Without ``Annotated`` and ``| None``."""
    while hasattr(hint, "__metadata__"):
        hint = hint.__origin__
    options = [option for option in get_args(hint) if option is not type(None)]
    optional = type(None) in get_args(hint) and get_origin(hint) is not tuple
    return _bare(options[0]) if optional else hint


def _dataclass_of(hint: Any) -> type | None:
    bare = _bare(hint)
    return bare if isinstance(bare, type) and is_dataclass(bare) else None


@cache
def _hints(model: type) -> Mapping[str, Any]:
    return get_type_hints(model, include_extras=True)


def _keys(model: Any) -> frozenset[str]:
    extra = {"plugin"} if model.__name__ == "Environment" else set()
    return frozenset(item.name for item in fields(model)) | extra
