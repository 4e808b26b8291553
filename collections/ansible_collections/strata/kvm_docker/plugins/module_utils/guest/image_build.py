# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds a guest image from Debian packages: bit-identical for one recipe and one state of the mirror, no mount."""

from __future__ import annotations

import shutil
from pathlib import Path

from ..declare.environment import ImageBuild
from ..digests import canonical_digest
from ..errors import ImageError
from ..folders import Folders
from . import image_recipe, image_store
from .dpkg_status import read_status
from .image_disk import make_disk
from .image_store import Report, StoredImage
from .image_tree import clamp_times, dress
from .initrd import make_initrd
from .kernel import unpacked_kernel
from .mmdebstrap import Bootstrap, bootstrap
from .modules import LOADED, OTHERS, unpack_modules

#: Packages, the tree, the raw disk (sparse) and the stored one.
_NEEDED = 3 * 1024**3
_INSTALLED = 0.85


def recipe_digest(build: ImageBuild) -> str:
    """SHA-256 of the recipe; the state of the mirror is not part of it. Pure."""
    return canonical_digest(image_recipe.recipe(build))


def build_image(build: ImageBuild, folders: Folders, report: Report) -> StoredImage:
    """The image of *build* from the store, built first where it is not there. Raises :class:`ImageError`."""
    digest = recipe_digest(build)
    with image_store.making(folders, digest, report) as staging:
        present = image_store.resolve(folders, digest)
        if present:
            return present
        image_store.require_space(folders, _NEEDED, "Building a guest image")
        packages = _make(build, staging, report)
        report("storing the image", 0.97)
        return image_store.store(folders, digest, staging, cmdline=image_recipe.CMDLINE, packages=packages)


def _make(build: ImageBuild, staging: Path, report: Report) -> dict[str, str]:
    """Have disk, kernel and initrd in *staging*, and nothing else; returns the packages."""
    tree = staging / "tree"
    what = Bootstrap(suite=build.suite, mirror=build.mirror, packages=image_recipe.packages(build))
    bootstrap(what, tree, lambda message, fraction: report(message, fraction * _INSTALLED))
    report("making the disk", _INSTALLED)
    packages = {name: package.version for name, package in read_status(tree).items()}
    _take_kernel(tree, staging)
    dress(tree)
    clamp_times(tree)
    make_disk(tree, staging / image_store.DISK)
    shutil.rmtree(tree)
    return packages


def _take_kernel(tree: Path, staging: Path) -> None:
    """The guest is booted with kernel and initrd given to QEMU, so neither needs to be on its disk."""
    kernels = sorted((tree / "boot").glob("vmlinuz-*"))
    if len(kernels) != 1:
        raise ImageError(f"{len(kernels)} kernels were installed, one is needed. Name none in build.packages.")
    release = kernels[0].name.removeprefix("vmlinuz-")
    unpack_modules(tree, release, (*LOADED, *OTHERS))
    (staging / image_store.INITRD).write_bytes(make_initrd(tree, release))
    vmlinuz = kernels[0].read_bytes()
    (staging / image_store.KERNEL).write_bytes(vmlinuz)
    unpacked = unpacked_kernel(vmlinuz, tree)
    if unpacked:
        (staging / image_store.UNPACKED).write_bytes(unpacked)
