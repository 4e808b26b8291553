# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a checkpoint is made from: every declared object, the lock, the images, and the hypervisor's ABI. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ..digests import canonical_digest
from ..plan.model import Declared
from ..plan.secrets import Seal

#: Differences that a message names.
_NAMED = 3


@dataclass(frozen=True, slots=True)
class Origin:
    """``inputs``: by object (or ``the lock``, or a guest image), an HMAC of what is declared of it, so that no secret
    can be guessed from it. ``abi``: see :mod:`.abi`; in the open, so that a difference can be told."""

    inputs: Mapping[str, str]
    abi: Mapping[str, str]

    @property
    def digest(self) -> str:
        """The one digest of it all, as hex: checkpoints are stored under it."""
        return canonical_digest([dict(self.inputs), dict(self.abi)])

    def differences(self, made: Origin) -> list[str]:
        """How this origin differs from that of a checkpoint that was *made* before, in words."""
        programs = [
            f"{name} was {_known(made.abi.get(name))} and is {_known(self.abi.get(name))}"
            for name in sorted(self.abi.keys() | made.abi.keys())
            if self.abi.get(name) != made.abi.get(name)
        ]
        return [*programs, *(f"{name} is {_how(name, self, made)}" for name in sorted(_moved(self, made)))]


def origin_of(
    declared: Iterable[Declared], images: Mapping[str, str], lock: bytes, abi: Mapping[str, str], seal: Seal
) -> Origin:
    """The origin of what is *declared*, as with the key of *seal* and without an environment's own keys.

    *images*: content of each guest image in the store, by name. *lock*: of the environment, empty where there is none.
    """
    objects = {str(item.key): [item.spec, item.running] for item in declared}
    contents = {f"content of guest image {name}": digest for name, digest in images.items()}
    told = {**objects, **contents, "the lock": lock.decode(errors="replace")}
    return Origin({name: seal.digest(value) for name, value in told.items()}, dict(abi))


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


def _known(value: str | None) -> str:
    return value or "unknown"
