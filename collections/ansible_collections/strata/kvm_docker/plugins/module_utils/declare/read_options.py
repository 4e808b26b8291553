# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of a module that declares one object of an environment -> the model, by the same checks as a declaration.

No I/O.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..errors import DeclarationError, Problem
from ..masking import mask_problems
from ..requirements import require
from .environment import Environment
from .read import validated
from .sources import Sources

_FILE = "options"


@dataclass(frozen=True, slots=True)
class Place:
    """Which object the options are of: *name* in *section* (``images``, ``networks``, ``pools``, ``guests``), or what
    is *inside* of it at this path."""

    section: str
    name: str
    inside: tuple[str, ...] = ()

    def problems(self, found: Iterable[Problem]) -> list[Problem]:
        """*found* in a declaration, told of the options."""
        return [replace(problem, file=_FILE, path=self._option(problem)) for problem in found]

    def _option(self, problem: Problem) -> str:
        own = ".".join((self.section, self.name, *self.inside))
        names = {"name": "environment", f"images.{self.name}": "", own: self._whole(problem.message)}
        return names.get(problem.path, problem.path.removeprefix(f"{own}.").removeprefix(f"images.{self.name}."))

    def _whole(self, message: str) -> str:
        """What is wrong with the object as a whole is its name, or how some options go together."""
        named = message.startswith("the key") or self.section != "images"
        return "name" if named and not message.endswith("is required") else ""


def read_options(
    environment: str, folder: str, place: Place, options: Mapping[str, Any], image: Mapping[str, Any] | None = None
) -> Environment:
    """An environment of the one object, and of the *image* that a guest starts from, which has the guest's name.

    Options that are ``None`` count as not given. Raises :class:`DeclarationError`.
    """
    require("pydantic")
    filled = {"name": place.name, "image": place.name} if place.section == "guests" else {}
    sections = {place.section: {place.name: {**given(options), **filled}}}
    images = {"images": {place.name: given(image)}} if image else {}
    tree = {"name": environment, "folder": folder, **sections, **images}
    found, problems = validated(Sources(), tree)
    if found is None or problems:
        raise DeclarationError(place.problems(mask_problems(problems, tree)))
    return found


def given(options: Mapping[str, Any]) -> dict[str, Any]:
    """*options* without those that were not given, in the suboptions too."""
    return {key: _given(value) for key, value in options.items() if value is not None}


def _given(value: Any) -> Any:
    if isinstance(value, Mapping):
        return given(value)
    return [_given(item) for item in value] if isinstance(value, list) else value
