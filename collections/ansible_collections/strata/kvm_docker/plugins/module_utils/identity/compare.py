# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two fingerprints -> a verdict, and what differs with its likely cause. No I/O."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Literal, TypeAlias

from .causes import cause_of
from .fingerprint import Fingerprint
from .leaf import PLANES, Leaf, Plane, Scalar

Kind: TypeAlias = Literal["added", "removed", "changed"]

#: Order of the layers in reports: from inputs over the hypervisor to what runs in containers.
LAYERS = (
    "intent",
    "lock",
    "artifacts",
    "networks",
    "pools",
    "disks",
    "domains",
    "forwards",
    "guests",
    "engines",
    "images",
    "docker_networks",
    "docker_volumes",
    "containers",
    "identity",
)


class Verdict(Enum):
    """What a comparison says. Of several that hold the first one is given, in the order of :data:`PRECEDENCE`."""

    IDENTICAL = "IDENTICAL"
    EQUIVALENT = "EQUIVALENT"
    DIFFERENT = "DIFFERENT"
    INCOMPLETE = "INCOMPLETE"
    INCOMPARABLE = "INCOMPARABLE"
    UNSETTLED = "UNSETTLED"

    @property
    def exit_status(self) -> int:
        """Of the command line; 2 is that of an error."""
        return {"IDENTICAL": 0, "DIFFERENT": 1, "EQUIVALENT": 3, "INCOMPLETE": 4, "INCOMPARABLE": 5, "UNSETTLED": 6}[
            self.value
        ]

    def satisfies(self, expected: Verdict) -> bool:
        """Whether it is at least as good as *expected*: what is identical is equivalent too."""
        return self is expected or (self is Verdict.IDENTICAL and expected is Verdict.EQUIVALENT)


