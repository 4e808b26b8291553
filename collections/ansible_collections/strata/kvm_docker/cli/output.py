# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the output of a command goes: to standard output, or to a file with a summary on standard output."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import os_errors
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest.files import write_whole


def put(content: str, output: Path | None, summary: Sequence[str]) -> None:
    """Write *content* to the file *output* and print *summary*, or print *content* where there is no file."""
    if output is None:
        print(content, end="")
        return
    _write(output, content.encode(errors="backslashreplace"))
    print("\n".join(summary))


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all, readable by its owner only; what is no file (a pipe, a device) is written to as it is."""
    with os_errors():
        if path.exists() and not path.is_file():
            path.write_bytes(content)
        else:
            write_whole(path.resolve(), content)


def lines(items: Sequence[str]) -> str:
    """*items* with an end to each."""
    return "".join(f"{item}\n" for item in items)
