# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Guest images as a kind of object: built from packages, or taken from a file or URL, once for all environments."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from ..declare.environment import Environment, GuestImage
from ..errors import ImageError
from ..folders import Folders
from ..plan.model import Declared, Key
from . import cloud_image, image_build, image_store
from .image_store import StoredImage
from .store_kind import StoreKind

if TYPE_CHECKING:
    from ..inputs import Inputs
    from ..kvm.hypervisor import Hypervisor
    from .image_store import Report


class GuestImageKind(StoreKind):
    """Declares, observes and makes the images that guests start from."""

    kind: ClassVar[str] = "guest_image"

    def declare(self, environment: Environment, inputs: Inputs) -> Iterator[Declared]:
        """Every image that a guest uses, whether it is built or taken from elsewhere."""
        used = {guest.image for guest in environment.guests.values()}
        for name in sorted(used & environment.images.keys()):
            spec = {"digest": inputs.guest_images[name]}
            yield Declared(Key(self.kind, name), spec, handle=(environment.images[name], environment.folder))

    def has(self, folders: Folders, item: Declared) -> bool:
        """Whether the store has it, whole."""
        return image_store.resolve(folders, item.spec["digest"]) is not None

    def make(self, hypervisor: Hypervisor, item: Declared, report: Report) -> None:
        """Build or fetch it; raises :class:`ImageError` with the image's name in front."""
        image, folder = item.handle
        try:
            obtain(image, folder, hypervisor.folders, report)
        except ImageError as error:
            raise ImageError(f"{item.key}: {error}") from error


def recipe_digest(image: GuestImage, folder: str) -> str:
    """What identifies *image*, declared in *folder*: the digest of its recipe or, for a file, of its content."""
    if image.build:
        return image_build.recipe_digest(image.build)
    return cloud_image.source_digest(image, folder)


def obtain(image: GuestImage, folder: str, folders: Folders, report: Report) -> StoredImage:
    """*image* from the store, made first where it is not there."""
    if image.build:
        return image_build.build_image(image.build, folders, report)
    return cloud_image.import_image(image, folder, folders, report)
