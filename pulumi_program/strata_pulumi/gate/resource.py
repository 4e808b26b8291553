# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one shape that every resource of the provider has; adding one is adding a class of this shape."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol

from ansible_collections.strata.kvm_docker.plugins.module_utils.progress import Progress

from .operation import Ending, Interrupt
from .option import Failure, Option, Type
from .properties import Properties
from .site import Site


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """One property that a resource has beside what is given. ``items``: type of what is in a list or mapping, where all
    are of one."""

    about: str
    type: Type = "string"
    items: Literal["string"] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A property has another value. ``of_input``: what is given has, not what was found."""

    replaces: bool = False
    of_input: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """What an operation runs with. ``interrupt``: to be called often; what it raises ends the operation. ``timeout``:
    seconds of Pulumi's own option ``customTimeouts``, 0 where it was not given. ``secrets``: texts of the request."""

    site: Site
    interrupt: Interrupt
    progress: Progress
    timeout: float = 0.0
    secrets: tuple[str, ...] = ()


class Resource(Protocol):
    """``INPUTS``: what may be given; ``OUTPUTS``: what the resource has beside, by name. ``ECHOES``: it has what is
    given, too. ``ENDING``: of an operation that is interrupted. All inputs have passed :meth:`check`."""

    TYPE: ClassVar[str]
    ABOUT: ClassVar[str]
    INPUTS: ClassVar[tuple[Option, ...]]
    OUTPUTS: ClassVar[Mapping[str, Output]]
    ECHOES: ClassVar[bool]
    ENDING: ClassVar[Ending]

    def check(self, given: Properties) -> list[Failure]:
        """All that is wrong with what is *given*. No I/O."""

    def diff(
        self, before: Properties, state: Properties, given: Properties, operation: Operation
    ) -> dict[str, Difference]:
        """What changes from the inputs *before* and the *state*, or what is there now, to what is *given*, by path of a
        property."""

    def awaited(self, given: Properties, state: Properties) -> Properties:
        """What it has in a preview of a create or replace, or of an update of *state*. No I/O."""

    def create(self, given: Properties, operation: Operation) -> tuple[str, Properties]:
        """Make it; its id, and what it has."""

    def update(self, before: Properties, state: Properties, given: Properties, operation: Operation) -> Properties:
        """Bring it from the inputs *before* and the *state* to what is *given*; what it has then."""

    def read(
        self, identity: str, given: Properties, state: Properties, operation: Operation
    ) -> tuple[Properties, Properties] | None:
        """Inputs, and what it has, as they are; ``None`` where it is gone. An import has no inputs *given* yet."""

    def delete(self, identity: str, before: Properties, operation: Operation) -> None:
        """Remove it; nothing happens where it is gone. *before*: its inputs."""
