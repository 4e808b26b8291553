# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The list of rules as a table in Markdown, for terminals and for docs/fingerprint.md. No I/O."""

from __future__ import annotations

from ..rules import Rules

HEAD = ("rule", "takes out", "class", "why", "seen or written")


def rules_table(rules: Rules) -> list[str]:
    """A line for each rule, below a head."""
    rows = [(str(rule.number), f"`{rule.pattern}`", rule.of, rule.why, rule.evidence) for rule in rules.rules]
    return [_row(HEAD), f"|{'---|' * len(HEAD)}", *map(_row, rows)]


def _row(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
