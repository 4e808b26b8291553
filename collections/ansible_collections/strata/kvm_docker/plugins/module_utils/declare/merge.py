# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One Compose file over another (Compose Specification, "Merge and override"). No I/O.

Mappings are merged, lists are appended, of anything else the later one holds. Where a key has two notations, both are
brought into one first; what there can be only once (a mount on one target, an equal port) replaces its predecessor.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from ..errors import Problem
from .located import OVERRIDE, RESET, Located, settled
from .merge_lists import IDENTITIES, addresses, by_subnet, joined, one_or_more
from .node import as_text
from .yaml_file import Where

Rule: TypeAlias = Callable[[Located, Located, Where, list[Problem]], Located]

_PAIRS = ("environment", "labels", "annotations", "sysctls", "build.args", "build.labels", "deploy.labels")
_ONE_OR_MORE = ("dns", "dns_search", "tmpfs", "env_file", "label_file")
_REPLACED = ("command", "entrypoint", "healthcheck.test", "ulimits.*")


def merged(base: Located, over: Located, path: Where, problems: list[Problem]) -> Located:
    """*over* on top of *base*, both at *path* of their files; what does not fit together is among *problems*."""
    if over.tag == OVERRIDE:
        return over
    base = settled(base)
    if over.value is None or base.value is None:
        return over if base.value is None or path[-1:] in (("command",), ("entrypoint",)) else base
    return _rule(path)(base, over, path, problems)


def _rule(path: Where) -> Rule:
    return next((rule for pattern, rule in _RULES.items() if _fits(path, tuple(pattern.split(".")))), _generic)


def _fits(path: Where, pattern: Where) -> bool:
    return len(path) == len(pattern) and all(want in ("*", part) for part, want in zip(path, pattern, strict=True))


def _generic(base: Located, over: Located, path: Where, problems: list[Problem]) -> Located:
    if isinstance(base.value, dict) and isinstance(over.value, dict):
        return _mappings(base, over, path, problems)
    if isinstance(base.value, list) and isinstance(over.value, list):
        return joined(base, over, IDENTITIES.get(path[-1]))
    if isinstance(base.value, (dict, list)) or isinstance(over.value, (dict, list)):
        problems.append(over.origin.problem(path, f"it cannot be merged with what {_place(base)} says; write it alike"))
        return base
    return over


def _place(located: Located) -> str:
    origin = located.origin
    return f"{origin.file}:{origin.line}" if origin.file else "the one before"


def _mappings(base: Located, over: Located, path: Where, problems: list[Problem]) -> Located:
    result: dict[str, Located] = dict(base.value)
    for key, item in over.value.items():
        if item.tag == RESET:
            result.pop(key, None)
        elif key in result:
            result[key] = merged(result[key], item, (*path, key), problems)
        else:
            result[key] = item
    return base.with_value(result)


def _replaced(base: Located, over: Located, path: Where, problems: list[Problem]) -> Located:
    return over


def _pairs(base: Located, over: Located, path: Where, problems: list[Problem]) -> Located:
    """``NAME=value`` lists as mappings; no value is the same as any other."""
    joined_pairs = {**_pair_mapping(base), **_pair_mapping(over)}
    return base.with_value({key: item for key, item in joined_pairs.items() if item.tag != RESET})


def _pair_mapping(located: Located) -> dict[str, Located]:
    if isinstance(located.value, dict):
        return dict(located.value)
    items = located.value if isinstance(located.value, list) else [located]
    split = [(item, *as_text(item.value).partition("=")) for item in items]
    return {name: item.with_value(value if equals else None) for item, name, equals, value in split}


def _names(base: Located, over: Located, path: Where, problems: list[Problem]) -> Located:
    return _generic(_as_mapping(base), _as_mapping(over), path, problems)


def _as_mapping(located: Located) -> Located:
    if not isinstance(located.value, list):
        return located
    empty = {item.value: item.with_value(None) for item in located.value if isinstance(item.value, str)}
    return located.with_value(empty)


def _dependencies(base: Located, over: Located, path: Where, problems: list[Problem]) -> Located:
    return _generic(_conditions(base), _conditions(over), path, problems)


def _conditions(located: Located) -> Located:
    """Short ``depends_on`` says ``service_started``, also over a longer one before."""
    if not isinstance(located.value, list):
        return located
    started = {
        name: item.with_value({"condition": item.with_value("service_started"), "required": item.with_value(True)})
        for name, item in _as_mapping(located).value.items()
    }
    return located.with_value(started)


def _build(base: Located, over: Located, path: Where, problems: list[Problem]) -> Located:
    return _generic(_with_context(base), _with_context(over), path, problems)


def _with_context(located: Located) -> Located:
    return located.with_value({"context": located}) if isinstance(located.value, str) else located


def _logging(base: Located, over: Located, path: Where, problems: list[Problem]) -> Located:
    """Options of one driver mean nothing to another."""
    drivers = {driver for driver in (_driver(base), _driver(over)) if driver is not None}
    return over if len(drivers) > 1 else _generic(base, over, path, problems)


def _driver(located: Located) -> Any:
    driver = located.value.get("driver") if isinstance(located.value, dict) else None
    return driver.value if driver else None


def _sequences(base: Located, over: Located, path: Where, problems: list[Problem]) -> Located:
    return joined(one_or_more(base), one_or_more(over), IDENTITIES.get(path[-1]))


def _hosts(base: Located, over: Located, path: Where, problems: list[Problem]) -> Located:
    return joined(addresses(base), addresses(over), lambda item: item.value)


def _subnets(base: Located, over: Located, path: Where, problems: list[Problem]) -> Located:
    return by_subnet(base, over, lambda one, other: _generic(one, other, path, problems))


_RULES: Mapping[str, Rule] = {
    **{f"services.*.{key}": _replaced for key in _REPLACED},
    **{f"services.*.{key}": _pairs for key in _PAIRS},
    **{f"services.*.{key}": _sequences for key in _ONE_OR_MORE},
    "services.*.networks": _names,
    "services.*.depends_on": _dependencies,
    "services.*.build": _build,
    "services.*.logging": _logging,
    "services.*.extra_hosts": _hosts,
    "networks.*.labels": _pairs,
    "volumes.*.labels": _pairs,
    "networks.*.ipam.config": _subnets,
}
