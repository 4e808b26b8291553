# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The family of errors that the core raises; each front end translates them once.

The first line of an error says what is wrong and where, the last what to do about it.
"""

from __future__ import annotations

from dataclasses import dataclass


class StrataError(Exception):
    """Anything that Strata refuses or fails at, as one message for a person."""


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One mistake in a file: ``line`` counts from 1 (0: the file as a whole), ``path`` is dotted."""

    file: str
    line: int
    path: str
    message: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        return f"{where}: {self.path}: {self.message}" if self.path else f"{where}: {self.message}"


class DeclarationError(StrataError):
    """The declaration cannot be used; ``problems`` holds every mistake that was found, in file order."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = tuple(sorted(problems))
        super().__init__("\n".join(str(problem) for problem in self.problems))


class HypervisorError(StrataError):
    """libvirt does not answer, or refuses what it was asked."""


class ForeignObjectError(StrataError):
    """An object with a declared name exists and does not carry our mark; it was not touched."""


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
    """One or more changes failed; ``failures`` pairs each change's key with its error."""

    def __init__(self, failures: list[tuple[str, Exception]], not_started: int = 0) -> None:
        self.failures = tuple(failures)
        lines = [f"{key}: {error}" for key, error in failures]
        if not_started:
            lines.append(f"{not_started} dependent change(s) not started; run again after the fix.")
        super().__init__("\n".join(lines))
