# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fingerprint, and a comparison of two, as lines for a person. No I/O."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ..compare import LAYERS, Comparison, Verdict, planes_told
from ..fingerprint import Fingerprint
from ..rules import Rules
from .groups import Group, grouped
from .words import before_and_after, counted, level_in_words, plain

#: Differences of a group, and paths of a list, that are shown where not all are asked for.
EXAMPLES = 5


def fingerprint_lines(fingerprint: Fingerprint, every: bool = False) -> list[str]:
    """Root, planes, layers in numbers, and what keeps it from being a proof; *every*: no list is cut."""
    return [
        f"environment  {plain(fingerprint.environment)}",
        f"taken        {plain(fingerprint.taken)}, level {fingerprint.level}: {level_in_words(fingerprint.level)}",
        f"root         {fingerprint.root}",
        *(f"  {plane:<11}{digest}" for plane, digest in fingerprint.planes.items()),
        *_table(("LAYER", "LEAVES", "TAKEN OUT"), _layers(fingerprint)),
        *_listed("could not be looked at", fingerprint.missing, every),
        *_listed("known to no schema and no rule", fingerprint.unknown, every),
        *_listed("did not stay as it was while it was taken", fingerprint.moving, every),
        _state(fingerprint),
    ]


def comparison_lines(comparison: Comparison, rules: Rules, every: bool = False) -> list[str]:
    """Verdict with its reasons, planes, layers, groups of differences, and what rules take out."""
    rows = [(row.layer, f"{row.leaves:,}", f"{row.different:,}", f"{row.taken_out:,}") for row in comparison.layers]
    groups = grouped(comparison.differences)
    return [
        f"{comparison.verdict.value}: {verdict_in_words(comparison)}",
        *(f"  {plain(reason)}" for reason in _cut(comparison.reasons, every)),
        *_also(comparison),
        *_planes(comparison),
        *_table(("LAYER", "LEAVES", "DIFFERENT", "TAKEN OUT"), rows),
        *(line for group in groups for line in _group_lines(group, every)),
        *taken_out_lines(comparison.taken_out, rules),
    ]


def verdict_in_words(comparison: Comparison) -> str:
    """One sentence for the verdict."""
    number = counted(len(comparison.differences), "leaf")
    differ = f"{number} {'differs' if len(comparison.differences) == 1 else 'differ'}"
    return {
        "IDENTICAL": "no leaf that counts differs",
        "EQUIVALENT": f"{differ}, and all of the plane of identity",
        "DIFFERENT": differ,
        "INCOMPLETE": "what was looked at is the same, but not all was looked at",
        "INCOMPARABLE": "the two cannot be compared",
        "UNSETTLED": "something moved while a fingerprint was taken; take it again when it is at rest",
    }[comparison.verdict.value]


def _also(comparison: Comparison) -> Iterator[str]:
    """A difference outweighs what was not looked at, and does not replace it."""
    lacking = {*comparison.first.incomplete, *comparison.second.incomplete}
    if comparison.verdict is Verdict.DIFFERENT and lacking:
        yield f"  and not all was looked at: {counted(len(lacking), 'reason')}, as strata fingerprint tells them"


def taken_out_lines(taken_out: Mapping[int, int], rules: Rules) -> list[str]:
    """By rule, how many of the leaves that it takes out differ."""
    if not taken_out:
        return []
    known = {rule.number: (rule.of, rule.why) for rule in rules.rules}
    told = ((number, *known.get(number, ("?", "?")), count) for number, count in taken_out.items())
    rows = [(str(number), of, f"{count:,}", why) for number, of, why, count in told]
    return ["", "differences that rules take out:", *_table(("RULE", "CLASS", "DIFFER", "WHY"), rows)[1:]]


def _layers(fingerprint: Fingerprint) -> list[tuple[str, ...]]:
    numbers: dict[str, list[int]] = {}
    for leaf in fingerprint.leaves:
        row = numbers.setdefault(leaf.path.partition("/")[0], [0, 0])
        row[0 if leaf.counts else 1] += 1
    order = (*LAYERS, *sorted(numbers.keys() - set(LAYERS)))
    return [(layer, *(f"{number:,}" for number in numbers[layer])) for layer in order if layer in numbers]


def _state(fingerprint: Fingerprint) -> str:
    if fingerprint.moving:
        return "UNSETTLED: take it again when it is at rest"
    return "INCOMPLETE: it proves nothing of what is named above" if fingerprint.incomplete else "settled and complete"


def _planes(comparison: Comparison) -> Iterator[str]:
    first, second = comparison.first.planes, comparison.second.planes
    for plane, same in planes_told(comparison).items():
        here, there = (planes.get(plane, "-")[:16] for planes in (first, second))
        yield f"  {plane:<11}{'same' if same else 'differs'}  {here if same else f'{here} {there}'}"


def _group_lines(group: Group, every: bool) -> Iterator[str]:
    numbers = ", ".join(f"{count:,} {kind}" for kind, count in group.kinds.items())
    yield ""
    yield f"{plain(group.title)}: {group.cause} ({numbers})"
    for each in group.differences if every else group.differences[:EXAMPLES]:
        before, after = before_and_after(each)
        yield f"  {plain(group.below(each))}: {before} -> {after}"
    if not every and len(group.differences) > EXAMPLES:
        yield f"  and {len(group.differences) - EXAMPLES:,} more (--all)"


def _listed(title: str, items: Sequence[str], every: bool) -> Iterator[str]:
    if items:
        yield ""
        yield f"{title} ({len(items):,}):"
        yield from (f"  {plain(item)}" for item in _cut(items, every))


def _cut(items: Sequence[str], every: bool) -> Iterator[str]:
    yield from items if every else items[:EXAMPLES]
    if not every and len(items) > EXAMPLES:
        yield f"and {len(items) - EXAMPLES:,} more (--all)"


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    """An empty line, then the table; numbers stand to the right, the last column of words is not padded."""
    if not rows:
        return []
    widths = [max(len(row[place]) for row in (head, *rows)) for place in range(len(head))]
    return [
        "",
        *(
            "  ".join(_cell(cell, width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in (head, *rows)
        ),
    ]


def _cell(cell: str, width: int) -> str:
    number = cell.replace(",", "").isdigit()
    return cell.rjust(width) if number else cell.ljust(width)
