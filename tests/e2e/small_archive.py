# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An archive with nothing but the packages that a machine lacks, from Debian's own.

An emulated machine needs minutes to read the index of all packages and to unpack what xz has packed.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ansible_collections.strata.kvm_docker.plugins.module_utils.guest.apt_sources import apt_sources


def make(folder: Path, suite: str, packages: Iterable[str], status: str) -> None:
    """Fill *folder* with *packages* of *suite* and what they need that is not in *status* (a dpkg's status file)."""
    work = folder.with_suffix(".work")
    for needed in (folder, work / "lists" / "partial", work / "archives" / "partial"):
        needed.mkdir(parents=True)
    (work / "status").write_text(status)
    keyring = "[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]"
    (work / "sources").write_text("".join(f"deb {keyring} {entry[4:]}\n" for entry in apt_sources(suite, None)))
    _apt(work, "update")
    _apt(work, "install", "--download-only", "--no-install-recommends", "--yes", *packages)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        entries = pool.map(lambda package: _repacked(package, folder), sorted((work / "archives").glob("*.deb")))
        (folder / "Packages").write_text("\n".join(entries))


def _apt(work: Path, *words: str) -> None:
    places = {
        "Dir::Etc::SourceList": work / "sources",
        "Dir::Etc::SourceParts": "/dev/null",
        "Dir::State::Lists": work / "lists",
        "Dir::State::Status": work / "status",
        "Dir::Cache": work,
        "APT::Sandbox::User": "root",
    }
    options = [word for name, value in places.items() for word in ("-o", f"{name}={value}")]
    subprocess.run(["apt-get", "-qq", *options, *words], check=True, stdout=subprocess.DEVNULL)


def _repacked(package: Path, folder: Path) -> str:
    """Put *package* into *folder*, packed with what is quick to unpack; its entry of the index."""
    tree, target = package.with_suffix(""), folder / f"{package.stem.replace('%', '_')}.deb"
    subprocess.run(["dpkg-deb", "--raw-extract", package, tree], check=True)
    subprocess.run(["dpkg-deb", "-Zzstd", "-z1", "--build", tree, target], check=True, stdout=subprocess.DEVNULL)
    control = subprocess.run(["dpkg-deb", "--field", target], check=True, capture_output=True, text=True).stdout
    digest = hashlib.sha256(target.read_bytes()).hexdigest()
    return f"{control}Filename: ./{target.name}\nSize: {target.stat().st_size}\nSHA256: {digest}\n"
