# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Declared x applied x observed -> an ordered plan with reasons. No I/O."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from graphlib import CycleError, TopologicalSorter
from heapq import heappop, heappush
from typing import Any

from ..errors import ForeignObjectError, StrataError
from .diff import differences
from .model import Action, Change, Declared, Difference, Drift, Effect, Key, Need, Observed, Plan, Policy, Traits

#: Actions during which a replica may not serve; the replicas of a service take turns. An update may touch networks.
DISRUPTIVE: tuple[Action, ...] = ("update", "restart", "replace")

ACTION_OF: Mapping[Effect, Action] = {
    Effect.IN_PLACE: "update",
    Effect.RESTART: "restart",
    Effect.REPLACE: "replace",
}


#: The leaf that says where a tag stands; a reason tells both ends of it.
DIGEST = ("digest",)

#: Why an object that a stranger made is changed.
ADOPTED = "adopted: somebody else made it"


def repair(key: Key, difference: Difference) -> Policy:
    """The policy where none is given: whatever drifted is put right."""
    return "repair"


def plan(
    declared: Iterable[Declared],
    observed: Iterable[Observed],
    effect: Callable[[Key, Difference], Effect],
    unobserved: Iterable[str] = (),
    remove_orphans: bool = False,
    adopt: bool = False,
    policy: Callable[[Key, Difference], Policy] = repair,
    *,
    kinds: Mapping[str, Traits],
) -> Plan:
    """The changes that turn what is observed into what is declared.

    *effect* tells what a difference of an object takes. *unobserved* names guests that exist but whose engine cannot
    be looked at: nothing is planned on them yet. What is ours and declared no more is an orphan, deleted with
    *remove_orphans*; what is surplus is deleted in any case. *policy* tells what is done about a leaf that drifted.
    *kinds*: all of them, in the order of the layers that they stand on. Raises :class:`ForeignObjectError` when an
    object with a declared name is not ours, and with *adopt* where such a one cannot be taken over.
    """
    wanted = {item.key: item for item in declared}
    found = {item.key: item for item in observed}
    hidden = frozenset(unobserved)
    compare = _Comparison(effect, policy)
    changes, strangers = _compared(wanted, found, hidden, compare, kinds)
    _refuse_strangers([found[key] for key in strangers], strangers, adopt)
    changes = {key: _after_what_it_holds(change, changes) for key, change in changes.items()}
    left = [item for key, item in found.items() if key not in wanted and _stays(item, changes, hidden)]
    deletions = {item.key: _deletion(item) for item in left if item.surplus or remove_orphans}
    linked = _linked(_around_deletions(changes, deletions, kinds))
    return Plan(
        tuple(linked[key] for key in _sorted_keys(linked, kinds)),
        tuple(sorted(item.key for item in left if item.key not in deletions)),
        tuple(sorted(hidden)),
        tuple(sorted(compare.reported, key=lambda drift: (drift.key, drift.difference.path))),
        frozenset(compare.left_off),
    )


def order(declared: Iterable[Declared]) -> dict[Key, tuple[Need, ...]]:
    """Every declared key after those that it needs, with its needs; those that are not declared are left out.

    Raises :class:`StrataError` where objects need each other in a circle.
    """
    needs = {item.key: item.needs for item in declared}
    known = {key: tuple(need for need in needs[key] if need.key in needs) for key in needs}
    try:
        ordered = TopologicalSorter({key: {need.key for need in known[key]} for key in known}).static_order()
        return {key: known[key] for key in ordered}
    except CycleError as error:
        raise StrataError("dependency cycle: " + " -> ".join(str(key) for key in error.args[1])) from error


