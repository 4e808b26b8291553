# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The family of errors that the core raises; each front end translates them once.

The first line of an error says what is wrong and where, the last what to do about it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .identity.move import Move
    from .plan.model import Change, Plan


class StrataError(Exception):
    """Anything that Strata refuses or fails at, as one message for a person.

    ``made``: the changes (``plan.model.Change``) that had been made before, in their order. ``hide``: takes the secrets
    of the declaration out of data that is shown with the error.
    """

    made: tuple[Change, ...] = ()
    hide: Callable[[Any], Any] = staticmethod(lambda data: data)

    def mask(self, mask: Callable[[str], str]) -> None:
        """Pass every text that the error tells through *mask*."""
        self.args = tuple(mask(item) if isinstance(item, str) else item for item in self.args)


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One mistake in a file: ``line`` counts from 1 (0: the file as a whole), ``path`` is dotted.

    ``file`` is empty for data that came from none.
    """

    file: str
    line: int
    path: str
    message: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        return ": ".join(part for part in (where, self.path, self.message) if part)


class DeclarationError(StrataError):
    """The declaration cannot be used; ``problems`` holds every mistake that was found, in file order."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = tuple(sorted(problems))
        super().__init__("\n".join(str(problem) for problem in self.problems))

    def mask(self, mask: Callable[[str], str]) -> None:
        super().mask(mask)
        self.problems = tuple(replace(problem, message=mask(problem.message)) for problem in self.problems)


class HypervisorError(StrataError):
    """libvirt does not answer, or refuses what it was asked."""


class ForeignObjectError(StrataError):
    """An object with a declared name exists and does not carry our mark; it was not touched."""


class ConsentError(StrataError):
    """A plan would lose data that nobody has agreed to lose; nothing was touched. ``plan`` is that plan."""

    def __init__(self, message: str, plan: Plan) -> None:
        self.plan = plan
        super().__init__(message)


class LockError(StrataError):
    """The lock of an environment cannot be used."""


class MovedError(LockError):
    """Inputs are not what was locked; nothing was made of them. ``moves``: see :class:`identity.lock.Move`."""

    def __init__(self, message: str, moves: tuple[Move, ...]) -> None:
        self.moves = moves
        super().__init__(message)


class FingerprintError(StrataError):
    """A fingerprint cannot be taken, read or used."""


class CheckpointError(StrataError):
    """A checkpoint cannot be made or used."""


class BusyError(StrataError):
    """Another run holds the environment's lock."""


class ImageError(StrataError):
    """An image (of a guest or a container) cannot be built, read or loaded."""


class GuestError(StrataError):
    """A guest did not become ready; the message ends with the tail of its console."""


class EngineError(StrataError):
    """A Docker engine does not answer, or refuses what it was asked."""


class ContainerError(EngineError):
    """A container exited or turned unhealthy; the message ends with its last log lines."""


class ConvergeError(StrataError):
    """One or more changes failed; ``failures`` pairs each change's key with its error.

    Its cause (``__cause__``) is the first failure that nobody expected, a mistake in the program.
    """

    def __init__(self, failures: list[tuple[str, Exception]], not_started: int = 0) -> None:
        self.failures = tuple(failures)
        lines = [_about(key, str(error)) for key, error in failures]
        if not_started:
            lines.append(f"{not_started} dependent change(s) not started; run again after the fix.")
        super().__init__("\n".join(lines))

    def mask(self, mask: Callable[[str], str]) -> None:
        super().mask(mask)
        self.failures = tuple((key, _masked(error, mask)) for key, error in self.failures)


def _about(key: str, message: str) -> str:
    """*message* with its object in front, which it may have said itself."""
    return message if message.startswith(f"{key}: ") else f"{key}: {message}"


def _masked(error: Exception, mask: Callable[[str], str]) -> Exception:
    if not isinstance(error, StrataError):
        return StrataError(mask(str(error)))
    error.mask(mask)
    return error


@contextmanager
def os_errors() -> Iterator[None]:
    """Turn what the operating system refuses into a :class:`StrataError` that says what to do."""
    try:
        yield
    except PermissionError as error:
        raise StrataError(
            f"{error.filename}: no permission. Run it as root; Ansible does with become: true."
        ) from error
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        raise StrataError(f"{where}{error.strerror or error}. Run again after the fix.") from error
