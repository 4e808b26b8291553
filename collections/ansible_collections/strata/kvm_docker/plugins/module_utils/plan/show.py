# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A plan as front ends show it: plain data, and diffs in the shape that Ansible prints. No I/O.

Values of sensitive leaves are masked here, so that no front end can show one by mistake.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from .diff import leaves
from .model import MASK, Change, Declared, Difference, Plan
from .secrets import covers

Mask: TypeAlias = Callable[[Any], Any]


def as_it_is(data: Any) -> Any:
    """Takes nothing out."""
    return data


def as_data(plan: Plan, mask: Mask = as_it_is) -> list[dict[str, Any]]:
    """One mapping a change, in the order of the plan: kind, name, guest, action, reason and differences.

    *mask*: takes known secrets out of values that need not look like one.
    """
    return [
        {
            "kind": change.key.kind,
            "name": change.key.name,
            "guest": change.key.guest,
            "action": change.action,
            "reason": change.reason,
            "differences": [difference_data(difference, mask) for difference in change.differences],
        }
        for change in plan
    ]


def difference_data(difference: Difference, mask: Mask = as_it_is) -> dict[str, Any]:
    """One leaf: path, before, after, cause and effect. *mask*: as above."""
    return {
        "path": ".".join(difference.path),
        "before": mask(plain(difference.shown(difference.before))),
        "after": mask(plain(difference.shown(difference.after))),
        "cause": difference.cause,
        "effect": str(difference.effect),
    }


def as_diff(plan: Plan, mask: Mask = as_it_is) -> list[dict[str, Any]]:
    """One entry a change, for the ``diff`` of a module's result.

    A created object is shown whole, a changed one by the leaves that differ. A deleted one is shown by its name only:
    what is sensitive in it is declared nowhere any more. *mask*: as above.
    """
    return [
        {**entry, **{side: mask(entry[side]) for side in ("before", "after") if side in entry}}
        for entry in map(_diff, plan)
    ]


def summary(plan: Plan) -> str:
    """``3 changes: 2 create, 1 replace``; ``no changes`` for an empty plan."""
    if not plan:
        return "no changes"
    total = len(plan.changes)
    counts = Counter(change.action for change in plan)
    actions = ", ".join(f"{count} {action}" for action, count in counts.items())
    return f"{total} change{'s' if total > 1 else ''}: {actions}"


def _diff(change: Change) -> dict[str, Any]:
    if change.action == "delete":
        return _entry(change, f"{change.key}\n", "")
    if change.action == "create" and change.declared is not None:
        return _entry(change, "", _whole(change.declared))
    if change.differences:
        before = _tree({item.path: item.shown(item.before) for item in change.differences})
        after = _tree({item.path: _new(item) for item in change.differences})
        return _entry(change, before, after)
    if change.action in ("start", "stop"):
        return _entry(change, {"running": change.action == "stop"}, {"running": change.action == "start"})
    return {"prepared": f"{change}\n"}


def _new(difference: Difference) -> Any:
    """The new value; a masked one says that it differs from the old one, which is masked as well."""
    shown = difference.shown(difference.after)
    return f"{MASK} (changed)" if difference.sensitive and None not in (difference.before, difference.after) else shown


def _entry(change: Change, before: Any, after: Any) -> dict[str, Any]:
    return {
        "before": before,
        "after": after,
        "before_header": str(change.key),
        "after_header": f"{change.key} ({change.action}: {change.reason})",
    }


def _whole(declared: Declared) -> dict[str, Any]:
    """The declared object without its unset leaves, sensitive values masked."""
    shown = {
        path: MASK if covers(declared.sensitive, path) else value
        for path, value in leaves(declared.spec)
        if value is not None
    }
    return _tree(shown)


def _tree(values: Mapping[tuple[str, ...], Any]) -> dict[str, Any]:
    """Nested mappings of ``{path: value}``; absent leaves (``None``) are left out."""
    root: dict[str, Any] = {}
    for path, value in values.items():
        if value is None:
            continue
        node = root
        for step in path[:-1]:
            node = node.setdefault(step, {})
        node[path[-1]] = plain(value)
    return root


def plain(value: Any) -> Any:
    """*value* in JSON's types: addresses and the like become text."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted((plain(item) for item in value), key=str)
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)
