# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A guest's serial console as its hypervisor logs it: what it says last, and whether the guest has given up."""

from __future__ import annotations

import os
import re
from pathlib import Path

from ..folders import Folders

#: Bytes at the end of the log that are looked at; a boot's messages fit.
_WINDOW = 64 * 1024

#: Escape sequences (ECMA-48): control sequences, operating system commands, all others.
_ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[ -/]*[0-~])")
_CONTROL = re.compile(r"[^\t\n\x20-\x7e\x80-\U0010ffff]|[\x80-\x9f]")

_WAITING = re.compile(r"M?\s*\[[ *]{6}\] ")

#: First words of a boot; what stands before the last of them is an earlier one's.
_BOOT = re.compile(r"Linux version \d|SeaBIOS \(version|BdsDxe: starting|Booting from Hard Disk")

#: After these nothing more comes by itself.
_GIVEN_UP = re.compile(
    r"Kernel panic|Unable to mount root|No bootable device|Boot failed|BdsDxe: No bootable|"
    r"grub rescue>|Gave up waiting for (?:root|suspend)|\(initramfs\)|You are in emergency mode"
)


def console_path(folders: Folders, environment: str, guest: str) -> Path:
    """Where the guest's console is logged."""
    return folders.pool(environment) / f"{guest}.console.log"


def read_console(path: Path) -> str:
    """The end of the log as plain text; empty where there is none."""
    try:
        with path.open("rb") as stream:
            stream.seek(-min(_WINDOW, os.fstat(stream.fileno()).st_size), os.SEEK_END)
            return plain(stream.read().decode(errors="replace"))
    except FileNotFoundError:
        return ""


def plain(text: str) -> str:
    """*text* without escape sequences and control characters; a carriage return ends a line."""
    lines = _ESCAPE.sub("", text).replace("\r\n", "\n").replace("\r", "\n")
    return _CONTROL.sub("", lines)


def tail(text: str, lines: int = 15) -> str:
    """The last *lines* that say something; systemd's moving asterisks do not."""
    said = [line.rstrip() for line in text.splitlines() if line.strip() and not _WAITING.match(line)]
    return "\n".join(said[-lines:])


def given_up(text: str) -> str | None:
    """The line with which the last boot in *text* ended for good, if it did."""
    started = [match.start() for match in _BOOT.finditer(text)]
    match = _GIVEN_UP.search(text, started[-1] if started else 0)
    if not match:
        return None
    begin, end = text.rfind("\n", 0, match.start()) + 1, text.find("\n", match.start())
    return text[begin : end if end >= 0 else None].strip()
