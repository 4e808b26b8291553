# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a Dockerfile builds on: the images that its FROM and COPY --from lines name; and labels for its stages. No I/O.

Source of the rules: Dockerfile reference, sections "Parser directives", "FROM", "Understand how ARG and FROM interact",
"COPY --from" and "Environment replacement".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ..errors import ImageError

_DIRECTIVE = re.compile(r"^#\s*([a-zA-Z]+)\s*=\s*(\S+)\s*$")
_FROM = re.compile(r"^(?P<image>\S+)(?:\s+as\s+(?P<stage>\S+))?$", re.IGNORECASE)
_VARIABLE = re.compile(r"\$(?:(?P<plain>\w+)|\{(?P<name>\w+)(?::(?P<operator>[-+])(?P<word>[^}]*))?\})")
_FLAG = re.compile(r"^--([a-z]+)=(\S+)\s*")


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction, its continued lines joined; ``line`` and ``last`` are its first and last line, from 1."""

    line: int
    last: int
    keyword: str
    flags: Mapping[str, str]
    rest: str


def bases(text: str, args: Mapping[str, str], target: str | None, where: str) -> tuple[str, ...]:
    """References of the images that the build of *target* (default: the last stage) starts from, in order, once each.

    Stages that come after *target* are not built and do not count. Raises :class:`ImageError`; *where* names the file.
    """
    known: dict[str, str] = {}
    found: dict[str, None] = {}
    stages: list[str] = []
    reached = False
    for instruction in instructions(text):
        if instruction.keyword == "ARG" and not stages:
            known |= _argument(instruction.rest, args, known)
        elif instruction.keyword == "FROM":
            if reached:
                break
            image, name = _stage(instruction, known, where)
            if image.lower() not in stages and image != "scratch":
                found[image] = None
            stages.append(name)
            reached = target is not None and target.lower() in (name, str(len(stages) - 1))
        elif (source := _copied_from(instruction)) and source.lower() not in stages:
            found[source] = None
    if not stages:
        raise ImageError(f"{where}: no FROM in it. A Dockerfile starts with the image to build on, or FROM scratch.")
    if target is not None and not reached:
        raise ImageError(
            f"{where}: no stage {target!r} in it. Stages: {', '.join(filter(None, stages)) or 'none named'}."
        )
    return tuple(found)


def labelled(text: str, name: str, value: str) -> str:
    """*text* with a label at the start of each stage, so that every image that the build makes carries it."""
    lines = text.split("\n")
    for last in reversed(_stage_lines(text)):
        lines.insert(last, f'LABEL {name}="{value}"')
    return "\n".join(lines)


def line_before(text: str, number: int) -> int:
    """The line of *text* that is line *number* of what :func:`labelled` makes of it."""
    inserted = (last + index + 1 for index, last in enumerate(_stage_lines(text)))
    return number - sum(line < number for line in inserted)


def _stage_lines(text: str) -> list[int]:
    """The last line of each FROM."""
    return [instruction.last for instruction in instructions(text) if instruction.keyword == "FROM"]


def instructions(text: str) -> Iterator[Instruction]:
    """The instructions of a Dockerfile, without comments and empty lines."""
    lines = text.removeprefix("\ufeff").split("\n")
    escape = _escape(lines)
    parts: list[str] = []
    start = 0
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        start = start if parts else number
        continued = line.rstrip().endswith(escape)
        parts.append(line.rstrip().removesuffix(escape) if continued else line)
        if not continued:
            yield _instruction(start, number, "".join(parts).strip())
            parts = []
    if parts:
        yield _instruction(start, len(lines), "".join(parts).strip())


def _escape(lines: list[str]) -> str:
    """The ``# escape=`` directive, which must come before anything else but other directives."""
    for line in lines:
        directive = _DIRECTIVE.match(line.strip())
        if not directive:
            break
        if directive[1].lower() == "escape":
            return directive[2]
    return "\\"


def _instruction(line: int, last: int, text: str) -> Instruction:
    keyword, _blank, rest = text.partition(" ") if " " in text else text.partition("\t")
    rest = rest.strip()
    flags: dict[str, str] = {}
    while flag := _FLAG.match(rest):
        flags[flag[1]] = flag[2]
        rest = rest[flag.end() :]
    return Instruction(line, last, keyword.upper(), flags, rest)


def _stage(instruction: Instruction, known: Mapping[str, str], where: str) -> tuple[str, str]:
    """The image that a FROM line names and the stage's name, which is empty for a stage without one."""
    match = _FROM.match(instruction.rest)
    if not match:
        raise ImageError(f"{where}:{instruction.line}: FROM {instruction.rest}: write it as FROM image [AS stage].")
    image = substitute(match["image"], known)
    if not image:
        raise ImageError(
            f"{where}:{instruction.line}: FROM {match['image']}: the image is empty. "
            "Give the ARG before the first FROM a default, or a value in build.args."
        )
    return image, (match["stage"] or "").lower()


def _copied_from(instruction: Instruction) -> str:
    """Name of the stage or image that a COPY takes files from; empty where it is the context or a stage's number."""
    source = instruction.flags.get("from", "") if instruction.keyword == "COPY" else ""
    return "" if source.isdecimal() else source


def _argument(rest: str, args: Mapping[str, str], known: Mapping[str, str]) -> dict[str, str]:
    """Values of an ARG line before the first FROM: a build argument wins over the default."""
    values: dict[str, str] = {}
    for word in rest.split():
        name, _equals, default = word.partition("=")
        values[name] = args.get(name, substitute(default.strip("\"'"), {**known, **values}))
    return values


def substitute(text: str, known: Mapping[str, str]) -> str:
    """*text* with ``$NAME``, ``${NAME}``, ``${NAME:-default}`` and ``${NAME:+alternative}`` replaced."""

    def value(match: re.Match[str]) -> str:
        current = known.get(match["plain"] or match["name"], "")
        if match["operator"] == "-":
            return current or substitute(match["word"], known)
        if match["operator"] == "+":
            return substitute(match["word"], known) if current else ""
        return current

    return _VARIABLE.sub(value, text)
