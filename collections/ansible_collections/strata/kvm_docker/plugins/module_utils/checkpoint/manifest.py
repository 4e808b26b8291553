# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is in a checkpoint, with a digest of every file of it: one flipped bit is found before anything is used."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ..digests import canonical_digest
from ..errors import CheckpointError
from .origin import OnLayer, Origin

NAME = "manifest.json"


@dataclass(frozen=True, slots=True)
class StoredFile:
    """``size`` in bytes; ``sha256`` as hex."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """``made``: when, in UTC. ``places``: the folders that the definitions of guests name, as they were then.

    ``guests``: those whose memory it holds. ``disks``: names of the disks, as the kind ``disk`` has them. ``files``: by
    path in the checkpoint's folder.
    """

    environment: str
    made: str
    origin: Origin
    places: Mapping[str, str]
    guests: tuple[str, ...]
    disks: tuple[str, ...]
    files: Mapping[str, StoredFile] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """What it is stored under."""
        return self.origin.digest

    @property
    def size(self) -> int:
        """Bytes of all files; holes count as if they were written."""
        return sum(file.size for file in self.files.values())


def memory_name(guest: str) -> str:
    """Path of a guest's memory in a checkpoint."""
    return f"memory/{guest}"


def disk_name(disk: str) -> str:
    """Path of a disk in a checkpoint."""
    return f"disks/{disk}"


def text_of(manifest: Manifest) -> str:
    """*manifest* as JSON, with a digest of itself."""
    tree = json.loads(json.dumps(asdict(manifest)))
    return json.dumps({**tree, "check": canonical_digest(tree)}, indent=1, sort_keys=True) + "\n"


def read_text(text: str, where: str) -> Manifest:
    """The manifest that :func:`text_of` has written; :class:`CheckpointError` where *text* is not whole."""
    try:
        tree = json.loads(text)
        check = tree.pop("check")
        if check != canonical_digest(tree):
            raise ValueError
        return _manifest(tree)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise CheckpointError(f"checkpoint {where}: its manifest is damaged. Remove it and make it anew.") from error


def _manifest(tree: Mapping[str, Any]) -> Manifest:
    """What *tree* says; :class:`ValueError` where a type is another one, or a name leads out of the checkpoint."""
    made_from = tree["origin"]
    layers = {guest: OnLayer(**layer) for guest, layer in made_from.get("layers", {}).items()}
    found = Manifest(
        environment=tree["environment"],
        made=tree["made"],
        origin=Origin(made_from["inputs"], made_from["abi"], layers),
        places=tree["places"],
        guests=tuple(tree["guests"]),
        disks=tuple(tree["disks"]),
        files={name: StoredFile(**file) for name, file in tree["files"].items()},
    )
    origin, files = found.origin, found.files.values()
    layered = [word for layer in origin.layers.values() for word in (layer.image, layer.content)]
    told = (found.environment, found.made, *found.guests, *found.disks, *found.places.values())
    words = (*told, *layered, *origin.inputs.values(), *origin.abi.values(), *(file.sha256 for file in files))
    inside = all(not name.startswith("/") and ".." not in name.split("/") for name in found.files)
    if not inside or {str} != set(map(type, words)) or {int} < {int, *(type(file.size) for file in files)}:
        raise ValueError
    return found
