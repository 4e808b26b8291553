# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a plan is made of: declared and observed objects, and the ordered changes between them. No I/O.

Four states are kept apart for every object: *declared* (from the files), *applied* (what we last wrote, read back from
the mark on the object), *observed* (what is there now) and *planned* (a :class:`Change`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Any, Literal, TypeAlias

# A JSON-like tree. Mappings are compared leaf by leaf; lists and scalars are leaves.
Tree: TypeAlias = Mapping[str, Any]
Path: TypeAlias = tuple[str, ...]

Action: TypeAlias = Literal["create", "update", "restart", "replace", "start", "stop", "delete"]
Cause: TypeAlias = Literal["declaration", "drift"]
Condition: TypeAlias = Literal["applied", "healthy", "completed"]
#: What is done about drift: put right, told, or neither.
Policy: TypeAlias = Literal["repair", "report", "ignore"]

#: Stands for a value that must not be shown.
MASK = "********"


class Effect(IntEnum):
    """What it takes to apply a difference; the strongest of an object's differences decides its action."""

    IN_PLACE = 1
    RESTART = 2
    REPLACE = 3

    def __str__(self) -> str:
        return self.name.lower().replace("_", " ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """What planning has to know of a kind of object.

    ``runs``: its objects can be started and stopped. ``held``: one cannot be deleted while something above it uses it,
    and frees nothing that others need. ``adoption``: what it takes, at the least, to make a stranger's object ours:
    ``REPLACE`` has one of ours in its place, all else keeps what is in it; ``None`` where that is not done.
    """

    runs: bool = False
    held: bool = False
    adoption: Effect | None = None


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """Names one object: ``guest`` is the guest on whose engine it lives, empty for objects of the hypervisor."""

    kind: str
    name: str
    guest: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.guest}/{self.name}" if self.guest else f"{self.kind} {self.name}"


@dataclass(frozen=True, slots=True)
class Need:
    """An object that must be there, and in *condition*, before the one that needs it is worked on.

    ``lives_on``: the object is gone when the needed one is replaced (a container with its guest), so it is made anew.
    ``rebuilt_with``: it must be replaced when the needed one is replaced (a container with its Docker network).
    """

    key: Key
    condition: Condition = "applied"
    lives_on: bool = False
    rebuilt_with: bool = False


@dataclass(frozen=True, slots=True)
class Declared:
    """An object as declared: ``spec`` in the kind's canonical form, complete but for leaves that are left open.

    ``rolling``: (name, parallelism) of a group of which at most *parallelism* members are replaced at once.
    ``sensitive``: paths (or prefixes of paths) whose values must never be shown.
    ``exact``: a leaf that is false, zero or empty is not the same as none; daemon.json, where absent may mean true.
    ``running``: it is also to be active; a pool, a network, a guest, a container.
    ``refusal``: why it must not be made anew, and what to do; empty where it may.
    ``handle``: what the applier needs beside the spec; the planner does not look at it.
    """

    key: Key
    spec: Tree
    needs: tuple[Need, ...] = ()
    rolling: tuple[str, int] | None = None
    sensitive: frozenset[Path] = frozenset()
    exact: bool = False
    running: bool = True
    refusal: str = ""
    handle: Any = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Observed:
    """An object as it is: ``spec`` in the same canonical form as :class:`Declared`, with every leaf that was read.

    ``applied``: the spec that we last wrote, from the mark on the object; ``None`` where there is no mark to read.
    ``owned``: it carries our mark for this environment. ``project``: the Compose project in its mark, on an engine.
    ``by_module``: a module of the Docker layer made it, and not the declaration of an environment.
    ``broken``: half-made, why it can only be replaced. ``obstacle``: why a stranger's cannot be taken over as it is,
    and what to do.
    ``handle``: what the applier needs to find it (an id, a path); the planner does not look at it. ``sensitive``: as
    in :class:`Declared`, of what is there or was applied: a secret stays one when it leaves the declaration. ``keep``:
    it was declared to outlive its declaration, so it is never an orphan; declared again, it is found again.
    ``completed``: a job that has succeeded; it is not started again. ``surplus``: why an object that is declared no
    more is no orphan, but goes with what is declared in its place. ``holds``: what it has hold of as it is, declared
    or not any more: where that is changed, it comes before the object's own change.
    """

    key: Key
    spec: Tree
    applied: Tree | None = None
    owned: bool = True
    project: str = ""
    by_module: bool = False
    running: bool = True
    broken: str = ""
    obstacle: str = ""
    handle: Any = None
    sensitive: frozenset[Path] = frozenset()
    keep: bool = False
    completed: bool = False
    surplus: str = ""
    holds: frozenset[Key] = frozenset()

    @property
    def needs_no_start(self) -> bool:
        """It runs, or did what it was to run for."""
        return self.running or self.completed


@dataclass(frozen=True, slots=True)
class Difference:
    """One leaf that is not as declared. ``None`` stands for absent. ``cause``: a new declaration, or drift."""

    path: Path
    before: Any
    after: Any
    cause: Cause
    effect: Effect = Effect.REPLACE
    sensitive: bool = False

    def __str__(self) -> str:
        return f"{'.'.join(self.path)}: {self.shown(self.before)} -> {self.shown(self.after)} ({self.cause})"

    def shown(self, value: Any) -> Any:
        """*value* as it may be shown to a person."""
        return MASK if self.sensitive and value is not None else value


@dataclass(frozen=True, slots=True)
class Change:
    """One step of a plan: do *action* to the object, because of *reason*, after *needs* (steps of the same plan)."""

    key: Key
    action: Action
    reason: str
    differences: tuple[Difference, ...] = ()
    needs: tuple[Need, ...] = ()
    declared: Declared | None = None
    observed: Observed | None = None

    def __str__(self) -> str:
        return f"{self.action} {self.key}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Drift:
    """A leaf that drifted and that a policy has left as it is."""

    key: Key
    difference: Difference


@dataclass(frozen=True, slots=True)
class Plan:
    """Ordered changes: each stands after those it needs.

    ``orphans``: our objects that are no longer declared and are left alone. ``reported``: drift that is only told.
    ``left_off``: objects that are to run, do not, and are left so by a policy.
    ``unobserved``: guests whose engine could not be looked at: their layer is planned once a change of this plan has
    put them right, and not at all where a policy leaves them as they are.
    """

    changes: tuple[Change, ...] = ()
    orphans: tuple[Key, ...] = ()
    unobserved: tuple[str, ...] = ()
    reported: tuple[Drift, ...] = ()
    left_off: frozenset[Key] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.changes)

    def __iter__(self) -> Iterator[Change]:
        return iter(self.changes)

    def only(self, action: Literal["start", "stop"]) -> Plan:
        """The changes that do *action*, without what else they would change: the objects stay as they are.

        What is stopped is not waited for: it stops before what it needs.
        """
        kept = [change for change in self.changes if change.action == action]
        needs = _needed_by(kept) if action == "stop" else {change.key: change.needs for change in kept}
        reason = "not running" if action == "start" else "running"
        changes = [
            replace(change, reason=reason, differences=(), needs=tuple(n for n in needs[change.key] if n.key in needs))
            for change in kept
        ]
        return replace(self, changes=tuple(changes if action == "start" else reversed(changes)))

    def keys(self) -> frozenset[Key]:
        return frozenset(change.key for change in self.changes)


def _needed_by(changes: Collection[Change]) -> dict[Key, list[Need]]:
    """For each of *changes* the others that need it, as its needs."""
    reverse: dict[Key, list[Need]] = {change.key: [] for change in changes}
    for change in changes:
        for key in {need.key for need in change.needs} & reverse.keys():
            reverse[key].append(Need(change.key))
    return reverse
