# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the lock of what the rest of the core resolves: no digest is computed here but that of a text file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from os.path import relpath
from pathlib import Path
from typing import Any

from ..declare.environment import Environment, GuestImage
from ..declare.reference import familiar
from ..declare.sources import FilesRead
from ..declare.yaml_file import parse_yaml
from ..docker.archive import read_input
from ..errors import DeclarationError, os_errors
from ..folders import Folders
from ..guest import image_store
from ..inputs import ImageInput, Inputs
from ..masking import mask_of
from .lock import Lock, LockedBuild, LockedContainerImage, LockedGuestImage

#: Packages that make up the engine, by the names that Debian and Docker give them.
ENGINE_PACKAGES = frozenset(
    (
        "containerd",
        "containerd.io",
        "crun",
        "docker-buildx",
        "docker-buildx-plugin",
        "docker-ce",
        "docker-ce-cli",
        "docker-cli",
        "docker-compose",
        "docker-compose-plugin",
        "docker.io",
        "runc",
    )
)


def make(environment: Environment, files: FilesRead, inputs: Inputs, folders: Folders) -> Lock:
    """The lock of *environment*, whose Compose projects were read from *files*, as far as this machine knows it.

    *inputs*: as :func:`~..resolve.resolve` has them, without digests that tags of registries were found to stand for:
    those of a lock must not become part of what is compared with it.
    """
    return Lock(
        guest_images=_guest_images(environment, inputs, folders),
        container_images=_container_images(inputs),
        builds=_builds(inputs),
        files={_relative(path, environment): text_digest(Path(path)) for path in files.texts},
        env_files={_relative(path, environment): tuple(sorted(names)) for path, names in files.variables.items()},
    )


def text_digest(path: Path) -> str:
    """SHA-256 of the text in *path*, with a mask in place of what counts as a secret in it."""
    with os_errors():
        text = path.read_bytes().decode()
    return hashlib.sha256(mask_of(*_trees(str(path), text))(text).encode()).hexdigest()


def _trees(path: str, text: str) -> Iterator[Any]:
    """The data of a text, where it is some, and the contents of the secrets of a Compose file."""
    try:
        tree = parse_yaml(path, text, ("!reset", "!override"))[0].tree
    except DeclarationError:
        tree = None
    yield tree if isinstance(tree, dict) else {"text": text}
    secrets = tree.get("secrets") if isinstance(tree, dict) else None
    for secret in secrets.values() if isinstance(secrets, dict) else ():
        if isinstance(secret, dict) and isinstance(secret.get("content"), str):
            yield {"secret": [line.strip() for line in secret["content"].splitlines()]}


def _relative(path: str, environment: Environment) -> str:
    return relpath(path, environment.folder)


def _guest_images(environment: Environment, inputs: Inputs, folders: Folders) -> dict[str, LockedGuestImage]:
    used = sorted({guest.image for guest in environment.guests.values()} & environment.images.keys())
    return {name: _guest_image(environment.images[name], inputs.guest_images[name], folders) for name in used}


def _guest_image(declared: GuestImage, recipe: str, folders: Folders) -> LockedGuestImage:
    build = declared.build
    found = LockedGuestImage(
        recipe=recipe, suite=build.suite if build else None, mirror=build.mirror if build else None
    )
    stored = image_store.resolve(folders, recipe)
    if stored is None:
        return found
    engine = {name: version for name, version in stored.manifest.items() if name in ENGINE_PACKAGES}
    others = {name: version for name, version in stored.manifest.items() if name not in ENGINE_PACKAGES}
    files = image_store.file_digests(stored)
    return replace(found, content=stored.digest, files=files, engine=engine, packages=others)


def _container_images(inputs: Inputs) -> dict[str, LockedContainerImage]:
    return {
        familiar(image.reference): _container_image(image)
        for image in inputs.images.values()
        if image.kind != "context"
    }


def _container_image(image: ImageInput) -> LockedContainerImage:
    if image.kind == "recipe":
        made = LockedContainerImage(source="packages", recipe=image.made_from)
        return _archived(made, image) if image.archive and image.archive.is_file() else made
    if image.kind == "archive":
        return _archived(LockedContainerImage(source="archive"), image)
    return LockedContainerImage(source="registry", manifest=image.reference.partition("@")[2] or None)


def _archived(locked: LockedContainerImage, image: ImageInput) -> LockedContainerImage:
    found = read_input(image)
    return replace(
        locked,
        manifest=found.manifest,
        config=found.image_id,
        layers=found.diff_ids,
        platform=found.platform or None,
    )


def _builds(inputs: Inputs) -> dict[str, dict[str, LockedBuild]]:
    builds: dict[str, dict[str, LockedBuild]] = {}
    for (guest, reference), image in inputs.images.items():
        if image.kind == "context":
            bases = tuple(sorted(map(familiar, image.bases)))
            builds.setdefault(guest, {})[familiar(reference)] = LockedBuild(context=image.made_from, bases=bases)
    return builds


def with_found(lock: Lock, found: Iterable[Mapping[str, LockedContainerImage]]) -> Lock:
    """*lock* with what engines told of the images of registries, by reference; the first one that has one decides."""
    images = dict(lock.container_images)
    for told in found:
        for reference, image in told.items():
            known = images.get(reference)
            if known and known.source == "registry":
                images[reference] = replace(image, **_known(known))
    return replace(lock, container_images=images)


def _known(image: LockedContainerImage) -> dict[str, Any]:
    leaves = {name: getattr(image, name) for name in ("manifest", "config", "layers", "platform")}
    return {name: value for name, value in leaves.items() if value is not None}


def carried(now: Lock, locked: Lock | None) -> Lock:
    """*now*, with what is not known of it here taken from *locked* where it follows from the same."""
    if locked is None:
        return now
    guests = {name: _carried_guest(image, locked.guest_images.get(name)) for name, image in now.guest_images.items()}
    images = {
        name: _carried_image(image, locked.container_images.get(name)) for name, image in now.container_images.items()
    }
    return replace(now, guest_images=guests, container_images=images)


def _carried_guest(now: LockedGuestImage, locked: LockedGuestImage | None) -> LockedGuestImage:
    same = locked is not None and locked.recipe == now.recipe
    return locked if locked and same and now.content is None else now


def _carried_image(now: LockedContainerImage, locked: LockedContainerImage | None) -> LockedContainerImage:
    """A manifest decides all below it, and so does a recipe; a registry that nobody asked changed nothing."""
    if locked is None or (locked.source, locked.recipe) != (now.source, now.recipe):
        return now
    moved = None not in (now.manifest, locked.manifest) and now.manifest != locked.manifest
    return now if moved or now.source == "archive" else replace(locked, **_known(now))
