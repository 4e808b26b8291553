# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads what a declaration names outside of itself: build contexts, archives and recipes, each as a digest."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from .declare.compose import Build, Service
from .declare.environment import ContainerImage, Environment, Guest
from .declare.reference import familiar
from .docker import archive, context, dockerfile
from .errors import ImageError
from .folders import Folders
from .guest import container_archive, guest_image
from .inputs import ImageInput, Inputs, registry_source, source_of


def resolve(environment: Environment, folders: Folders) -> Inputs:
    """Read and digest every outside input of *environment*; the rest of :class:`~.inputs.Inputs` is left open.

    Raises :class:`ImageError` that tells all that cannot be read, with the guest and service that need it.
    """
    return Inputs(guest_images=guest_images(environment), images=resolve_images(environment, folders))


def guest_images(environment: Environment) -> dict[str, str]:
    """The digest of the recipe or source of each guest image, by its name in the declaration."""
    return {name: guest_image.recipe_digest(image, environment.folder) for name, image in environment.images.items()}


def at_digests(inputs: Inputs, environment: Environment, folders: Folders, digests: Mapping[str, str]) -> Inputs:
    """*inputs* with the images of registries that are named in *digests* (by reference) being those of these digests,
    and what is built on them standing on these."""
    known = {familiar(reference): digest for reference, digest in digests.items()}

    def source(reference: str) -> str:
        digest = known.get(familiar(reference)) if "@" not in reference else None
        return registry_source(reference, digest)

    if not any(image.from_registry and familiar(image.reference) in known for image in inputs.images.values()):
        return inputs
    return replace(inputs, images=resolve_images(environment, folders, source))


def resolve_images(
    environment: Environment, folders: Folders, otherwise: Callable[[str], str] = registry_source
) -> dict[tuple[str, str], ImageInput]:
    """The container images of every guest, by guest and reference; raises :class:`ImageError` as above.

    *otherwise*: the source of a reference that is neither built nor declared.
    """
    declared = _DeclaredImages(environment, folders, otherwise)
    images: dict[tuple[str, str], ImageInput] = {}
    problems: dict[str, None] = {}
    for guest in environment.guests.values():
        found = _GuestImages(guest, declared)
        problems |= dict.fromkeys(found.problems())
        images |= {(guest.name, reference): image for reference, image in found.images.items()}
    if problems:
        raise ImageError("\n".join(problems))
    return images


class _DeclaredImages:
    """The entries of ``container_images``, each read at most once, when first asked for."""

    def __init__(self, environment: Environment, folders: Folders, otherwise: Callable[[str], str]) -> None:
        self._otherwise = otherwise
        self._folder = Path(environment.folder)
        self._folders = folders
        self._entries = {familiar(name): entry for name, entry in environment.container_images.items()}
        self._read: dict[str, tuple[str, Path]] = {}

    def find(self, reference: str) -> ImageInput:
        """The input of the entry that is named *reference*, however it is spelled, or of what stands for none."""
        name = familiar(reference)
        entry = self._entries.get(name)
        if entry is None:
            return ImageInput(reference=reference, source=self._otherwise(reference))
        if name not in self._read:
            self._read[name] = self._source(reference, entry)
        source, path = self._read[name]
        return ImageInput(reference=reference, source=source, archive=path)

    def _source(self, reference: str, entry: ContainerImage) -> tuple[str, Path]:
        if entry.build:
            digest = container_archive.recipe_digest(reference, entry.build)
            return source_of("recipe", digest), container_archive.archive_path(self._folders, digest)
        path = self._folder / (entry.archive or "")
        return source_of("archive", archive.read_archive(path, reference, entry.sha256).image_id), path


class _GuestImages:
    """The images of one guest: those that its services run, and those that they are built from."""

    def __init__(self, guest: Guest, declared: _DeclaredImages) -> None:
        self._guest = guest.name
        self._services = tuple(guest.compose.services.values()) if guest.compose else ()
        self._builders = {familiar(service.image): service for service in self._services if service.build}
        self._declared = declared
        self._under_way: list[str] = []
        self.images: dict[str, ImageInput] = {}

    def problems(self) -> Iterator[str]:
        """Resolve every service's image; yield what hinders it."""
        for service in self._services:
            try:
                self._refuse_two_builds(service)
                self._resolve(service.image)
            except ImageError as error:
                self._under_way.clear()
                yield f"guest {self._guest}, service {service.name}: {error}"

    def _refuse_two_builds(self, service: Service) -> None:
        other = self._builders.get(familiar(service.image), service)
        if service.build and service.build != other.build:
            raise ImageError(
                f"image {service.image} is built by service {other.name} too, in another way. Give them two names."
            )

    def _resolve(self, reference: str) -> ImageInput:
        if reference not in self.images:
            builder = self._builders.get(familiar(reference))
            self.images[reference] = (
                self._built(reference, builder.build) if builder and builder.build else self._declared.find(reference)
            )
        return self.images[reference]

    def _built(self, reference: str, build: Build) -> ImageInput:
        if reference in self._under_way:
            raise ImageError(f"image {reference} is built from itself: {' -> '.join([*self._under_way, reference])}")
        self._under_way.append(reference)
        opened = context.open_context(build)
        bases = dockerfile.bases(opened.dockerfile, build.args, build.target, opened.where)
        sources = {base: self._resolve(base).source for base in bases}
        self._under_way.pop()
        source = source_of("context", opened.digest(build, sources))
        return ImageInput(reference=reference, source=source, bases=sources)
