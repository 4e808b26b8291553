# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What takes a leaf out of the fingerprint: numbered rules, each with its class, its reason and the evidence. No I/O.

The list is a deny-list: a leaf that no rule takes out counts. Its version is part of every hash, so fingerprints of
different lists are never compared.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, TypeAlias

Class: TypeAlias = Literal["time", "id", "key", "entropy", "counter", "address", "log", "host"]


@dataclass(frozen=True)
class Rule:
    """Takes out the leaves whose path matches *pattern*: segments with ``*`` and ``?`` within one, ``**`` for any
    number of them.

    ``why``: what makes the value differ although nothing does. ``evidence``: where that was seen or is written.
    """

    number: int
    pattern: str
    of: Class
    why: str
    evidence: str

    @cached_property
    def regex(self) -> str:
        """The pattern as a regular expression for whole paths."""
        return _regex(self.pattern)


@dataclass(frozen=True)
class Rules:
    """A list of rules and the question which one takes a leaf out."""

    rules: Sequence[Rule]
    _by_root: dict[str, re.Pattern[str]] = field(default_factory=dict, repr=False)

    @cached_property
    def version(self) -> str:
        """Number of rules and a hash of all that they say."""
        said = "\n".join(f"{r.number}|{r.pattern}|{r.of}|{r.why}|{r.evidence}" for r in self.rules)
        return f"{len(self.rules)}:{hashlib.sha256(said.encode()).hexdigest()[:16]}"

    def rule_of(self, path: str) -> int | None:
        """Number of the first rule that takes out the leaf at *path*."""
        root = path.partition("/")[0]
        if root not in self._by_root:
            self._by_root[root] = _any_of(rule for rule in self.rules if _may_begin(rule.pattern, root))
        match = self._by_root[root].fullmatch(path)
        return int(match.lastgroup[1:]) if match and match.lastgroup else None

    def rule(self, number: int) -> Rule:
        """The rule of that *number*; raises :class:`KeyError`."""
        return {rule.number: rule for rule in self.rules}[number]


def _any_of(rules: Iterable[Rule]) -> re.Pattern[str]:
    return re.compile("|".join(f"(?P<r{rule.number}>{rule.regex})" for rule in rules) or r"(?!)", re.DOTALL)


def _may_begin(pattern: str, root: str) -> bool:
    first = pattern.partition("/")[0]
    return first in ("**", root) or ("*" in first and bool(re.fullmatch(_segment(first), root)))


def _regex(pattern: str) -> str:
    parts = pattern.split("/")
    written = ""
    for number, part in enumerate(parts):
        last = number == len(parts) - 1
        if part == "**":
            written += ".*" if last else "(?:[^/]*/)*"
        else:
            written += _segment(part) + ("" if last else "/")
    return written


def _segment(part: str) -> str:
    return "".join({"*": "[^/]*", "?": "[^/]"}.get(letter, re.escape(letter)) for letter in part)
