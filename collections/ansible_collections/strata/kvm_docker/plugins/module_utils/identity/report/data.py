# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A comparison in JSON's types, for programs. No I/O."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from ..compare import Comparison, Difference, planes_told
from ..fingerprint import Fingerprint
from ..rules import Rules


def comparison_data(comparison: Comparison, rules: Rules) -> dict[str, Any]:
    """``differences``: each leaf; ``taken_out``: number of a rule -> its class, its reason and how many leaves."""
    known = {rule.number: rule for rule in rules.rules}
    taken_out = {
        str(number): {"class": rule.of if rule else None, "why": rule.why if rule else None, "different": count}
        for number, count in comparison.taken_out.items()
        for rule in (known.get(number),)
    }
    return {
        "verdict": comparison.verdict.value,
        "reasons": list(comparison.reasons),
        "first": _told(comparison.first),
        "second": _told(comparison.second),
        "planes": planes_told(comparison),
        "layers": [asdict(row) for row in comparison.layers],
        "differences": difference_data(comparison.differences),
        "taken_out": taken_out,
    }


def difference_data(differences: Iterable[Difference]) -> list[dict[str, Any]]:
    """Path, kind, values before and after, plane and cause of each."""
    return [asdict(difference) for difference in differences]


def _told(fingerprint: Fingerprint) -> dict[str, Any]:
    names = ("environment", "taken", "level", "rules", "root")
    return {**{name: getattr(fingerprint, name) for name in names}, "planes": fingerprint.planes}
