# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cuts an installed Debian system down to what a container that only runs needs.

Every byte of a container image is sent into a guest, unpacked and digested there: 0.3 CPU seconds a megabyte where the
CPU is emulated (measured).
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from .dpkg_status import closure, files_of, read_status, write_status
from .image_tree import remove

#: Kept beside the named packages and their dependencies: a shell, its tools, name service and the C.UTF-8 locale.
BASE = ("base-files", "coreutils", "dash", "libc-bin")

#: What maintainer scripts call while packages are installed: dependencies in name, unused when a program runs.
ONLY_TO_INSTALL = frozenset(
    {"adduser", "debconf", "debianutils", "dpkg", "init-system-helpers", "passwd", "perl-base", "sysvinit-utils", "ucf"}
)

#: What differs between two builds, or what a container that only runs has no use for.
REMOVED = (
    "boot",
    "dev/*",
    "etc/apt",
    "etc/hostname",
    "etc/init.d",
    "etc/rc*.d",
    "etc/resolv.conf",
    "etc/systemd",
    "run/*",
    "tmp/*",
    "usr/lib/*/gconv",
    "usr/lib/python3*/pydoc_data",
    "usr/lib/python3*/test",
    "usr/lib/systemd",
    "usr/lib/udev",
    "usr/share/bash-completion",
    "var/cache/*",
    "var/lib/apt",
    "var/lib/dpkg/*-old",
    "var/lib/dpkg/info",
    "var/lib/systemd",
    "var/log/*.log",
    "var/log/apt",
)


def slim(tree: Path, packages: Iterable[str]) -> None:
    """Leave in *tree* what *packages* and :data:`BASE` need; dpkg's list of packages says so, for scanners."""
    found = read_status(tree)
    named = {name.partition("=")[0].partition(":")[0] for name in packages}
    kept = closure(found, (*BASE, *named), ONLY_TO_INSTALL - named)
    staying = frozenset(path for name in kept for path in files_of(tree, name))
    leaving = frozenset(path for name in found.keys() - kept for path in files_of(tree, name)) - staying
    _delete(tree, leaving)
    write_status(tree, (found[name] for name in sorted(kept)))
    remove(tree, REMOVED)


def _delete(tree: Path, paths: Iterable[str]) -> None:
    """Files, then the folders that they leave empty; deepest first."""
    for path in sorted(paths, reverse=True):
        target = os.path.join(tree, path.lstrip("/"))
        if os.path.isdir(target) and not os.path.islink(target):
            if not os.listdir(target):
                os.rmdir(target)
        elif os.path.lexists(target):
            os.unlink(target)
