# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A value of a Compose file with its place: read as a type, it returns that type or reports a problem. No I/O.

Readers go on after a problem with a value that stands for nothing, so that every mistake of a file is found at once.
After interpolation numbers and booleans may be text (Compose Specification, "Interpolation"), so both are accepted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from pathlib import Path
from typing import Any, TypeVar

from ..errors import Problem
from .durations import parse_duration
from .located import ComposeTree
from .scalars import LEAST_CONTAINER, at_least, parse_bytes
from .sources import FilesRead
from .words import shown, unknown_key

T = TypeVar("T")


@dataclass(slots=True, kw_only=True)
class Findings:
    """What was found in one project: ``unknown`` keys, and ``wrong`` values, which leave holes in the model.

    ``files``: what was read on the way.
    """

    tree: ComposeTree
    unknown: list[Problem] = field(default_factory=list)
    wrong: list[Problem] = field(default_factory=list)
    files: FilesRead = field(default_factory=FilesRead)


@dataclass(frozen=True, slots=True)
class Node:
    """``value`` at ``path`` of the project that ``findings`` are of. ``variables``: for entries without a value."""

    value: Any
    path: tuple[str, ...]
    findings: Findings = field(repr=False)
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def folder(self) -> Path:
        """Where a relative path that is written here starts."""
        return Path(self.findings.tree.origin(self.path).folder)

    def wrong(self, message: str) -> None:
        """Report a problem here, unless there is one already: a variable without a value."""
        if self.path not in self.findings.tree.unresolved:
            self.findings.wrong.append(self.findings.tree.problem(self.path, message))

    def expected(self, what: str) -> None:
        """Report that this is not *what*."""
        self.wrong(f"it must be {what}; it is {shown(self.value)}")

    def without_value(self, message: str) -> None:
        """Report *message*, that a variable has no value. Data that came from no file has no ``.env`` beside it."""
        beside = ", or set it in the .env file beside the Compose file"
        self.wrong(f"{message}; give it one{beside if self.findings.tree.origin(self.path).file else ''}")

    def child(self, key: str, value: Any) -> Node:
        return Node(value, (*self.path, key), self.findings, self.variables)

    def mapping(self) -> dict[str, Node]:
        """Entries of a mapping with free keys; ``x-`` extensions are none of them."""
        if not isinstance(self.value, Mapping):
            self.expected("a mapping (key: value)")
            return {}
        return {key: self.child(key, value) for key, value in self.value.items() if not key.startswith("x-")}

    def fields(self, known: Iterable[str], unsupported: Mapping[str, str] | None = None) -> dict[str, Node]:
        """Entries of a mapping whose keys must be among *known*; *unsupported* has advice on some others."""
        names = frozenset(known)
        entries = self.mapping()
        for key, node in entries.items():
            if key not in names:
                advice = (unsupported or {}).get(key)
                text = f"key {key!r} is not supported; {advice}" if advice else unknown_key(key, names)
                self.findings.unknown.append(self.findings.tree.problem(node.path, text))
        return {key: node for key, node in entries.items() if key in names and node.value is not None}

    def items(self) -> list[Node]:
        """Entries of a list."""
        if not isinstance(self.value, list):
            self.expected("a list")
            return []
        return [self.child(str(index), value) for index, value in enumerate(self.value)]

    def string(self) -> str:
        if isinstance(self.value, str):
            return self.value
        if isinstance(self.value, bool) or not isinstance(self.value, (int, float)):
            self.expected("text")
            return ""
        return as_text(self.value)

    def filled(self) -> str:
        """Text that is not empty."""
        text = self.string()
        if isinstance(self.value, str) and not text.strip():
            self.expected("text that is not empty")
        return text

    def boolean(self) -> bool:
        if self.value in ("true", "false"):
            return bool(self.value == "true")
        if not isinstance(self.value, bool):
            self.expected("true or false")
        return self.value is True

    def integer(self, least: int | None = 0, most: int | None = None) -> int:
        """A whole number, at least *least* and at most *most*."""
        text = str(self.value)
        if isinstance(self.value, (bool, float)) or not re.fullmatch(r"[+-]?\d{1,18}", text):
            self.expected("a whole number")
            return 0
        if least is not None and int(text) < least:
            self.wrong(f"it must be at least {least}; it is {text}")
        if most is not None and int(text) > most:
            self.wrong(f"it must be at most {most}; it is {text}")
        return int(text)

    def number(self, least: float) -> float:
        """A number of *least* or more."""
        text = str(self.value)
        if not isinstance(self.value, bool) and re.fullmatch(r"\d+(\.\d+)?", text) and float(text) >= least:
            return float(text)
        self.expected(f"a number of at least {least}")
        return least

    def mode(self) -> int:
        """A file mode in octal: the number ``0440``, or the text ``"0440"``."""
        mode = self.value
        if isinstance(mode, str) and re.fullmatch(r"0?o?[0-7]{3,4}", mode):
            mode = int(mode.replace("o", ""), 8)
        if isinstance(mode, bool) or not isinstance(mode, int) or not 0 <= mode <= 0o7777:
            self.expected("a file mode like 0440")
            return 0
        return mode

    def size(self) -> int:
        return self._parsed(parse_bytes, self.value, 0)

    def memory(self) -> int:
        """A size that an engine gives to a container; 0 is no limit."""
        return 0 if str(self.value) == "0" else self._parsed(at_least(LEAST_CONTAINER), self.value, 0)

    def duration(self) -> float:
        return self._parsed(parse_duration, self.string(), 0.0) if isinstance(self.value, str) else self._no_duration()

    def _no_duration(self) -> float:
        self.expected("a duration like 1m30s, 10s or 500ms")
        return 0.0

    def one_of(self, *choices: str) -> str:
        text = self.string()
        if text not in choices:
            self.wrong(f"it must be {' or '.join(choices)}; it is {shown(self.value)}")
            return choices[0]
        return text

    def matching(self, pattern: str, what: str) -> str:
        text = self.string()
        if not re.fullmatch(pattern, text):
            self.expected(what)
        return text

    def address(self) -> str:
        return str(self._parsed(ip_address, self.string(), ip_address("0.0.0.0")))

    def ipv4(self) -> str:
        return str(self._parsed(IPv4Address, self.string(), IPv4Address(0)))

    def ipv6(self) -> str:
        return str(self._parsed(IPv6Address, self.string(), IPv6Address(0)))

    def subnet(self) -> str:
        return str(self._parsed(ip_network, self.string(), ip_network("0.0.0.0/0")))

    def strings(self) -> tuple[str, ...]:
        return tuple(item.string() for item in self.items())

    def one_or_more(self) -> tuple[str, ...]:
        """A list, or one value in place of it."""
        return self.strings() if isinstance(self.value, list) else (self.string(),)

    def pairs(self, separator: str = "=") -> dict[str, str]:
        """A mapping of text, or a list of ``NAME=value``. No message shows a value: it may be a secret.

        A name without a value takes it from the variables, as with `docker compose`.
        """
        return {name: node._text_of(name, value) for node, name, value in self._entries(separator)}

    def labels(self) -> dict[str, str]:
        """As :meth:`pairs`; a name without a value is a label without text."""
        return {name: "" if value is None else node._text_of(name, value) for node, name, value in self._entries("=")}

    def _entries(self, separator: str) -> Iterator[tuple[Node, str, Any]]:
        if isinstance(self.value, Mapping):
            yield from ((node, key, node.value) for key, node in self.mapping().items())
            return
        if not isinstance(self.value, list):
            self.expected(f"a mapping, or a list of NAME{separator}value")
            return
        for item in self.items():
            if isinstance(item.value, str):
                name, found, value = item.value.partition(separator)
                yield item, name, value if found else None
            else:
                item.wrong(f"it must be text of the form NAME{separator}value")

    def _text_of(self, name: str, value: Any) -> str:
        if value is None and name in self.variables:
            return self.variables[name]
        if value is None:
            self.without_value(f"{name} has no value here")
        elif not isinstance(value, (str, int, float)):
            self.wrong("it must be text or a number")
        return as_text(value)

    def _parsed(self, parse: Callable[[Any], T], value: Any, otherwise: T) -> T:
        try:
            return parse(value)
        except ValueError as error:
            self.wrong(str(error))
            return otherwise


def as_text(value: Any) -> str:
    """A scalar as Compose writes it: ``true``, ``1.5``, ``2`` (of ``2.0``)."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