def _compared(
    wanted: Mapping[Key, Declared],
    found: Mapping[Key, Observed],
    hidden: frozenset[str],
    compare: _Comparison,
    kinds: Mapping[str, Traits],
) -> tuple[dict[Key, Change], dict[Key, str]]:
    """What is to be done about everything *wanted* that is not on the guests *hidden*; and of strangers of such a name
    what hinders taking them over, empty where nothing does."""
    changes: dict[Key, Change] = {}
    strangers: dict[Key, str] = {}
    for key in order(wanted.values()):
        if key.guest in hidden:
            continue
        now = found.get(key)
        if now and not now.owned:
            change, strangers[key] = _taken_over(wanted[key], now, changes, compare, kinds[key.kind])
        else:
            change = _change(wanted[key], now, changes, compare)
        if change:
            changes[key] = change
    return changes, strangers


def _taken_over(
    item: Declared, now: Observed, changes: Mapping[Key, Change], compare: _Comparison, traits: Traits
) -> tuple[Change | None, str]:
    """The change that makes *now*, which is a stranger's, ours; or why there is none, and what to do."""
    try:
        return _adoption(item, now, changes, compare, traits.adoption), ""
    except StrataError as error:
        return None, f"{item.key} cannot be taken over: {str(error).removeprefix(f'{item.key}: ')}"


def _adoption(
    item: Declared, now: Observed, changes: Mapping[Key, Change], compare: _Comparison, least: Effect | None
) -> Change:
    """What is not replaced by one of ours must be such that nothing in it is lost by that."""
    if least is None or now.obstacle:
        raise ForeignObjectError(now.obstacle or "it is of a kind that never is.")
    if least is Effect.REPLACE:
        return Change(item.key, "replace", ADOPTED, (), item.needs, item, now)
    gone = _replaced(item, changes, "lives_on")
    if gone:
        raise ForeignObjectError(f"{gone}, which it lives on, is not there. Put that there, or remove this one.")
    if now.broken:
        raise ForeignObjectError(f"{now.broken}. Repair it, or move it away.")
    item = _as_heeded(item, now, compare)
    found = compare(item, now)
    lost = [one for one in found if one.effect is Effect.REPLACE or one.after is None]
    if lost:
        told = ", ".join(
            f"{'.'.join(one.path)} is {one.shown(one.before)}, and {one.shown(one.after) or 'none'} is declared"
            for one in lost
        )
        raise ForeignObjectError(f"{told}: what is there would be lost. Declare that, or move it away.")
    strongest = max([least, *(difference.effect for difference in found)])
    return Change(item.key, _action(item, now, strongest), ADOPTED, found, item.needs, item, now)


def _refuse_strangers(found: Iterable[Observed], obstacles: Mapping[Key, str], adopt: bool) -> None:
    told = [obstacles[key] for key in sorted(obstacles) if obstacles[key]]
    if obstacles and (told or not adopt):
        way = "" if told else ", or give adopt: true to take it over"
        advice = f"Rename it in the declaration, or remove the other one yourself{way}."
        raise ForeignObjectError(
            f"{titles(found)}: exists already and does not belong to this environment; it was not touched. "
            + " ".join((advice, *told))
        )


def titles(strangers: Iterable[Observed]) -> str:
    """Objects that are not ours in words, those of a project with its name."""
    found = sorted(strangers, key=lambda item: item.key)
    return ", ".join(f"{item.key} of project {item.project}" if item.project else str(item.key) for item in found)


@dataclass(slots=True)
class _Comparison:
    """Tells the differences of an object that are to be applied; those that are only reported are kept."""

    effect: Callable[[Key, Difference], Effect]
    policy: Callable[[Key, Difference], Policy]
    reported: list[Drift] = field(default_factory=list)
    left_off: set[Key] = field(default_factory=set)

    def __call__(self, item: Declared, now: Observed) -> tuple[Difference, ...]:
        found = differences(item, now, lambda difference: self.effect(item.key, difference))
        return tuple(difference for difference in found if self._heeded(item.key, difference))

    def running(self, item: Declared, now: Observed) -> bool:
        """Whether the object is to be started or stopped; to a policy its state is the leaf ``running``."""
        return self._heeded(item.key, Difference(("running",), now.running, item.running, "drift", Effect.IN_PLACE))

    def _heeded(self, key: Key, difference: Difference) -> bool:
        chosen = self.policy(key, difference) if difference.cause == "drift" else "repair"
        if chosen == "report":
            self.reported.append(Drift(key, difference))
        return chosen == "repair"


