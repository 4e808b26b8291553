# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``/etc/docker/daemon.json`` on a guest: read, replaced and put back so that a kill at any point loses nothing."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import EngineError, GuestError

if TYPE_CHECKING:
    from ..guest.machine import Machine

FILE = "/etc/docker/daemon.json"

#: What we last wrote and the engine took over: tells drift from a new declaration.
MARK = f"{FILE}.strata"

#: What the engine runs with while a replacement has not been taken over yet.
BEFORE = f"{FILE}.before"

_NEW = f"{FILE}.new"


@dataclass(frozen=True, slots=True)
class DaemonFiles:
    """``in_force``: settings that the engine runs with, or what is wrong with the file. ``marked``: last applied."""

    in_force: Mapping[str, Any] | str
    marked: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class DaemonFile:
    """The file on the guest behind *shell*. Everything raises :class:`GuestError` when the guest fails."""

    shell: Machine

    def read(self) -> DaemonFiles:
        """All in one command."""
        names = f"{FILE} {MARK} {BEFORE}"
        printed = self.shell.run(f"for file in {names}; do test ! -e $file || base64 -w0 $file; echo; done")
        file, marked, before = (base64.b64decode(line) for line in printed.decode().split("\n")[:3])
        seen = _parse(marked)
        return DaemonFiles(_parse(before or file), seen if marked and isinstance(seen, Mapping) else None)

    def check(self, content: bytes) -> None:
        """Put *content* beside the file. Raises :class:`EngineError` with the words of dockerd when it refuses it."""
        self.shell.write_file(_NEW, content, 0o600)
        try:
            self.shell.run(f"dockerd --validate --config-file {_NEW}")
        except GuestError as error:
            if "unknown flag: --validate" not in str(error):  # before Docker 23
                self.shell.run(f"rm -f {_NEW}")
                raise EngineError(f"the engine refuses its settings: {error}") from error

    def replace(self) -> None:
        """Put what was checked in the place of the file, which is kept beside it."""
        keep = f"cp -p {FILE} {BEFORE}.new 2>/dev/null || echo '{{}}' > {BEFORE}.new; mv {BEFORE}.new {BEFORE}"
        self.shell.run(f"set -e; test -e {BEFORE} || {{ {keep}; }}; sync; mv {_NEW} {FILE}; sync")

    def restore(self) -> None:
        """Put the kept file back."""
        self.shell.run(f"mv {BEFORE} {FILE}; sync")

    def commit(self, content: bytes) -> None:
        """The engine runs with *content* now."""
        self.shell.write_file(MARK, content, 0o600)
        self.shell.run(f"rm -f {BEFORE}; sync")

    def make_folder(self) -> None:
        """The packages of some distributions do not make it."""
        self.shell.run("mkdir -p -m 0755 /etc/docker")


def _parse(content: bytes) -> Mapping[str, Any] | str:
    try:
        settings = json.loads(content or b"{}")
    except ValueError as error:
        return f"not JSON: {error}"
    return settings if isinstance(settings, dict) else "not a mapping"
