# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks registries which image a tag stands for now (``pull_policy: always``).

The engine asks, as it may be the only one that reaches the registry. Credentials are those of ``docker login`` of the
user that this runs as; the SDK sends them with the question.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

from ..declare.reference import familiar
from ..errors import ImageError
from ..inputs import registry_source
from .engine import Engine
from .errors import engine_errors

#: Questions at once.
_AT_ONCE = 8


def tags_to_follow(engine: Engine) -> list[str]:
    """References of the images of registries that a service wants to be pulled always; a digest never moves."""
    services = engine.project.services.values() if engine.project else ()
    wanted = {service.image for service in services if service.pull_policy == "always"}
    return [reference for reference in _tags(engine) if reference in wanted]


def all_tags(engine: Engine) -> list[str]:
    """References of all images of registries, but for those that are never to be pulled."""
    services = engine.project.services.values() if engine.project else ()
    left = {service.image for service in services if service.pull_policy == "never"}
    return [reference for reference in _tags(engine) if reference not in left]


def _tags(engine: Engine) -> list[str]:
    """Of the engine's guest; sorted."""
    return sorted(
        reference
        for (guest, reference), image in engine.inputs.images.items()
        if guest == engine.guest and image.source == registry_source(reference) and "@" not in reference
    )


def ask(engine: Engine, which: Callable[[Engine], list[str]] = tags_to_follow) -> dict[str, str]:
    """The digest that each tag of *which* stands for, by reference; :class:`ImageError` tells all that failed."""
    references = which(engine)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        answers = dict(zip(references, pool.map(lambda reference: _ask(engine, reference), references), strict=True))
    if failures := [str(answer) for answer in answers.values() if isinstance(answer, ImageError)]:
        raise ImageError("\n".join(failures))
    return {reference: answer for reference, answer in answers.items() if isinstance(answer, str)}


def _ask(engine: Engine, reference: str) -> str | ImageError:
    what = f"{engine.where}: image {reference}: its registry does not tell which image the tag stands for"
    try:
        with engine_errors(what, ImageError):
            client = cast(Any, engine.client)  # its stubs leave this method untyped
            return str(client.inspect_distribution(familiar(reference))["Descriptor"]["digest"])
    except ImageError as error:
        return ImageError(
            f"{error}. With pull_policy: always it is asked at every run, for a new lock once. Is the name right, does "
            "the guest reach the registry, and has `docker login` been done here where it asks for a password? "
            "Or name a digest, or take pull_policy away (for a lock: pull_policy: never)."
        )
