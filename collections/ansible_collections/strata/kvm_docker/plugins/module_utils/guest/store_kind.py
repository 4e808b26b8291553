# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What guest images and container archives have in common as kinds of objects: they lie in the shared store."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, ClassVar

from ..declare.environment import Environment
from ..folders import Folders
from ..plan.model import Change, Condition, Declared, Difference, Effect, Key, Observed, Traits
from ..progress import Progress

if TYPE_CHECKING:
    from ..inputs import Inputs
    from ..kvm.hypervisor import Hypervisor
    from .image_store import Report


class StoreKind(ABC):
    """``spec``: ``digest``, of the recipe or source. ``handle``: what to make it from.

    What is in the store belongs to no environment: it is found by digest, and it is never an orphan. So in place of
    ``observe`` it has ``stored``, which looks up what is declared.
    """

    kind: ClassVar[str]
    traits: ClassVar[Traits] = Traits()

    @abstractmethod
    def declare(self, environment: Environment, inputs: Inputs) -> Iterator[Declared]:
        """The objects that *environment* asks for. Pure."""

    @abstractmethod
    def has(self, folders: Folders, item: Declared) -> bool:
        """Whether nothing is to be made: the store has it, whole."""

    @abstractmethod
    def make(self, hypervisor: Hypervisor, item: Declared, report: Report) -> None:
        """Have it in the store; raises :class:`ImageError`."""

    def effect(self, difference: Difference) -> Effect:
        """Another digest is another object: it is made beside the one that is there."""
        return Effect.REPLACE

    def stored(self, connection: Hypervisor, wanted: Iterable[Declared]) -> Iterator[Observed]:
        """Those of the objects *wanted*, all of this kind, that the store has."""
        for item in wanted:
            if self.has(connection.folders, item):
                yield Observed(item.key, item.spec, applied=item.spec)

    def apply(self, connection: Hypervisor, change: Change, progress: Progress) -> None:
        """Make what is declared; nothing is ever deleted."""
        if change.declared is None:
            return
        stage = str(change.key)
        self.make(
            connection,
            change.declared,
            lambda message, fraction: progress.report(stage, "progress", message, round(fraction, 3)),
        )

    def settle(self, connection: Hypervisor, key: Key, condition: Condition, progress: Progress) -> None:
        """What is in the store is ready."""
        return
