# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The images of an engine, and the removal of those that we put there and that nothing calls for any more."""

from __future__ import annotations

from collections.abc import Callable

from ..declare.reference import familiar
from ..inputs import registry_source
from .engine import Engine
from .errors import engine_errors
from .image_marks import ListedImage, build_label, superseded


def list_images(engine: Engine) -> list[ListedImage]:
    """Every image but the nameless parents of others; one call."""
    with engine_errors(f"images of {engine.where}"):
        return [ListedImage.of(entry) for entry in engine.client.images()]


def sources(engine: Engine) -> dict[str, str]:
    """What each image that is declared for the guest is made from, by reference."""
    return {
        reference: image.source for (guest, reference), image in engine.inputs.images.items() if guest == engine.guest
    }


def held(engine: Engine) -> Callable[[str], str]:
    """Tells what the image that a reference stands for on *engine* is made from; the registry's where there is none.

    For references that only have to be there: what another declaration built or loaded under them is right.
    """
    holders = {familiar(name): image for image in list_images(engine) for name in image.names}

    def source(reference: str) -> str:
        wanted = registry_source(reference)
        holder = holders.get(familiar(reference))
        return (holder.origin(engine.environment, reference, wanted) if holder else None) or wanted

    return source


def sweep(engine: Engine) -> None:
    """Remove the images that were replaced or that builds left, as far as no container uses them.

    Safe at any time, from any thread. Call it before a container is made anew: the image of its predecessor is free
    then, and a run that was killed before comes by here again.
    """
    declared = sources(engine)
    with engine.builds.lock:
        kept = {build_label(engine.environment, reference)[1] for reference in engine.builds.under_way}
        for image in list_images(engine):
            if superseded(image, engine.environment, declared) and image.built_from() not in kept:
                digests = tuple(name for name in image.names if "@" in name)  # an engine keeps what has one
                for name in (*digests, *image.marks) or (image.id,):
                    discard(engine, name)


def discard(engine: Engine, name: str) -> None:
    """Remove *name*, and the image with its last name, unless it is gone already or in use."""
    from docker.errors import APIError

    with engine_errors(f"image {name} of {engine.where}"):
        try:
            engine.client.remove_image(name)
        except APIError as error:
            if error.status_code not in (404, 409):
                raise
