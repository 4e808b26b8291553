# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an engine tells of the images of registries that are declared for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from ..declare.reference import at_digest, familiar
from ..docker.archive import platform_of
from ..docker.engine import Engine
from ..docker.errors import engine_errors
from ..inputs import ImageInput
from .lock import LockedContainerImage


def look(engine: Engine, only: str = "") -> dict[str, LockedContainerImage]:
    """The images of registries, by reference: those that the engine has, and those whose tag was asked for.

    *only*: the one of this reference.
    """
    images = (image for reference, image in engine.inputs.of_guest(engine.guest).items() if only in ("", reference))
    found = {familiar(image.reference): _look(engine, image) for image in images if image.from_registry}
    return {reference: image for reference, image in found.items() if image.config or image.manifest}


def _look(engine: Engine, image: ImageInput) -> LockedContainerImage:
    """Where its digest is known, the image of that very digest, whatever its name stands for on the engine."""
    digest = image.digest
    inspected = _inspect(engine, at_digest(image.reference, digest) if digest else familiar(image.reference))
    if inspected is None:
        return LockedContainerImage(source="registry", manifest=digest)
    return LockedContainerImage(
        source="registry",
        manifest=digest or _manifest(image.reference, inspected),
        config=_config(inspected),
        layers=tuple(inspected["RootFS"].get("Layers") or ()),
        platform=platform_of(inspected["Os"], inspected["Architecture"], inspected.get("Variant")),
    )


def _inspect(engine: Engine, name: str) -> dict[str, Any] | None:
    from docker.errors import ImageNotFound

    with engine_errors(f"{engine.where}: image {name}"):
        try:
            client = cast(Any, engine.client)  # its stubs leave this method untyped
            found: dict[str, Any] = client.inspect_image(name)
        except ImageNotFound:
            return None
    return found


def _manifest(reference: str, inspected: Mapping[str, Any]) -> str | None:
    """The digest that the repository of *reference* knows it by."""
    digests = sorted(name.partition("@")[2] for name in inspected.get("RepoDigests") or ())
    return next((digest for digest in digests if at_digest(reference, digest) in inspected["RepoDigests"]), None)


def _config(inspected: Mapping[str, Any]) -> str | None:
    """An image's id is the digest of its configuration, but where containerd stores the images: that of a manifest."""
    return None if "Descriptor" in inspected else str(inspected["Id"])
