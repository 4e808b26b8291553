# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes the secrets of a declaration out of any text: a container's log in an error, a step of a build."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, is_dataclass, replace
from typing import Any
from urllib.parse import quote

from .declare.compose import Project
from .declare.environment import Environment
from .errors import Problem, StrataError
from .plan.model import MASK
from .plan.secrets import secret_values
from .progress import Progress

#: Shorter ones are not looked for: they are in every text.
SHORTEST = 3
#: Ones as short as this must stand by themselves.
_SHORT = 7
#: Key of a service whose values are names of secrets.
_REFERENCES = "secrets"
#: Values that switch something on or off, whatever their name.
_SWITCHES = frozenset({"true", "false", "yes", "none", "null", "auto"})


class Masker:
    """Called with a text, it gives it back with a mask in place of each of *values*, in whatever notation."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        known = {written for value in values for written in _notations(value)}
        patterns = (_pattern(value) for value in sorted(known, key=len, reverse=True))
        self._found = re.compile("|".join(patterns)) if known else None

    def __call__(self, text: str) -> str:
        return self._found.sub(MASK, text) if self._found else text

    def each(self, text: str, other: Callable[[str], str]) -> str:
        """*text* with what *other* gives for it in place of each of the values, so that they can be told apart."""
        return self._found.sub(lambda match: other(match[0]), text) if self._found else text

    def data(self, value: Any) -> Any:
        """*value*, a tree in JSON's types, with all its texts masked but the keys of mappings."""
        if isinstance(value, str):
            return self(value)
        if isinstance(value, Mapping):
            return {key: self.data(item) for key, item in value.items()}
        return [self.data(item) for item in value] if isinstance(value, (list, tuple)) else value


@contextmanager
def hidden(environment: Environment, progress: Progress) -> Iterator[Masker]:
    """Within, neither *progress* nor an error tells a secret of *environment*."""
    mask = Masker(secrets_of(environment))
    progress.mask = mask
    try:
        yield mask
    except StrataError as error:
        error.mask(mask)
        error.hide = mask.data
        raise


def secrets_of(environment: Environment) -> set[str]:
    """Every secret value of *environment*: contents of ``secrets``, and what looks like a secret.

    What is the name of something is shown all the time, and no secret: the password ``redis`` of a service ``redis``.
    """
    projects = [guest.compose for guest in environment.guests.values() if guest.compose]
    contents = {line for project in projects for source in project.secrets.values() for line in _lines(source.content)}
    return (contents | set(_looking(environment))) - set(_names(environment, projects))


def mask_problems(problems: Iterable[Problem], *written: Any) -> list[Problem]:
    """*problems* of files that hold the trees *written*, without their secrets."""
    found = list(problems)
    if not found:
        return []
    mask = mask_of(*written)
    return [replace(problem, message=mask(problem.message)) for problem in found]


def mask_of(*written: Any) -> Masker:
    """Takes out of texts what looks like a secret in the trees *written*."""
    return Masker(
        {secret for tree in written for secret in _looking(tree)} - {key for tree in written for key in _keys(tree)}
    )


def _keys(tree: Any) -> Iterator[str]:
    """Keys are names, which messages need; see :func:`secrets_of`."""
    for key, value in tree.items() if isinstance(tree, Mapping) else enumerate(tree if isinstance(tree, list) else ()):
        yield str(key)
        yield from _keys(value)


def _lines(content: str) -> Iterator[str]:
    """The whole and its lines, as a log may show either."""
    yield content.strip()
    yield from (line.strip() for line in content.splitlines())


def _looking(item: Any, name: str = "") -> Iterator[str]:
    """What looks like a secret in a dataclass or mapping, however deep."""
    if is_dataclass(item):
        for each in fields(item):
            yield from _looking(getattr(item, each.name), each.name)
    elif isinstance(item, Mapping):
        for key, value in item.items():
            yield from _looking(value, str(key))
    elif isinstance(item, (list, tuple)) and any(is_dataclass(each) or isinstance(each, Mapping) for each in item):
        for value in item:
            yield from _looking(value, name)
    elif name != _REFERENCES:
        yield from secret_values(name, item)


def _names(environment: Environment, projects: Iterable[Project]) -> Iterator[str]:
    yield environment.name
    for part in (environment.guests, environment.networks, environment.images):
        yield from part
    for project in projects:
        yield project.name
        for section in (project.services, project.networks, project.volumes, project.secrets, project.configs):
            yield from section
        for service in project.services.values():
            yield from re.split(r"[/:@]", service.image)
            yield service.user or ""


def _notations(value: str) -> Iterator[str]:
    """*value* as it is, and as URLs, JSON and HTTP headers have it."""
    if len(value) < SHORTEST or value.lower() in _SWITCHES:
        return
    yield value
    yield quote(value, safe="")
    yield json.dumps(value)[1:-1]
    yield repr(value)[1:-1]
    if len(value) > _SHORT:
        yield base64.b64encode(value.encode()).decode().rstrip("=")


def _pattern(value: str) -> str:
    return rf"(?<!\w){re.escape(value)}(?!\w)" if len(value) <= _SHORT else re.escape(value)
