# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kind ``image``: container images on a guest's engine, built, loaded or pulled there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

from ..declare.environment import Environment
from ..declare.reference import familiar
from ..inputs import ImageInput, Inputs, source_kind
from ..plan.model import Change, Condition, Declared, Difference, Effect, Key, Need, Observed, Traits
from ..progress import Progress
from .engine import Engine
from .errors import engine_errors
from .image_list import list_images, sources, sweep
from .image_make import make
from .image_marks import ListedImage


class Image:
    """``spec``: ``{"source": ..., "digest": ..., "leftovers": []}``: what the image is made from, as in
    :class:`~..inputs.ImageInput` (containers are compared by it, not by id), with the digest of a tag that is followed
    (or was named) as a leaf of its own, and the ids of what builds of it left that were killed."""

    kind: ClassVar[str] = "image"
    traits: ClassVar[Traits] = Traits(held=True, adoption=Effect.REPLACE)

    def declare(self, environment: Environment, inputs: Inputs) -> Iterable[Declared]:
        recipes = {familiar(name): name for name, image in environment.container_images.items() if image.build}
        for (guest, reference), image in inputs.images.items():
            recipe = recipes.get(familiar(reference)) if image.archive else None
            yield Declared(
                Key(self.kind, reference, guest),
                _spec(image.source, []),
                needs=(
                    Need(Key("guest", guest), lives_on=True),
                    Need(Key("engine", "docker", guest)),
                    *(Need(Key(self.kind, base, guest)) for base in image.bases),
                    *((Need(Key("container_archive", recipe)),) if recipe else ()),
                ),
            )

    def effect(self, difference: Difference) -> Effect:
        """The tag moves to another image; what runs on the old one goes on until its container is replaced."""
        return Effect.IN_PLACE

    def observe(self, engine: Engine, environment: str) -> Iterable[Observed]:
        """One list call. A declared reference is ours by label or mark, or because the very image was wanted anyway."""
        images = list_images(engine)
        holders = {familiar(name): image for image in images for name in image.names}
        declared = sources(engine)
        for reference, source in declared.items():
            if holder := holders.get(familiar(reference)):
                yield _declared(Key(self.kind, reference, engine.guest), source, holder, images, environment)
        known = {familiar(reference) for reference in declared}
        yield from _others({name: image for name, image in holders.items() if name not in known}, engine, environment)

    def apply(self, engine: Engine, change: Change, progress: Progress) -> None:
        reference = change.key.name
        if change.action == "delete":
            with engine_errors(str(change.key)):
                engine.client.remove_image(reference)
        else:
            make(engine, _input(engine, reference), progress)
        sweep(engine)

    def settle(self, engine: Engine, key: Key, condition: Condition, progress: Progress) -> None:
        """An image that was applied is there."""


def _input(engine: Engine, reference: str) -> ImageInput:
    return engine.inputs.images[(engine.guest, reference)]


def _spec(source: str, leftovers: list[str]) -> dict[str, Any]:
    plain, _at, digest = source.partition("@") if source_kind(source) == "registry" else (source, "", "")
    return {"source": plain, **({"digest": digest} if digest else {}), "leftovers": leftovers}


def _declared(key: Key, source: str, holder: ListedImage, images: list[ListedImage], environment: str) -> Observed:
    left = [image.id for image in images if image.left_by_build(environment, key.name)]
    put = _put_for(key.name, source, images, environment)
    stranger = put == source and holder.put_for(environment, key.name, source) is None
    origin = None if stranger else holder.origin(environment, key.name, source)
    applied = origin or put
    return Observed(
        key,
        _spec(origin or f"image:{holder.id}", left),
        _spec(applied, []) if applied else None,
        owned=applied is not None,
        handle=holder.id,
    )


def _put_for(reference: str, source: str, images: list[ListedImage], environment: str) -> str | None:
    """The source of the image that we had put under *reference*, wherever somebody moved the tag since."""
    origins = [image.put_for(environment, reference, source) for image in images]
    return next((origin for origin in sorted(filter(None, origins), key=lambda found: found != source)), None)


def _others(holders: dict[str, ListedImage], engine: Engine, environment: str) -> Iterator[Observed]:
    for name, image in holders.items():
        if "@" in name and (image.preloaded or len(image.names) > 1):
            continue
        origin = image.put_for(environment, name)
        yield Observed(
            Key("image", name, engine.guest),
            _spec(origin or f"image:{image.id}", []),
            owned=origin is not None,
            handle=image.id,
        )
