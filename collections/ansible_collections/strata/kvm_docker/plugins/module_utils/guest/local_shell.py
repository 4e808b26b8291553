# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shell of this machine, for an engine that runs here: commands and files without a connection."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass

from ..errors import GuestError
from .ssh import brief, receive_command


@dataclass(frozen=True, slots=True)
class LocalShell:
    """Runs commands as the user that we are; see :class:`~.machine.Machine`."""

    def run(self, command: str, stdin: bytes | None = None, timeout: float = 60.0) -> bytes:
        try:
            done = subprocess.run(
                ["sh", "-c", command], input=stdin or b"", capture_output=True, timeout=timeout, check=False
            )
        except subprocess.TimeoutExpired:
            raise GuestError(f"this machine: {brief(command)} did not end within {timeout:g} s.") from None
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip() or "it printed no error"
            raise GuestError(f"this machine: {brief(command)} failed with status {done.returncode}: {said}")
        return done.stdout

    def write_file(self, path: str, content: bytes, mode: int) -> None:
        self.run(receive_command(path, len(content), mode), stdin=content)

    def close(self) -> None:
        """Nothing is open."""
