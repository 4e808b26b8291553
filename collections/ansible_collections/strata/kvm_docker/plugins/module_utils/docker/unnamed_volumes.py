# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Volumes that nobody named: of a mount without a source, and of a ``VOLUME`` of an image.

An engine would invent a name at each creation, which nobody could tell from a stranger's once its container is gone. So
they get one that follows from the container and the target, and our marks: a replacement finds the data again. When
their container is declared no more they go or stay as its named volumes do; one that is left is an orphan
``docker_volume`` of the container's project.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from functools import cache
from typing import Any

from ..declare.replicas import Replica, replicas
from ..errors import EngineError
from ..naming import LABEL_CONTAINER
from ..plan.model import Key, Tree
from .engine import Engine
from .labels import is_ours

#: A name that an engine invents.
_INVENTED = re.compile("[0-9a-f]{64}")


def volume_name(container: str, target: str) -> str:
    """Name of the volume at *target* of *container*."""
    return f"{container}-{hashlib.sha256(target.encode()).hexdigest()[:12]}"


def named_mounts(
    container: str, host: Mapping[str, Any], of_image: Collection[str]
) -> tuple[list[dict[str, Any]], list[str]]:
    """``Mounts`` of *host* (``HostConfig`` of a creation) with every volume named, those at the targets *of_image*
    too; and the names of those that had none. Pure."""
    declared = {bind.split(":")[1] for bind in host["Binds"]} | {mount["Target"] for mount in host["Mounts"]}
    more = [{"Type": "volume", "Target": target} for target in sorted(set(of_image) - declared)]
    mounts, names = [], []
    for mount in (*host["Mounts"], *more):
        if mount["Type"] == "volume" and not mount.get("Source"):
            names.append(volume_name(container, mount["Target"]))
            mount = {**mount, "Source": names[-1]}
        mounts.append(mount)
    return mounts, names


def is_unnamed(volume: Mapping[str, Any]) -> bool:
    """Whether a volume, as the engine lists it, is one of a container's that nobody named."""
    return LABEL_CONTAINER in (volume["Labels"] or {})


def unused(engine: Engine, container: str = "") -> frozenset[str]:
    """Names of our volumes of that sort (of *container*) that no container has any more."""
    label = f"{LABEL_CONTAINER}={container}" if container else LABEL_CONTAINER
    found = engine.client.volumes(filters={"dangling": True, "label": label})["Volumes"] or ()
    return frozenset(volume["Name"] for volume in found if is_ours(volume["Labels"], engine.environment))


def left(engine: Engine, volumes: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    """Names of those of *volumes*, as the engine lists them, that are orphans: ours of that sort which no container
    has, or only a declared one that is about to be made without it. What a declared one finds again is none."""
    from docker.errors import ImageNotFound

    mine = [volume for volume in volumes if is_unnamed(volume) and is_ours(volume["Labels"], engine.environment)]
    if not mine:
        return frozenset()
    free, declared = unused(engine), replicas(engine.project)

    @cache
    def of_image(reference: str) -> frozenset[str]:
        with suppress(ImageNotFound):
            return volumes_of_image(engine, reference)
        return frozenset()

    def is_left(volume: Mapping[str, Any]) -> bool:
        replica = declared.get(volume["Labels"][LABEL_CONTAINER])
        return not _is_of(volume["Name"], replica, of_image) if replica else volume["Name"] in free

    return frozenset(volume["Name"] for volume in mine if is_left(volume))


def _is_of(volume: str, replica: Replica, of_image: Callable[[str], frozenset[str]]) -> bool:
    """Whether *replica* has it, by its declaration or by its image as it is there now."""
    named = {mount.target for mount in replica.service.mounts if mount.type != "volume" or mount.source}
    nameless = {mount.target for mount in replica.service.mounts} - named
    if volume in {volume_name(replica.name, target) for target in nameless}:
        return True
    return volume in {volume_name(replica.name, target) for target in of_image(replica.service.image) - named}


def volumes_of_image(engine: Engine, reference: str) -> frozenset[str]:
    """Targets of the volumes of an image, which has to be there."""
    client: Any = engine.client
    return frozenset((client.inspect_image(reference)["Config"] or {}).get("Volumes") or ())


def refuse_lost(key: Key, theirs: Mapping[str, Any], spec: Tree) -> None:
    """Raise :class:`EngineError` where *theirs*, which is adopted, has a volume without a name that *spec* lacks."""
    kept = {mount.get("Source") for mount in spec["HostConfig"].get("Mounts", {}).values()}
    for mount in theirs["Mounts"]:
        if mount["Type"] == "volume" and _INVENTED.fullmatch(mount["Name"]) and mount["Name"] not in kept:
            raise EngineError(
                f"{key}: its data at {mount['Destination']} is in a volume without a name, which the new one would not "
                f"have. Declare volume {mount['Name']} as external and mount it there, or remove the container "
                "yourself. Nothing was touched."
            )


def remove_unused(engine: Engine, container: str) -> None:
    """Remove those of *container*, which is declared no more and gone."""
    from docker.errors import APIError

    for volume in sorted(unused(engine, container)):
        try:
            engine.client.remove_volume(volume)
        except APIError as error:
            if error.status_code not in (404, 409):
                raise
