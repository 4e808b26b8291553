# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a checkpoint is made from: every declared object, the lock, the images, engine layers, and the hypervisor's ABI.
No I/O."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field

from ..digests import canonical_digest
from ..plan.model import Declared
from ..plan.secrets import Seal

#: Differences that a message names.
_NAMED = 3


@dataclass(frozen=True, slots=True)
class OnLayer:
    """What a first disk stands on. ``image``: as it is declared. ``content``: SHA-256 of the engine layer's disk."""

    image: str
    content: str


@dataclass(frozen=True, slots=True)
class Origin:
    """``inputs``: by object (or ``the lock``, or a guest image), an HMAC of what is declared of it, so that no secret
    can be guessed from it. ``abi``: see :mod:`.abi`; in the open, so that a difference can be told. ``layers``: by
    guest, the engine layer that its first disk stands on, or one made now would; others stand on their image."""

    inputs: Mapping[str, str]
    abi: Mapping[str, str]
    layers: Mapping[str, OnLayer] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """The one digest of it all, as hex: checkpoints are stored under it."""
        layers = {guest: asdict(layer) for guest, layer in self.layers.items()}
        return canonical_digest([dict(self.inputs), dict(self.abi), *([layers] if layers else [])])

    def fits(self, made: Origin, there: Collection[str]) -> bool:
        """Whether a checkpoint that was *made* before serves: of the same, but that disks may stand on other layers, if
        those are *there* (their SHA-256): guests are made at different times, and stay on what they were made on."""
        same = (self.inputs, self.abi) == (made.inputs, made.abi)
        return same and all(layer.content in there for layer in made.layers.values())

    def differences(self, made: Origin, there: Collection[str] = ()) -> list[str]:
        """How this origin differs from that of a checkpoint that was *made* before, in words; *there*: as in
        :meth:`fits`."""
        layers = (
            f"engine layer of image {was.image} was {was.content[:16]} and is {_layer(self.layers.get(guest))}"
            for guest, was in sorted(made.layers.items())
            if was != self.layers.get(guest) and was.content not in there
        )
        programs = [
            f"{name} was {_known(made.abi.get(name))} and is {_known(self.abi.get(name))}"
            for name in sorted(self.abi.keys() | made.abi.keys())
            if self.abi.get(name) != made.abi.get(name)
        ]
        return [
            *programs,
            *dict.fromkeys(layers),
            *(f"{name} is {_how(name, self, made)}" for name in sorted(_moved(self, made))),
        ]


def origin_of(
    declared: Iterable[Declared],
    images: Mapping[str, str],
    lock: bytes,
    abi: Mapping[str, str],
    seal: Seal,
    layers: Mapping[str, OnLayer] | None = None,
) -> Origin:
    """The origin of what is *declared*, as with the key of *seal* and without an environment's own keys.

    *images*: content of each guest image in the store, by name. *lock*: of the environment, empty where there is none.
    *layers*: by guest, see :class:`Origin`.
    """
    objects = {str(item.key): [item.spec, item.running] for item in declared}
    contents = {f"content of guest image {name}": digest for name, digest in images.items()}
    told = {**objects, **contents, "the lock": lock.decode(errors="replace")}
    return Origin({name: seal.digest(value) for name, value in told.items()}, dict(abi), dict(layers or {}))


def in_words(differences: list[str]) -> str:
    """The first of *differences*, and how many more there are."""
    more = len(differences) - _NAMED
    return "; ".join(differences[:_NAMED]) + (f"; and {more} more" if more > 0 else "")


def _moved(one: Origin, other: Origin) -> set[str]:
    names = one.inputs.keys() | other.inputs.keys()
    return {name for name in names if one.inputs.get(name) != other.inputs.get(name)}


def _how(name: str, now: Origin, made: Origin) -> str:
    if name not in made.inputs:
        return "new"
    return "declared otherwise" if name in now.inputs else "declared no more"


def _layer(now: OnLayer | None) -> str:
    return now.content[:16] if now else "not there"


def _known(value: str | None) -> str:
    return value or "unknown"