def _change(item: Declared, now: Observed | None, changes: Mapping[Key, Change], compare: _Comparison) -> Change | None:
    gone = _replaced(item, changes, "lives_on")
    if now is None or gone:
        reason = f"{gone} is made anew" if gone and now else "not there"
        return Change(item.key, "create", reason, needs=item.needs, declared=item)

    def made(action: Action, reason: str, found: tuple[Difference, ...] = ()) -> Change:
        return Change(item.key, action, reason, found, item.needs, item, now)

    item = _as_heeded(item, now, compare)
    found = compare(item, now)
    rebuilt = _replaced(item, changes, "rebuilt_with")
    if now.broken:
        return made("replace", now.broken, found)
    if rebuilt:
        return made("replace", f"{rebuilt} is replaced", found)
    if found:
        strongest = max(difference.effect for difference in found)
        if strongest is Effect.REPLACE and item.refusal:
            raise StrataError(f"{item.key}: {', '.join(map(str, found))}: {item.refusal}")
        return made(_action(item, now, strongest), _reason(found, strongest), found)
    if item.running and not now.needs_no_start:
        return made("start", "not running")
    return made("stop", "running") if now.running and not item.running and compare.running(item, now) else None


def _as_heeded(item: Declared, now: Observed, compare: _Comparison) -> Declared:
    """*item*, which is left off where it is and a policy says so."""
    down = item.running and not now.needs_no_start and not now.broken
    if not down or compare.running(item, now):
        return item
    compare.left_off.add(item.key)
    return replace(item, running=False)


def _action(item: Declared, now: Observed, strongest: Effect) -> Action:
    """What is off, or is to be, needs no restart: it is started, stopped or only defined as declared."""
    if strongest is Effect.REPLACE or (item.running and now.needs_no_start):
        return ACTION_OF[strongest]
    if not item.running:
        return "stop" if now.running else "update"
    return "start" if strongest is Effect.RESTART else ACTION_OF[strongest]


def _replaced(item: Declared, changes: Mapping[Key, Change], link: str) -> Key | None:
    anew: tuple[Action, ...] = ("create", "replace") if link == "lives_on" else ("replace",)
    return next(
        (
            need.key
            for need in item.needs
            if getattr(need, link) and need.key in changes and changes[need.key].action in anew
        ),
        None,
    )


def _reason(found: tuple[Difference, ...], strongest: Effect) -> str:
    """Name the leaves that decide the action, and whether they drifted."""
    deciding = [difference for difference in found if difference.effect is strongest]
    if [difference.path for difference in deciding] == [DIGEST] and deciding[0].before:
        return f"digest moved from {deciding[0].before} to {deciding[0].after}"
    causes = sorted({difference.cause for difference in deciding})
    paths = ", ".join(".".join(difference.path) for difference in deciding[:3])
    more = f" and {len(deciding) - 3} more" if len(deciding) > 3 else ""
    verb = "drifted" if causes == ["drift"] else "changed"
    return f"{paths}{more} {verb}"


def _deletion(item: Observed) -> Change:
    return Change(item.key, "delete", item.surplus or "no longer declared", observed=item)


def _after_what_it_holds(change: Change, changes: Mapping[Key, Change]) -> Change:
    """Two changes never work on one object at a time: a volume that is made anew takes the containers off that have it
    mounted, and so does a network."""
    held = sorted(change.observed.holds & changes.keys()) if change.observed else ()
    return replace(change, needs=(*change.needs, *map(Need, held)))


