# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A network namespace that is kept by a file, whether a process is in it or not.

The file is a bind mount of the namespace, as `ip netns` does it, but in a folder of ours: `ip netns` would leave a
shared mount on /run/netns behind for ever.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from ..errors import HypervisorError
from .programs import ENVIRONMENT


def pinned(netns: Path) -> bool:
    """Whether the file *netns* stands for a network namespace."""
    try:
        return netns.stat().st_dev == Path("/proc/self/ns/net").stat().st_dev
    except OSError:
        return False


def pin(netns: Path) -> None:
    """Make a network namespace with its loopback up, kept by the file *netns*; an existing one stays as it is."""
    if not pinned(netns):
        netns.touch(mode=0o600)
        run(["unshare", f"--net={netns}", "true"])
    run(inside(netns, ["ip", "link", "set", "lo", "up"]))


def pin_of(pid: int, netns: Path) -> None:
    """Keep the network namespace that the process *pid* is in by the file *netns*."""
    netns.touch(mode=0o600)
    run(["mount", "--bind", f"/proc/{pid}/ns/net", str(netns)])


def unpin(netns: Path) -> None:
    """Let the namespace go; it vanishes with its devices when no process is in it."""
    while pinned(netns):
        run(["umount", "--lazy", str(netns)])
    netns.unlink(missing_ok=True)


def inside(netns: Path, argv: Sequence[str]) -> list[str]:
    """*argv*, run in the network namespace."""
    return ["nsenter", f"--net={netns}", "--", *argv]


def run(argv: Sequence[str]) -> str:
    """Run a command and return its output; :class:`HypervisorError` with its own words where it fails."""
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, env=ENVIRONMENT)
    if done.returncode:
        raise HypervisorError(f"`{' '.join(argv)}` failed ({done.returncode}): {done.stderr.strip()}")
    return done.stdout
