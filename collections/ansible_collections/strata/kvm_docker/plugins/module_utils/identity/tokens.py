# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names in place of what follows from an environment's name or from chance. No I/O.

Two environments of one declaration differ in names, addresses and UUIDs. In every plane but that of identity such a
value is written as what it stands for (``{address web lan}``): what is left differs only where the environments do.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

#: A value inside of a longer word is another value: 10.80.0.1 in 10.80.0.11, but not in 10.80.0.1:80.
_BEFORE, _AFTER = r"(?<![A-Za-z0-9.-])", r"(?![A-Za-z0-9-]|\.\d)"
#: Of an address: a hyphen before or after it makes a span, and no longer word (10.80.0.100-10.80.0.120).
_BEFORE_ADDRESS, _AFTER_ADDRESS = r"(?<![A-Za-z0-9.])", r"(?![A-Za-z0-9]|\.\d)"
_ADDRESS = re.compile(r"\d+\.\d+\.\d+\.\d+(/\d+)?")
_LONG = 12


@dataclass(slots=True)
class Tokens:
    """``derived``: value -> what it stands for, of what follows from the declaration: the plane of identity.

    ``chance``: of ids that an engine drew, and of folders. ``whole``: of values that are too common to be looked for
    inside of others; they count as a whole text, or before its first slash.
    """

    derived: Mapping[str, str]
    chance: Mapping[str, str] = field(default_factory=dict)
    whole: Mapping[str, str] = field(default_factory=dict)
    _names: dict[str, str] = field(init=False, repr=False, compare=False)
    _found: re.Pattern[str] | None = field(init=False, repr=False)

    def __post_init__(self) -> None:
        names = {value: name for value, name in {**self.chance, **self.derived}.items() if value}
        # A text that has a name in it already, in braces, gets a second pair of them.
        self._names = {**{f"{{{name}}}": f"{{{name}}}" for name in names.values()}, **names}
        patterns = [_pattern(value) for value in sorted(self._names, key=len, reverse=True)]
        self._found = re.compile("|".join(patterns)) if patterns else None

    def __call__(self, text: str) -> str:
        """*text* with names in place of values."""
        word, slash, rest = text.partition("/")
        if word in self.whole:
            return f"{{{self.whole[word]}}}{slash}{self.inside(rest)}"
        return self.inside(text)

    def inside(self, text: str) -> str:
        """As when called, for a part of a path: what is too common stays there, a number in a list above all."""
        if self._found is None:
            return text
        return self._found.sub(lambda match: f"{{{self._names[match[0]]}}}", text)


def _pattern(value: str) -> str:
    """Long ids are found inside of words too (``docker-<id>.scope``)."""
    drawn = len(value) >= _LONG and re.fullmatch(r"[0-9a-f-]+", value)
    if drawn or value.startswith("{"):
        return re.escape(value)
    if _ADDRESS.fullmatch(value):
        return f"{_BEFORE_ADDRESS}{re.escape(value)}{_AFTER_ADDRESS}"
    colons = ("(?<!:)", "(?!:)") if ":" in value else ("", "")
    return f"{colons[0]}{_BEFORE}{re.escape(value)}{_AFTER}{colons[1]}"