PRECEDENCE = (
    Verdict.INCOMPARABLE,
    Verdict.UNSETTLED,
    Verdict.DIFFERENT,
    Verdict.INCOMPLETE,
    Verdict.EQUIVALENT,
    Verdict.IDENTICAL,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One leaf that is not the same: ``before`` in the first fingerprint, ``after`` in the second one.

    ``cause``: what most likely made it, in words.
    """

    path: str
    kind: Kind
    before: Scalar
    after: Scalar
    plane: Plane
    cause: str

    @property
    def layer(self) -> str:
        """The first segment of its path."""
        return self.path.partition("/")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerRow:
    """One layer in numbers: leaves that count, those of them that differ, and those that a rule takes out."""

    layer: str
    leaves: int
    different: int
    taken_out: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """``reasons``: of a verdict that leaves alone do not explain.

    ``taken_out``: number of a rule -> how many of the leaves that it takes out differ.
    """

    first: Fingerprint
    second: Fingerprint
    verdict: Verdict
    differences: tuple[Difference, ...]
    reasons: tuple[str, ...]
    layers: tuple[LayerRow, ...]
    taken_out: Mapping[int, int]


def compare(first: Fingerprint, second: Fingerprint) -> Comparison:
    """Compare *second* with *first*, at the level that both were taken at."""
    here, there = _by_path(first), _by_path(second)
    differences = tuple(_differences(here, there))
    reasons = _reasons(first, second, differences)
    return Comparison(
        first=first,
        second=second,
        verdict=next(verdict for verdict in PRECEDENCE if verdict in reasons),
        differences=differences,
        reasons=next(reasons[verdict] for verdict in PRECEDENCE if verdict in reasons),
        layers=tuple(_rows(here, there, differences)),
        taken_out=_taken_out(here, there),
    )


def _by_path(fingerprint: Fingerprint) -> dict[str, Leaf]:
    return {leaf.path: leaf for leaf in fingerprint.leaves}


def _reasons(
    first: Fingerprint, second: Fingerprint, differences: tuple[Difference, ...]
) -> dict[Verdict, tuple[str, ...]]:
    """Every verdict that holds, with what speaks for it."""
    found = {
        Verdict.INCOMPARABLE: tuple(_incomparable(first, second)),
        Verdict.UNSETTLED: tuple(f"{path} did not stay as it was" for path in _both(first.moving, second.moving)),
        Verdict.DIFFERENT: tuple(each.path for each in differences if each.plane != "identity"),
        Verdict.INCOMPLETE: _both(first.incomplete, second.incomplete),
        Verdict.EQUIVALENT: tuple(each.path for each in differences),
    }
    told = (Verdict.DIFFERENT, Verdict.EQUIVALENT)
    holds = {verdict: () if verdict in told else reasons for verdict, reasons in found.items() if reasons}
    return {**holds, Verdict.IDENTICAL: ()}


def _both(first: tuple[str, ...], second: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*first, *second)))


def _incomparable(first: Fingerprint, second: Fingerprint) -> Iterator[str]:
    if first.level != second.level:
        yield f"one is of level {first.level}, the other one of level {second.level}"
    if first.rules != second.rules:
        yield f"they were taken under other rules: {first.rules} and {second.rules}"
    if first.key != second.key and (first.has_seals or second.has_seals):
        yield "their secrets were sealed with different keys; take one of them again with the key of the other"
    if any(leaf.sealed and leaf.counts and not leaf.value for each in (first, second) for leaf in each.leaves):
        yield "secrets were sealed without a key, so that nobody can tell whether they are the same; take it with one"


def _differences(here: Mapping[str, Leaf], there: Mapping[str, Leaf]) -> Iterator[Difference]:
    for path in sorted(here.keys() | there.keys()):
        before, after = here.get(path), there.get(path)
        leaf = after or before
        if leaf is None or not differ(before, after):
            continue
        kind: Kind = "added" if before is None else "removed" if after is None else "changed"
        yield Difference(
            path=path,
            kind=kind,
            before=_shown(before),
            after=_shown(after),
            plane=leaf.plane,
            cause=cause_of(path, kind),
        )


def differ(before: Leaf | None, after: Leaf | None) -> bool:
    """Whether the leaf is not the same, if it counts; ``None``: it is not there."""
    if before is None or after is None:
        return any(leaf is not None and leaf.counts for leaf in (before, after))
    return before.counts != after.counts or (before.counts and _key(before) != _key(after))


def _key(leaf: Leaf) -> tuple[type, Scalar, bool, Plane]:
    """True is not 1."""
    return type(leaf.value), leaf.value, leaf.sealed, leaf.plane


def _shown(leaf: Leaf | None) -> Scalar:
    """A seal tells nobody anything."""
    if leaf is None:
        return None
    return "(secret)" if leaf.sealed else leaf.value


def _taken_out(here: Mapping[str, Leaf], there: Mapping[str, Leaf]) -> dict[int, int]:
    """By rule, how many leaves differ that it takes out."""
    out = Counter(
        leaf.rule
        for path in here.keys() | there.keys()
        if (leaf := here.get(path) or there[path]).rule is not None
        and (path not in here or path not in there or _key(here[path]) != _key(there[path]))
    )
    return {rule: out[rule] for rule in sorted(number for number in out if number is not None)}


def _rows(
    here: Mapping[str, Leaf], there: Mapping[str, Leaf], differences: tuple[Difference, ...]
) -> Iterator[LayerRow]:
    every = {**here, **there}
    counting, out = Counter[str](), Counter[str]()
    for path, leaf in every.items():
        (counting if leaf.counts else out)[path.partition("/")[0]] += 1
    differing = Counter(each.layer for each in differences)
    for layer in (*LAYERS, *sorted((counting.keys() | out.keys()) - set(LAYERS))):
        if counting[layer] or out[layer]:
            yield LayerRow(layer=layer, leaves=counting[layer], different=differing[layer], taken_out=out[layer])


def planes_told(comparison: Comparison) -> dict[Plane, bool]:
    """Whether each plane is the same in both."""
    first, second = comparison.first.planes, comparison.second.planes
    return {plane: first.get(plane) == second.get(plane) for plane in PLANES if plane in first or plane in second}
