# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Engine layers as a kind of object: made once, when a guest is made whose engine is to hold its images already."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from ..declare.environment import Environment, Guest
from ..declare.reference import familiar
from ..digests import canonical_digest
from ..docker.archive import read_input
from ..errors import ImageError, StrataError
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
    from ..kvm.hypervisor import Hypervisor


#: Settings of an engine that decide what its registries are, and what builds reach (dockerd reference).
_REACH = (
    *("bip", "default-address-pools", "dns", "dns-opts", "dns-search", "mtu"),
    *("http-proxy", "https-proxy", "no-proxy", "proxies"),
    *("insecure-registries", "max-concurrent-downloads", "max-download-attempts", "registry-mirrors"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerRequest:
    """What a layer is to be made from. ``recipe``: digest that leads to the guest image. ``size``: bytes of its disk,
    the smallest of those that would stand on it. ``environment`` and ``guests``: who would, each with the images that
    it would have from there; ``inputs`` are theirs. ``settings``: of its engine, as far as they decide what it
    reaches."""

    recipe: str
    size: int
    environment: Environment
    guests: Mapping[str, tuple[ImageInput, ...]]
    inputs: Inputs
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def images(self) -> dict[str, ImageInput]:
        """By :func:`name_in_layer`."""
        name = self.environment.name
        return {name_in_layer(name, image): image for images in self.guests.values() for image in images}

    @property
    def memory(self) -> int:
        """Bytes: of the largest guest, as what is built may need so much."""
        return max(self.environment.guests[guest].memory for guest in self.guests)

    @property
    def digest(self) -> str:
        """Names the request, before any of what it names is there."""
        what = {"version": VERSION, "recipe": self.recipe, "images": sorted(self.images), "size": self.size}
        return canonical_digest(what)

    @property
    def from_outside(self) -> bool:
        """Some of its images are pulled, or built by commands that may ask for more."""
        return not all(image.archive for image in self.images.values())

    def ids(self) -> dict[str, str]:
        """The id of each image, by name in the layer, empty where only pulling or building it tells; raises
        :class:`ImageError` where an archive is not there, or another."""
        return {
            name: read_input(image).image_id if image.archive else "" for name, image in sorted(self.images.items())
        }


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

    def make(self, hypervisor: Hypervisor, item: Declared, report: Report) -> None:
        """Have it in the store; raises :class:`ImageError` with the image's name in front."""
        from .layer_build import build_layer

        try:
            build_layer(item.handle, hypervisor, report)
        except StrataError as error:
            raise ImageError(f"{item.key}: {error}") from error


def requests(environment: Environment, inputs: Inputs) -> dict[str, LayerRequest]:
    """By the name of the guest image: what its layer is to hold, which is every image that a guest of it needs and
    whose content is known before it is made. Pure."""
    found = {}
    for name, image in environment.images.items():
        guests = [guest for guest in environment.guests.values() if guest.image == name]
        settings = [{key: guest.engine.settings.get(key) for key in _REACH} for guest in guests]
        alike = all(each == settings[0] for each in settings)
        needed = {guest.name: tuple(_known(guest, inputs.of_guest(guest.name), pulled=alike)) for guest in guests}
        if image.preload and any(needed.values()):
            found[name] = LayerRequest(
                recipe=inputs.guest_images[name],
                size=min(guest.disk for guest in guests),
                environment=environment,
                guests=needed,
                inputs=inputs,
                settings={key: value for key, value in settings[0].items() if alike and value is not None},
            )
    return found


def name_in_layer(environment: str, image: ImageInput) -> str:
    """What *image* is called in a layer: its source. One that is built has labels with the names of its environment and
    of itself, so it is another for each of them."""
    return f"{image.source} {environment}/{familiar(image.reference)}" if image.kind == "context" else image.source


def _known(guest: Guest, images: Mapping[str, ImageInput], pulled: bool) -> Iterator[ImageInput]:
    """Those of the *images* of *guest* that come from an archive and, with *pulled*, those of registries that are named
    by digest and may be pulled, and what is built on nothing else."""
    services = guest.compose.services.values() if guest.compose else ()
    never = {familiar(service.image) for service in services if service.pull_policy == "never"}

    def known(image: ImageInput) -> bool:
        if image.from_registry:
            return pulled and image.digest is not None and familiar(image.reference) not in never
        return bool(image.archive) or (pulled and all(known(images[base]) for base in image.bases))

    return filter(known, images.values())


def layer_for(folders: Folders, request: LayerRequest) -> StoredLayer | None:
    """The layer for *request*, over the very image that its recipe leads to now."""
    base = resolve(folders, request.recipe)
    if base is None or not all(image.archive is None or image.archive.is_file() for image in request.images.values()):
        return None
    return find_layer(folders, layer_digest(base.digest, request.ids(), request.size))


def backing(folders: Folders, request: LayerRequest | None, image: StoredImage) -> Path:
    """What a first disk is to stand on, verified to the bit: *image*, or the layer on it where that is there."""
    verify(image.disk.parent)
    layer = layer_for(folders, request) if request else None
    if layer is None:
        return image.disk
    verify(layer.disk.parent)
    touch(layer.disk.parent)
    return layer.disk


def _asked_for(request: LayerRequest, folders: Folders) -> bool:
    """Whether the first disk of a guest is missing, or is one of another image."""
    disks = (disk_path(folders.pool(request.environment.name), guest) for guest in request.guests)
    return not all(_stands(disk, request.recipe) for disk in disks)


def _stands(disk: Path, recipe: str) -> bool:
    mark = read_overlay_mark(disk)
    return disk.exists() and (mark is None or mark.image == recipe)
