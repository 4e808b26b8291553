# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Variables in Compose files: ``$VAR`` and ``${VAR:-default}`` (Compose Specification, "Interpolation"). No I/O."""

from __future__ import annotations

import re
from collections.abc import Mapping

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OPERATOR = re.compile(r":?[-?+]")


def interpolate(text: str, variables: Mapping[str, str]) -> str:
    """*text* with its variables put in. Raises :class:`ValueError`, which shows nothing of *text* but a name.

    A variable without a value or a default is an error, where `docker compose` takes it as empty with a warning:
    the same files must mean the same on every machine.
    """
    result, rest = _until(text, 0, variables, closing=False)
    if rest != len(text):
        raise AssertionError(f"stopped at {rest} of {text!r}")
    return result


def _until(text: str, start: int, variables: Mapping[str, str], closing: bool) -> tuple[str, int]:
    """Interpolate from *start* to the end, or to the ``}`` that closes a default; returns where that is."""
    done: list[str] = []
    at = start
    while at < len(text) and not (closing and text[at] == "}"):
        if text[at] != "$":
            done.append(text[at])
            at += 1
        elif text[at : at + 2] == "$$":
            done.append("$")
            at += 2
        else:
            value, at = _variable(text, at + 1, variables)
            done.append(value)
    if closing and at == len(text):
        raise ValueError("a ${...} is not closed; write $$ for a dollar sign")
    return "".join(done), at


def _variable(text: str, at: int, variables: Mapping[str, str]) -> tuple[str, int]:
    """The variable whose name (or brace) starts at *at*."""
    braced = text[at : at + 1] == "{"
    match = _NAME.match(text, at + braced)
    if not match:
        raise ValueError("a $ must be followed by a variable; write $$ for a dollar sign")
    if not braced:
        return _required(match[0], variables), match.end()
    operator = _OPERATOR.match(text, match.end())
    if operator:
        return _operation(text, match[0], operator, variables)
    if text[match.end() : match.end() + 1] != "}":
        raise ValueError("a ${...} is not closed, or its operator is none of :- - :? ? :+ +")
    return _required(match[0], variables), match.end() + 1


def _operation(text: str, name: str, operator: re.Match[str], variables: Mapping[str, str]) -> tuple[str, int]:
    """``-`` default, ``?`` error, ``+`` alternative; with a colon an empty value counts as none."""
    value = variables.get(name)
    given = bool(value) if operator[0].startswith(":") else value is not None
    kind = operator[0][-1]
    needed = given if kind == "+" else not given
    argument, end = _until(text, operator.end(), variables if needed else _Anything(), closing=True)
    if kind == "?" and not given:
        raise ValueError(
            f"variable {name} has no value: {argument or 'it is required'}; set it in the .env file beside"
        )
    if kind == "+":
        return (argument if given else ""), end + 1
    return (value or "" if given else argument), end + 1


class _Anything(dict[str, str]):
    """Variables for a part that is skipped."""

    def __contains__(self, name: object) -> bool:
        return True

    def __missing__(self, name: str) -> str:
        return ""


def _required(name: str, variables: Mapping[str, str]) -> str:
    if name not in variables:
        raise ValueError(f"variable {name} has no value; set it in the .env file beside, or write ${{{name}:-default}}")
    return variables[name]
