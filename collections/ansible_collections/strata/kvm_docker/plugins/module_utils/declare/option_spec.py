# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Argument specifications of modules, from the models that a declaration is read by. No I/O."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from .scalars import SIZES

_TYPES: Mapping[Any, str] = {bool: "bool", int: "int"}
_OPTIONAL = (Union, types.UnionType)


def option_spec(model: type, leave_out: tuple[str, ...] = ()) -> dict[str, dict[str, Any]]:
    """An option for each field of *model*: sizes and addresses are text, nested models suboptions. A field without
    default is required; one whose default is no plain value has none here, and the model's own counts."""
    hints = get_type_hints(model, include_extras=True)
    return {item.name: _option(item, hints[item.name]) for item in fields(model) if item.name not in leave_out}


def _option(item: Field[Any], hint: Any) -> dict[str, Any]:
    option = _type(hint)
    if item.default is MISSING and item.default_factory is MISSING:
        return {**option, "required": True}
    if isinstance(item.default, (str, int)) and not _is_size(hint):
        return {**option, "default": item.default}
    return option


def _type(hint: Any) -> dict[str, Any]:
    bare = _bare(hint)
    if get_origin(bare) is Literal:
        return {"type": "str", "choices": list(get_args(bare))}
    if get_origin(bare) is tuple:
        inner = _type(get_args(bare)[0])
        return {"type": "list", "elements": inner["type"], **{key: inner[key] for key in inner if key != "type"}}
    if is_dataclass(bare) and isinstance(bare, type):
        return {"type": "dict", "options": option_spec(bare)}
    if isinstance(get_origin(bare), type) and issubclass(get_origin(bare), Mapping):
        return {"type": "dict"}
    return {"type": "str" if _is_size(hint) else _TYPES.get(bare, "str")}


def _is_size(hint: Any) -> bool:
    return _required(hint) in SIZES


def _bare(hint: Any) -> Any:
    """Without ``| None`` and ``Annotated``."""
    inner = _required(hint)
    return inner.__origin__ if hasattr(inner, "__metadata__") else inner


def _required(hint: Any) -> Any:
    optional = get_origin(hint) in _OPTIONAL
    return next(option for option in get_args(hint) if option is not type(None)) if optional else hint
