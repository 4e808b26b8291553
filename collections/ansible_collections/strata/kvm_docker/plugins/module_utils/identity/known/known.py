# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which fields libvirt and Docker are known to tell of an object, so that one that is new to us is noticed. No I/O."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal, TypeAlias

from ...plan.model import Path
from . import known_docker, known_domain, known_more, known_network, known_storage
from .xml_tree import name_of

Source: TypeAlias = Literal[
    "domain", "network", "pool", "volume",
    "container", "image", "docker_network", "docker_volume", "info", "version",
]  # fmt: skip

#: Among the names of a place: any name, and what stands below it is known by a place of its own.
ANY = "*"
#: Among the names of a place: anything at all below it.
OPEN = "**"

_TABLES: Mapping[Source, str] = {
    "domain": known_domain.DOMAIN,
    "network": known_network.NETWORK,
    "pool": known_storage.POOL,
    "volume": known_storage.VOLUME,
    "container": known_docker.CONTAINER,
    "image": known_docker.IMAGE,
    "docker_network": known_docker.NETWORK,
    "docker_volume": known_docker.VOLUME,
    "info": known_docker.INFO,
    "version": known_docker.VERSION,
}
_ELEMENTS = ("domain", "network", "pool", "volume")


@dataclass(frozen=True, slots=True)
class Known:
    """``names``: by place, the names that may stand below it.

    The place of an element of XML (``root`` is set) is its name, wherever it occurs; that of a field of JSON is its
    path, ``HostConfig/LogConfig``.
    """

    names: Mapping[str, frozenset[str]]
    root: str = ""

    def knows(self, path: Path) -> bool:
        """Whether *path*, of a leaf or of what is above leaves, is known: of XML as ``tree_of`` gives it, of JSON with
        the index of an entry of a list."""
        place = self.root
        for segment in path:
            names = self.names.get(place, frozenset())
            if OPEN in names:
                return True
            name = name_of(segment) if self.root else segment
            if name not in names and ANY not in names:
                return False
            place = self._below(place, name if name in names else ANY)
        return True

    def _below(self, place: str, name: str) -> str:
        return name if self.root or not place else f"{place}/{name}"


@cache
def known(source: Source) -> Known:
    """What is known of objects of *source*."""
    names: dict[str, frozenset[str]] = {}
    for place, below in _rows(_TABLES[source] + known_more.MORE.get(source, "")):
        names[place] = names.get(place, frozenset()) | below
    return Known(names, source if source in _ELEMENTS else "")


def _rows(table: str) -> Iterator[tuple[str, frozenset[str]]]:
    """Of lines ``place: name name``, continued by lines that begin with a blank; ``/`` stands for the root of JSON."""
    for row in table.replace("\n ", " ").splitlines():
        place, colon, names = row.partition(": ")
        if colon:
            yield place.strip("/"), frozenset(names.split())
