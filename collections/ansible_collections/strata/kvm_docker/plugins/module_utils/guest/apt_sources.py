# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where Debian packages come from: the mirror that a recipe names, else the one that this machine's apt uses."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

from ..errors import ImageError

#: apt-get(8), indextargets: one line for each index of each configured source.
_FORMAT = "$(ORIGIN)|$(REPO_URI)|$(RELEASE)|$(COMPONENT)"
#: Suites that complete a release; unstable has none of them.
_POCKETS = ("", "-updates", "-security")


def apt_sources(suite: str, mirror: str | None) -> tuple[str, ...]:
    """Entries of sources.list(5) for *suite*: of *mirror* alone, else of all pockets that this machine uses.

    Raises :class:`ImageError` where this machine's apt knows no Debian archive.
    """
    if mirror:
        return (f"deb {mirror} {suite} main",)
    found = tuple(dict.fromkeys(_entries(suite, _host_codename(), _index_targets())))
    if not found:
        raise ImageError(
            "this machine's apt has no Debian archive (origin Debian) that packages could come from.\n"
            "Run apt-get update, or set build.mirror in the declaration."
        )
    return found


def _entries(suite: str, codename: str, targets: str) -> Iterator[str]:
    """*suite*'s counterpart of each source of this machine's own release *codename*."""
    for line in targets.splitlines():
        origin, uri, release, component = line.split("|")
        pocket = release.removeprefix(codename)
        if origin == "Debian" and component == "main" and release.startswith(codename) and pocket in _POCKETS:
            yield f"deb {uri} {suite}{pocket} main"


def _index_targets() -> str:
    argv = ["apt-get", "indextargets", "--format", _FORMAT, "Created-By: Packages"]
    try:
        return subprocess.run(argv, check=True, capture_output=True, text=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise ImageError(f"apt does not tell its sources: {error}\nSet build.mirror in the declaration.") from error


def _host_codename() -> str:
    """VERSION_CODENAME of os-release(5)."""
    for line in Path("/etc/os-release").read_text(encoding="utf-8").splitlines():
        if line.startswith("VERSION_CODENAME="):
            return line.partition("=")[2].strip('"')
    return ""
