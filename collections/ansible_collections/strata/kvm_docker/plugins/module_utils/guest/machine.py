# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an engine's machine is to the core, be it a guest, a host that is reached by SSH, or this one."""

from __future__ import annotations

from typing import Protocol


class Machine(Protocol):
    """Runs commands and writes files; everything raises :class:`~..errors.GuestError`."""

    def run(self, command: str, stdin: bytes | None = None, timeout: float = 60.0) -> bytes:
        """What *command*, a line for the machine's shell, prints. Keep secrets in *stdin*: errors quote the command."""

    def write_file(self, path: str, content: bytes, mode: int) -> None:
        """Make *path* hold *content*: whole or not at all."""

    def close(self) -> None:
        """Nothing more is asked in this run."""
