# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one shape that every kind of object has; adding a kind is adding one file with a class of this shape."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Protocol, TypeVar

from .declare.environment import Environment
from .inputs import Inputs
from .plan.model import Change, Condition, Declared, Difference, Effect, Key, Observed, Traits
from .progress import Progress

ConnectionT_contra = TypeVar("ConnectionT_contra", contravariant=True)


class Resource(Protocol[ConnectionT_contra]):
    """Declares, observes and applies one kind of object.

    ``ConnectionT_contra`` is what observing and applying need: a :class:`~.kvm.hypervisor.Hypervisor` for objects of
    the hypervisor, an :class:`~.docker.engine.Engine` for those on a guest's engine.
    """

    kind: ClassVar[str]
    traits: ClassVar[Traits]

    def declare(self, environment: Environment, inputs: Inputs) -> Iterable[Declared]:
        """The objects that *environment* asks for. Pure."""

    def effect(self, difference: Difference) -> Effect:
        """What it takes to apply *difference*. Pure."""

    def observe(self, connection: ConnectionT_contra, environment: str) -> Iterable[Observed]:
        """Every object of this kind that carries the mark of *environment*, and every other one (``owned=False``).

        A kind of the shared store, where nothing is marked, is a :class:`~.guest.store_kind.StoreKind` instead.
        """

    def apply(self, connection: ConnectionT_contra, change: Change, progress: Progress) -> None:
        """Do what *change* says; doing it again after a crash halfway must be safe."""

    def settle(self, connection: ConnectionT_contra, key: Key, condition: Condition, progress: Progress) -> None:
        """Return once the object is in *condition*; raise at once when it cannot get there any more."""