def _stays(item: Observed, changes: Mapping[Key, Change], hidden: frozenset[str]) -> bool:
    """Whether an object that is not declared is ours to remove. One on a guest that is made anew vanishes with it."""
    guest, above = item.key.guest, changes.get(Key("guest", item.key.guest))
    vanishes = guest and (guest in hidden or (above and above.action in ("create", "replace")))
    return item.owned and not item.keep and not vanishes


def _after_deletions(deletions: Mapping[Key, Change], kinds: Mapping[str, Traits]) -> dict[Key, Change]:
    """Delete from the top layer down: each deletion needs those of the layers above it."""
    rank = _ranks(kinds)
    ordered = sorted(deletions)
    above = {
        kind: tuple(
            Need(other)
            for other in ordered
            if rank[other.kind] > rank[kind] and (kinds[kind].held or not kinds[other.kind].held)
        )
        for kind in {key.kind for key in ordered}
    }
    return {key: replace(change, needs=above[key.kind]) for key, change in deletions.items()}


def _around_deletions(
    changes: Mapping[Key, Change], deletions: Mapping[Key, Change], kinds: Mapping[str, Traits]
) -> dict[Key, Change]:
    """What is removed frees names, addresses and ports, so everything else comes after; but what is held is free only
    once that which is above it on its engine was changed."""
    rank = _ranks(kinds)
    first = tuple(Need(key) for key in sorted(deletions) if not kinds[key.kind].held)
    after = {key: replace(change, needs=(*change.needs, *first)) for key, change in changes.items()}
    holders = {
        (guest, kind): tuple(Need(key) for key in sorted(changes) if key.guest == guest and rank[key.kind] > rank[kind])
        for guest, kind in {(key.guest, key.kind) for key in deletions if kinds[key.kind].held}
    }
    for key, change in _after_deletions(deletions, kinds).items():
        after[key] = replace(change, needs=(*change.needs, *holders.get((key.guest, key.kind), ())))
    return after


def _ranks(kinds: Mapping[str, Traits]) -> dict[str, int]:
    return {kind: index for index, kind in enumerate(kinds)}


def _linked(changes: Mapping[Key, Change]) -> dict[Key, Change]:
    """Keep the needs that are steps of this plan, plus a chain through each rolling group."""
    groups: defaultdict[tuple[str, int], list[Key]] = defaultdict(list)
    for key, change in sorted(changes.items(), key=lambda item: _natural(item[0])):
        if change.action in DISRUPTIVE and change.declared and change.declared.rolling:
            groups[change.declared.rolling].append(key)
    chained: defaultdict[Key, tuple[Need, ...]] = defaultdict(tuple)
    for (_name, parallelism), members in groups.items():
        for index in range(parallelism, len(members)):
            chained[members[index]] += (Need(members[index - parallelism], "healthy"),)
    return {
        key: replace(
            change,
            needs=tuple(
                need for need in (*change.needs, *chained[key]) if need.key in changes or need.condition != "applied"
            ),
        )
        for key, change in changes.items()
    }


def _natural(key: Key) -> tuple[str, str, list[str | int]]:
    """``app-2`` before ``app-10``."""
    return key.kind, key.guest, [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", key.name)]


def _sorted_keys(changes: Mapping[Key, Change], kinds: Mapping[str, Traits]) -> list[Key]:
    """Each key after those it needs; among equals by layer, guest and name, so that a plan always reads the same."""
    rank = _ranks(kinds)
    sorter = TopologicalSorter(
        {key: {need.key for need in change.needs if need.key in changes} for key, change in changes.items()}
    )
    sorter.prepare()
    place = {key: (change.action != "delete", rank[key.kind], _natural(key)) for key, change in changes.items()}
    ordered: list[Key] = []
    ready: list[tuple[Any, Key]] = []
    while sorter.is_active():
        for key in sorter.get_ready():
            heappush(ready, (place[key], key))
        ordered.append(heappop(ready)[1])
        sorter.done(ordered[-1])
    return ordered
