# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Outside inputs of an environment by digest: what kinds need to know of files without reading them. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, TypeAlias

from .declare.reference import familiar
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
