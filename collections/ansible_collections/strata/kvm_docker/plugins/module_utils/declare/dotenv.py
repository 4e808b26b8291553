# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of ``NAME=value`` lines, as ``.env`` and ``env_file`` have them (Compose Specification, "Env_file format")."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from ..errors import Problem
from .interpolation import interpolate

_LINE = re.compile(r"^(?:export\s+)?(?P<name>[A-Za-z_][A-Za-z0-9_.-]*)\s*(?:[=:]\s?(?P<value>.*))?$")
_QUOTED = re.compile(r"""^(?P<quote>["'])(?P<text>(?:\\.|(?!(?P=quote)).)*)(?P=quote)\s*(?:#.*)?$""")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\", "$": "$$"}


def read_dotenv(path: Path, outer: Mapping[str, str] | None = None) -> tuple[dict[str, str], list[Problem]]:
    """Values of the file *path*; a line may use variables of *outer*, and of the lines above it."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        return {}, [Problem(str(path), 0, "", f"cannot be read as UTF-8 text: {error}")]
    if "\0" in text:
        return {}, [Problem(str(path), 0, "", "contains a NUL character; save it as text")]
    values: dict[str, str] = {}
    problems: list[Problem] = []
    for number, line in enumerate(text.splitlines(), start=1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        try:
            name, value = _parse(stripped, {**values, **(outer or {})})
        except ValueError as error:
            problems.append(Problem(str(path), number, "", str(error)))
        else:
            values[name] = value
    return values, problems


def read_raw_env(path: Path, outer: Mapping[str, str]) -> tuple[dict[str, str], list[Problem]]:
    """As :func:`read_dotenv`, where everything after ``=`` is the value: no quotes, no variables, no notes."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        return {}, [Problem(str(path), 0, "", f"cannot be read as UTF-8 text: {error}")]
    values: dict[str, str] = {}
    problems: list[Problem] = []
    for number, line in enumerate(lines, start=1):
        name, equals, value = line.lstrip().partition("=")
        if not name or name.startswith("#"):
            continue
        if equals or name in outer:
            values[name] = value if equals else outer[name]
        else:
            problems.append(Problem(str(path), number, "", "is not of the form NAME=value"))
    return values, problems


def _parse(line: str, variables: Mapping[str, str]) -> tuple[str, str]:
    """Name and value of one line; messages never show the value, which may be a secret."""
    match = _LINE.match(line)
    if not match:
        raise ValueError("is not of the form NAME=value")
    value = (match["value"] or "").strip()
    if value[:1] in ("'", '"'):
        quoted = _QUOTED.match(value)
        if not quoted:
            raise ValueError(f"the quoted value of {match['name']} does not end in its line")
        if quoted["quote"] == "'":
            return match["name"], quoted["text"]
        value = re.sub(r"\\(.)", lambda escape: _ESCAPES.get(escape[1], escape[0]), quoted["text"])
    else:
        value = re.sub(r"\s+#.*$", "", value)
    try:
        return match["name"], interpolate(value, variables)
    except ValueError as error:
        raise ValueError(f"the value of {match['name']}: {error}") from error
