# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Artifacts that guests and engines are made from, bit by bit: guest images and archives of containers' images."""

from __future__ import annotations

from collections.abc import Iterator

from ...digests import sha256_file
from ...folders import Folders
from ...guest import image_store
from ...inputs import Inputs
from ..leaf import Branch


def artifact_branches(inputs: Inputs, folders: Folders) -> Iterator[Branch]:
    """A digest of each file, computed now and not believed; of a container image for each guest that gets it."""
    for name, recipe in inputs.guest_images.items():
        image = image_store.resolve(folders, recipe)
        if image is not None:
            files = {"disk": image.disk, "kernel": image.kernel, "unpacked": image.unpacked, "initrd": image.initrd}
            tree = {part: sha256_file(path) for part, path in files.items() if path}
            yield Branch(path=("artifacts", "guest_images", name), tree=tree, plane="content", level=5)
    for (guest, reference), input_ in inputs.images.items():
        if input_.archive and input_.archive.exists():
            path = ("artifacts", "container_images", guest, reference)
            yield Branch(path=path, tree={"archive": sha256_file(input_.archive)}, plane="content", level=5)
