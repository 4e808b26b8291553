# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes an image on an engine: gives its name back to it, builds, loads or pulls it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, cast

from ..declare.compose import Build
from ..declare.reference import at_digest, familiar, split
from ..errors import ImageError
from ..inputs import ImageInput
from ..progress import Progress
from .archive import read_input
from .context import open_context
from .engine import Engine
from .errors import engine_errors
from .events import Downloads, Report, refuse_error
from .image_build import Builder
from .image_list import discard, list_images
from .image_marks import mark


def make(engine: Engine, image: ImageInput, progress: Progress) -> None:
    """Have *image* on *engine* under its reference. Raises :class:`ImageError`; doing it again is safe.

    An image of the same source is given its name back. The mark comes before the name, so that a run that is killed
    between them leaves nothing that looks like a stranger's.
    """
    stage = f"image {engine.guest}/{image.reference}"

    def report(message: str, fraction: float | None = None) -> None:
        progress.report(stage, "progress", message, fraction)

    with engine_errors(f"{engine.where}: image {image.reference}", ImageError):
        if _there(engine, image):
            return
        if build := _build_of(engine, image.reference):
            Builder(engine, image, build, report).build(open_context(build))
        elif image.archive:
            _name(engine, image, _load(engine, image, report, lambda phase: progress.phase(stage, phase)))
        else:
            _name(engine, image, pull(engine, image, report))


def _there(engine: Engine, image: ImageInput) -> bool:
    """An image of this source is there but for its name: name it. That which we put there goes before a namesake."""
    environment, reference, source = engine.environment, image.reference, image.source
    found = [listed for listed in list_images(engine) if listed.origin(environment, reference, source) == source]
    for listed in sorted(found, key=lambda listed: listed.put_for(environment, reference, source) != source)[:1]:
        _name(engine, image, listed.id)
        for preloaded in listed.preloaded:
            discard(engine, preloaded)
    return bool(found)


def _build_of(engine: Engine, reference: str) -> Build | None:
    services = engine.project.services.values() if engine.project else ()
    wanted = familiar(reference)
    return next((service.build for service in services if service.build and familiar(service.image) == wanted), None)


def _name(engine: Engine, image: ImageInput, found: str) -> None:
    if image.kind != "context":
        _tag(engine, found, mark(engine.environment, image.reference, image.source))
    _tag(engine, found, familiar(image.reference))


def _tag(engine: Engine, found: str, name: str) -> None:
    if "@" in name:
        return
    repository, tag = split(name)
    engine.client.tag(found, repository, tag)


def _load(engine: Engine, image: ImageInput, report: Report, phase: Callable[[str], None]) -> str:
    """Load the archive; returns the id that the engine gave the image."""
    archived = read_input(image)
    loaded = ""

    def sent() -> Iterator[bytes]:
        phase("sending")
        yield from archived.untagged(lambda fraction: report("loading", fraction))
        phase("unpacking")

    client = cast(Any, engine.client)  # its stubs leave this method untyped
    for event in client.load_image(sent()):
        refuse_error(event, f"{image.archive} cannot be loaded")
        text = str(event.get("stream", ""))
        if "Loaded image" in text:
            loaded = text.partition(": ")[2].strip()
    if not loaded:
        raise ImageError(f"{image.archive}: the engine found no image in it. Make it again with docker save.")
    return loaded


def pull(engine: Engine, image: ImageInput, report: Report) -> str:
    """Pull what the tag stands for, or the digest that was found there before; returns what it is called by.

    Raises :class:`ImageError`."""
    reference = image.reference
    what = f"{engine.where}: image {reference} cannot be pulled"
    services = engine.project.services.values() if engine.project else ()
    if any(service.pull_policy == "never" and service.image == reference for service in services):
        raise ImageError(f"{what}: pull_policy is never, and it is not there. Load it, or take pull_policy away.")
    digest = image.source.partition("@")[2]
    wanted = at_digest(reference, digest) if digest else familiar(reference)
    downloads = Downloads(report)
    try:
        with engine_errors(what, ImageError):
            for event in engine.client.pull(wanted, stream=True, decode=True):
                refuse_error(event, what)
                downloads.follow(event)
    except ImageError as error:
        raise ImageError(
            f"{error}. Is its name right, and does the guest reach the registry? "
            "Without a registry, give the image in container_images or build it."
        ) from error
    return wanted
