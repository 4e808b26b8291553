# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Engine layers as a kind of object: made once, when a guest is made whose engine is to hold its images already."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from ..declare.environment import Environment
from ..declare.reference import familiar
from ..digests import canonical_digest
from ..docker.archive import ArchivedImage, read_input
from ..errors import ImageError
from ..folders import Folders
from ..guest.image_store import resolve
from ..guest.store_kind import StoreKind
from ..inputs import ImageInput, Inputs
from ..kvm.disk_files import disk_path
from ..kvm.overlay import read_overlay_mark
from ..plan.model import Declared, Key, Need
from .items import touch
from .layers import VERSION, StoredLayer, find_layer, layer_digest, verify

if TYPE_CHECKING:
    from ..guest.image_store import Report, StoredImage


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerRequest:
    """What a layer is to be made from. ``recipe``: digest that leads to the guest image. ``images``: by source.
    ``environment`` and ``guests``: who would stand on it. ``virt_type``: how it is made; it does not matter after."""

    recipe: str
    images: dict[str, ImageInput]
    environment: str = field(compare=False)
    guests: tuple[str, ...] = field(compare=False)
    virt_type: str = field(compare=False)

    @property
    def digest(self) -> str:
        """Names the request, before any of what it names is there."""
        return canonical_digest({"version": VERSION, "recipe": self.recipe, "images": sorted(self.images)})

    def archived(self) -> dict[str, ArchivedImage]:
        """The image of each source in its archive; raises :class:`ImageError` where one is not there, or another."""
        return {source: read_input(image) for source, image in sorted(self.images.items())}


class EngineLayer(StoreKind):
    """``spec``: ``digest`` of the request. It counts as stored where no guest is to be made that would stand on it, so
    a changed container image alone makes no layer anew."""

    kind: ClassVar[str] = "engine_layer"

    def declare(self, environment: Environment, inputs: Inputs) -> Iterator[Declared]:
        """A layer for each image with ``preload``."""
        recipes = {familiar(name): name for name, image in environment.container_images.items() if image.build}
        for name, request in requests(environment, inputs).items():
            references = (image.reference for image in request.images.values() if image.kind == "recipe")
            archives = (Need(Key("container_archive", recipes[familiar(each)])) for each in references)
            needs = (Need(Key("guest_image", name)), *archives)
            yield Declared(Key(self.kind, name), {"digest": request.digest}, needs=needs, handle=request)

    def has(self, folders: Folders, item: Declared) -> bool:
        """Whether the store has it, or no guest to be made asks for it; nobody does where it is declared no more."""
        request: LayerRequest | None = item.handle
        return request is None or not _asked_for(request, folders) or layer_for(folders, request) is not None

    def make(self, folders: Folders, item: Declared, report: Report) -> None:
        """Have it in the store; raises :class:`ImageError` with the image's name in front."""
        from .layer_build import build_layer

        try:
            build_layer(item.handle, folders, report)
        except ImageError as error:
            raise ImageError(f"{item.key}: {error}") from error


def requests(environment: Environment, inputs: Inputs) -> dict[str, LayerRequest]:
    """By the name of the guest image: what its layer is to hold, which is every image of ``container_images`` that a
    guest of it needs. Pure."""
    found = {}
    for name, image in environment.images.items():
        guests = tuple(guest.name for guest in environment.guests.values() if guest.image == name)
        needed = [each for guest in guests for each in inputs.of_guest(guest).values() if each.archive]
        if image.preload and needed:
            found[name] = LayerRequest(
                recipe=inputs.guest_images[name],
                images={each.source: each for each in needed},
                environment=environment.name,
                guests=guests,
                virt_type=inputs.virt_type,
            )
    return found


def layer_for(folders: Folders, request: LayerRequest) -> StoredLayer | None:
    """The layer for *request*, over the very image that its recipe leads to now."""
    base = resolve(folders, request.recipe)
    if base is None or not all(image.archive and image.archive.is_file() for image in request.images.values()):
        return None
    return find_layer(folders, layer_digest(base.digest, ids(request.archived())))


def backing(folders: Folders, request: LayerRequest | None, image: StoredImage) -> Path:
    """What a first disk is to stand on, verified to the bit: *image*, or the layer on it where that is there."""
    verify(image.disk.parent)
    layer = layer_for(folders, request) if request else None
    if layer is None:
        return image.disk
    verify(layer.disk.parent)
    touch(layer.disk.parent)
    return layer.disk


def ids(archived: dict[str, ArchivedImage]) -> dict[str, str]:
    """Source -> image id."""
    return {source: image.image_id for source, image in archived.items()}


def _asked_for(request: LayerRequest, folders: Folders) -> bool:
    """Whether the first disk of a guest is missing, or is one of another image."""
    disks = (disk_path(folders.pool(request.environment), guest) for guest in request.guests)
    return not all(_stands(disk, request.recipe) for disk in disks)


def _stands(disk: Path, recipe: str) -> bool:
    mark = read_overlay_mark(disk)
    return disk.exists() and (mark is None or mark.image == recipe)
