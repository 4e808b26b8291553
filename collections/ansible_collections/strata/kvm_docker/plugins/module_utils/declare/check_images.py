# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of guest images and container images. No I/O."""

from __future__ import annotations

from collections.abc import Iterator

from ..errors import Problem
from ..plan.secrets import secret_values
from .environment import ContainerImage, Environment, GuestImage
from .sources import Sources

#: Settings of an engine that have it look for images elsewhere.
_MOVING = frozenset({"data-root", "features", "storage-driver", "userns-remap"})


def check_images(environment: Environment, sources: Sources) -> Iterator[Problem]:
    for name, image in environment.images.items():
        for message in _guest_image(image):
            yield sources.problem(("images", name), message)
    for guest in environment.guests.values():
        declared = environment.images.get(guest.image)
        for key in sorted(_MOVING & guest.engine.settings.keys()) if declared and declared.preload else ():
            message = f"preload of image {guest.image} puts images where an engine without {key} looks; leave one out"
            yield sources.problem(("guests", guest.name, "engine", "settings", key), message)
    for reference, container_image in environment.container_images.items():
        for message in _container_image(container_image):
            yield sources.problem(("container_images", reference), message)


def _without_password(what: str, url: str | None) -> Iterator[str]:
    """It would be in process lists, in the image and in messages."""
    if url and any(secret_values("", url)):
        yield f"{what} is a URL with a password, which cannot be kept secret there; use one that needs none"


def _guest_image(image: GuestImage) -> Iterator[str]:
    if (image.build is None) == (image.source is None):
        yield "exactly one of build and source is required"
    if image.source and "://" in image.source and image.sha256 is None:
        yield "sha256 is required: what a URL leads to may change"
    yield from _without_password("source", image.source)
    yield from _without_password("build.mirror", image.build.mirror if image.build else None)
    if image.build and image.sha256:
        yield "sha256 is of a source; what is built has its digest in the recipe"
    if image.preload and not image.build:
        yield "preload is of an image with build; what a stock image starts is not known"


def _container_image(image: ContainerImage) -> Iterator[str]:
    if (image.build is None) == (image.archive is None):
        yield "exactly one of build and archive is required"
    yield from _without_password("build.mirror", image.build.mirror if image.build else None)
    if image.build and image.sha256:
        yield "sha256 is of an archive; what is built has its digest in the recipe"
