# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of the declared storage pools. No I/O."""

from __future__ import annotations

from collections.abc import Iterator

from ..errors import Problem
from .environment import Environment
from .sources import Sources

#: File systems of the kernel, or emptied at each boot.
_FLEETING = ("/dev", "/proc", "/run", "/sys")


def check_pools(environment: Environment, sources: Sources) -> Iterator[Problem]:
    seen: dict[str, str] = {}
    for name in environment.pools:
        path = environment.pool_path(name)
        where = ("pools", name, "path")
        if name == environment.name:
            message = "is the name of the pool of the environment itself; rename it"
            yield sources.problem(("pools", name), message)
        if path == "/" or any(f"{path}/".startswith(f"{folder}/") for folder in _FLEETING):
            yield sources.problem(where, f"{path} is no place for disks; choose a folder of a file system on a disk")
        if path in seen:
            message = f"{path} is the folder of pool {seen[path]} already; choose another one"
            yield sources.problem(where, message)
        seen.setdefault(path, name)
