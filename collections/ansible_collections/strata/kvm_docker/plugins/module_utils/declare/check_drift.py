# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of the rules for drift: globs that can match no object. No I/O."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase

from ..errors import Problem
from .environment import Environment
from .kinds import KINDS, ON_ENGINES
from .sources import Sources
from .words import unknown_name

_FORM = "write it as a plan names objects, e.g. container apps/app-1, container apps/*, guest web or guest *"
_WILD = re.compile(r"[*?[]")


def check_drift(environment: Environment, sources: Sources) -> Iterator[Problem]:
    for index, rule in enumerate(environment.drift):
        for message in _object(rule.object, environment):
            yield sources.problem(("drift", str(index), "object"), message)


def _object(glob: str, environment: Environment) -> Iterator[str]:
    """A name has no blank, so one that is written parts the kind from the name."""
    word, blank, name = glob.partition(" ")
    start = _WILD.split(word)[0]
    fitting = [kind for kind in KINDS if (fnmatchcase(kind, word) if blank else f"{kind} ".startswith(start))]
    if not fitting:
        yield f"{unknown_name('kind', start if not blank else word, KINDS)}; {_FORM}"
    elif not blank and start == word:
        yield f"{glob!r} matches no object; {_FORM}"
    elif blank and set(fitting) <= set(ON_ENGINES):
        yield from _on_engine(word, name, environment)


def _on_engine(word: str, name: str, environment: Environment) -> Iterator[str]:
    guest, slash, _rest = name.partition("/")
    if _WILD.search(guest):
        return
    if not slash:
        yield f"{word} {name} matches no object, as the guest is missing; write {word} <guest>/{name or '*'}"
    elif environment.guests and guest not in environment.guests:
        yield f"{unknown_name('guest', guest, environment.guests)}; {_FORM}"
