# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What drifted: a plan read as a report, and the policies that say what is done about it. No I/O."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Literal, Protocol, TypeAlias

from .model import Action, Change, Difference, Key, Plan, Policy
from .show import difference_data

#: ``changed``: a leaf was edited behind our back. ``missing``, ``stopped``, ``broken``: the object as a whole; one that
#: was removed and one that was never made look the same. ``undeclared``, ``pending``: no drift; the declaration is
#: newer than what is there, and does not have it any more, or has it otherwise.
State: TypeAlias = Literal["changed", "missing", "stopped", "broken", "undeclared", "pending"]

NO_DRIFT: tuple[State, ...] = ("undeclared", "pending")

_STATES: dict[Action, State] = {"create": "missing", "start": "stopped", "delete": "undeclared"}


class Rule(Protocol):
    """The policy for leaves whose object (``container apps/app-1``) and dotted path match these globs; declared as a
    :class:`~..declare.environment.DriftRule`."""

    @property
    def object(self) -> str: ...

    @property
    def path(self) -> str: ...

    @property
    def policy(self) -> Policy: ...


@dataclass(frozen=True, slots=True)
class Finding:
    """One object that is not as it was declared. ``effect``: what repairing it would take."""

    key: Key
    state: State
    policy: Policy
    effect: str
    differences: tuple[Difference, ...] = ()

    @property
    def is_drift(self) -> bool:
        return self.state not in NO_DRIFT

    def as_data(self) -> dict[str, Any]:
        """Plain data, secrets masked."""
        return {
            "kind": self.key.kind,
            "name": self.key.name,
            "guest": self.key.guest,
            "state": self.state,
            "policy": self.policy,
            "effect": self.effect,
            "differences": [difference_data(difference) for difference in self.differences],
        }


def policy_of(rules: Sequence[Rule]) -> Callable[[Key, Difference], Policy]:
    """The policy of the first rule that matches; ``repair`` where none does."""

    def policy(key: Key, difference: Difference) -> Policy:
        name, path = str(key), ".".join(difference.path)
        matching = (rule for rule in rules if fnmatchcase(name, rule.object) and fnmatchcase(path, rule.path))
        return next((rule.policy for rule in matching), "repair")

    return policy


def findings(plan: Plan) -> list[Finding]:
    """Everything that *plan* tells of, drift first by object; what a policy ignores is not among it."""
    found = [*_changes(plan), *_reported(plan), *_orphans(plan)]
    return sorted(found, key=lambda finding: (not finding.is_drift, finding.key, finding.policy))


def _changes(plan: Plan) -> Iterator[Finding]:
    for change in plan:
        drifted = tuple(item for item in change.differences if item.cause == "drift")
        declared = tuple(item for item in change.differences if item.cause == "declaration")
        state = _state(change, bool(drifted))
        if state:
            yield Finding(change.key, state, "repair", _strongest(drifted, change.action), drifted)
        if declared:
            yield Finding(change.key, "pending", "repair", _strongest(declared, change.action), declared)


def _state(change: Change, drifted: bool) -> State | None:
    """What is wrong with the object itself; nothing where it only follows another one, or a new declaration."""
    if change.action == "delete" and change.observed and change.observed.surplus:
        return "pending"
    if change.observed and change.observed.broken:
        return "broken"
    if change.action == "create" and change.reason.endswith("is made anew"):
        return None
    if drifted:
        return "changed"
    return _STATES.get(change.action) if not change.differences else None


def _strongest(found: Sequence[Difference], action: Action) -> str:
    return str(max(item.effect for item in found)) if found else action


def _reported(plan: Plan) -> Iterator[Finding]:
    by_key: dict[Key, list[Difference]] = {}
    for drift in plan.reported:
        by_key.setdefault(drift.key, []).append(drift.difference)
    for key, found in by_key.items():
        yield Finding(key, "changed", "report", str(max(item.effect for item in found)), tuple(found))


def _orphans(plan: Plan) -> Iterator[Finding]:
    for key in plan.orphans:
        yield Finding(key, "undeclared", "report", "delete")


def table(found: Sequence[Finding]) -> list[str]:
    """Lines for a person: one for an object, one for each of its leaves."""
    lines: list[str] = []
    for finding in found:
        policy = "" if finding.policy == "repair" else f" ({finding.policy} only)"
        lines.append(f"{finding.state:<10}  {finding.key}  [{finding.effect}]{policy}")
        lines += [
            f"            {'.'.join(item.path)}: {item.shown(item.before)!r} is there, "
            f"{item.shown(item.after)!r} is declared"
            for item in finding.differences
        ]
    return lines
