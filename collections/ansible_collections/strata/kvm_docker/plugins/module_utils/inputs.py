# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Outside inputs of an environment by digest: what `declare` needs to know of files without reading them itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, TypeAlias

from .declare.compose import Build, Service
from .declare.environment import ContainerImage, Environment, Guest
from .declare.reference import familiar
from .docker import context, dockerfile
from .docker.archive import ArchivedImage, read_archive
from .errors import ImageError
from .folders import Folders
from .plan.secrets import Seal

SourceKind: TypeAlias = Literal["archive", "context", "recipe", "registry"]


def source_of(kind: SourceKind, what: str) -> str:
    """The source of an image, as :class:`ImageInput` has it."""
    return f"{kind}:{what}"


def registry_source(reference: str, digest: str | None = None) -> str:
    """The source of an image that nothing here makes; with the *digest* that its tag is to stand for."""
    plain = source_of("registry", familiar(reference))
    return f"{plain}@{digest}" if digest else plain


def source_kind(source: str) -> str:
    """What of :data:`SourceKind` *source* is; of an image that is not known as any of them something else."""
    return source.partition(":")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageInput:
    """One container image to be put on an engine.

    ``source`` says what it is made from and is what containers are compared by: ``context:<digest>`` of a build,
    ``recipe:<digest>`` of an image made from Debian packages, ``archive:<image id>`` of an archive, or
    ``registry:<reference>``, with ``@<digest>`` where it is to be what the tag stands for in its registry now.
    ``archive`` is the file to load, where there is (or will be) one. ``bases``: the images
    that a build starts from, each with the source that counts in its digest; each is an input of the same guest.
    """

    reference: str
    source: str
    archive: Path | None = None
    bases: Mapping[str, str] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        return source_kind(self.source)

    @property
    def made_from(self) -> str:
        """Its source without the kind."""
        return self.source.partition(":")[2]

    @property
    def from_registry(self) -> bool:
        """Nothing here makes it."""
        return self.kind == "registry"

    def archived(self) -> ArchivedImage:
        """The image in its archive. Raises :class:`ImageError`, also where it is not the one that was read before."""
        if self.archive is None:
            raise AssertionError(f"{self.reference} has no archive")
        found = read_archive(self.archive, self.reference)
        if self.kind == "archive" and found.image_id != self.made_from:
            raise ImageError(
                f"{self.archive} changed while the run was under way: image {self.reference} in it is "
                f"{found.image_id}, not {self.made_from}. Run again."
            )
        return found

    @property
    def digest(self) -> str | None:
        """The digest that its tag is to stand for, or that it is named by."""
        return (self.source.partition("@")[2] or None) if self.from_registry else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """``guest_images``: name in the declaration -> digest of its recipe or source. ``images``: (guest, reference) ->
    input, for every image that a service of the guest runs or builds from. ``virt_type``: as probed. ``seal``: keeps
    secrets out of the marks."""

    guest_images: Mapping[str, str] = field(default_factory=dict)
    images: Mapping[tuple[str, str], ImageInput] = field(default_factory=dict)
    virt_type: str = "qemu"
    authorized_key: str = ""
    seal: Seal = field(default_factory=Seal)

    def of_guest(self, guest: str) -> dict[str, ImageInput]:
        """The images of *guest*, by reference."""
        return {reference: image for (owner, reference), image in self.images.items() if owner == guest}

    def following(self, guest: str, digests: Mapping[str, str]) -> Inputs:
        """With the images of *guest* that are named in *digests* (by reference) being those of these digests."""
        followed = {
            (guest, reference): replace(image, source=registry_source(reference, digests[reference]))
            for (owner, reference), image in self.images.items()
            if owner == guest and reference in digests
        }
        return replace(self, images={**self.images, **followed})


def resolve(environment: Environment, folders: Folders) -> Inputs:
    """Read and digest every outside input of *environment*; the rest of :class:`Inputs` is left open.

    Raises :class:`ImageError` that tells all that cannot be read, with the guest and service that need it.
    """
    return Inputs(guest_images=guest_images(environment), images=resolve_images(environment, folders))


def guest_images(environment: Environment) -> dict[str, str]:
    """The digest of the recipe or source of each guest image, by its name in the declaration."""
    from .guest.guest_image import recipe_digest  # not above: it takes what builds images with it

    return {name: recipe_digest(image, environment.folder) for name, image in environment.images.items()}


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
            from .guest import container_archive  # not above: it takes Inputs from here

            digest = container_archive.recipe_digest(reference, entry.build)
            return source_of("recipe", digest), container_archive.archive_path(self._folders, digest)
        path = self._folder / (entry.archive or "")
        return source_of("archive", read_archive(path, reference, entry.sha256).image_id), path


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
