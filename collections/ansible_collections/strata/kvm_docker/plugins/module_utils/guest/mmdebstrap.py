# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs mmdebstrap(1): a folder tree of Debian packages, with progress, and errors that name their cause."""

from __future__ import annotations

import os
import re
import subprocess
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..bound import bound
from ..errors import ImageError
from ..folders import UMASK
from .apt_sources import apt_sources
from .install_meter import InstallMeter

#: Modification time of everything in an image, 2025-01-01: with it equal packages give equal bytes.
EPOCH = 1735689600

#: What no guest or container needs; dpkg leaves it out while unpacking (dpkg(1), --path-exclude).
_EXCLUDED = (
    "/usr/share/doc/*",
    "/usr/share/info/*",
    "/usr/share/lintian/*",
    "/usr/share/locale/*",
    "/usr/share/man/*",
    "/usr/share/bug/*",
)
_KEPT_LINES = 200
#: mmdebstrap mounts /proc, /sys and /dev in its tree. In namespaces of its own it takes mounts and processes with it,
#: whatever ends us, SIGKILL included.
_ENCLOSED = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "nice")

Report = Callable[[str, float], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bootstrap:
    """What to install. ``variant``: what comes without being named (mmdebstrap(1), VARIANTS)."""

    suite: str
    packages: tuple[str, ...]
    mirror: str | None = None
    variant: str = "apt"


def bootstrap(what: Bootstrap, target: Path, report: Report) -> None:
    """Make the folder *target* a system as *what* says; its parent holds the temporary files.

    *report* gets a line of text and the fraction that is done. Raises :class:`ImageError`.
    """
    argv = _argv(what, target)
    environment = {**os.environ, **dict(_proxies()), "SOURCE_DATE_EPOCH": str(EPOCH), "TMPDIR": str(target.parent)}
    try:
        process = subprocess.Popen(
            argv,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            umask=UMASK,
        )
    except OSError as error:
        raise ImageError(f"mmdebstrap does not start: {error.strerror}.\nInstall the package mmdebstrap.") from error
    tail: deque[str] = deque(maxlen=_KEPT_LINES)
    meter = InstallMeter()
    with process:
        try:
            for line in process.stdout or ():
                tail.append(line.rstrip())
                if meter.feed(line):
                    report(meter.message, meter.fraction)
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        raise ImageError(explain(what, tail))


def explain(what: Bootstrap, output: Sequence[str]) -> str:
    """The message for a run that failed, from its *output*: the cause in a line where it is known, then the facts."""
    unknown = [match[1] for line in output if (match := re.search(r"E: Unable to locate package (\S+)", line))]
    if unknown:
        return f"suite {what.suite} has no package {', '.join(dict.fromkeys(unknown))}.\nCorrect build.packages."
    if any("No space left on device" in line for line in output):
        return "the disk became full while packages were installed.\nFree some space and run again."
    errors = [line for line in output if line.startswith(("E: ", "Err:", "dpkg: error", "error: "))]
    facts = "\n".join((errors or list(output))[-12:])
    return f"packages of {what.suite} could not be installed:\n{facts}\nCheck the mirror and build.packages."


def _argv(what: Bootstrap, target: Path) -> list[str]:
    excluded = [f"--dpkgopt=path-exclude={pattern}" for pattern in _EXCLUDED]
    return [
        *bound("KILL"),
        *_ENCLOSED,
        *("mmdebstrap", "--verbose", "--mode=root", "--format=directory", "--architectures=amd64"),
        *(f"--variant={what.variant}", f"--include={','.join(what.packages)}"),
        *excluded,
        *(what.suite, str(target), *apt_sources(what.suite, what.mirror)),
    ]


def _proxies() -> Iterator[tuple[str, str]]:
    """The proxies of this machine's apt, which mmdebstrap's apt does not read."""
    for scheme in ("http", "https"):
        argv = ["apt-config", "shell", "proxy", f"Acquire::{scheme}::Proxy"]
        found = subprocess.run(argv, check=False, capture_output=True, text=True).stdout.strip()
        if found and f"{scheme}_proxy" not in os.environ:
            yield f"{scheme}_proxy", found.removeprefix("proxy=").strip("'")
