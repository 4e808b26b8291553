# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What dpkg says is installed in a folder tree: packages, their versions, files, and what they need at run time.

Source: Debian Policy, sections 5.6 and 7.1 (fields and the syntax of relationships).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_STATUS = "var/lib/dpkg/status"
_FIELD = re.compile(r"([A-Z][A-Za-z-]*): (.*)")
_NAME = re.compile(r"\s*([a-z0-9][a-z0-9+.-]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """One installed package. ``needs``: what it depends on, alternatives included. ``paragraph``: as it is written."""

    name: str
    version: str
    needs: frozenset[str]
    provides: frozenset[str]
    paragraph: str


def read_status(tree: Path) -> dict[str, Package]:
    """The installed packages of *tree*, by name."""
    text = (tree / _STATUS).read_text(encoding="utf-8")
    found = (_package(paragraph) for paragraph in text.strip().split("\n\n"))
    return {package.name: package for package in found if package}


def write_status(tree: Path, packages: Iterable[Package]) -> None:
    """Have dpkg know of *packages* only."""
    paragraphs = (f"{package.paragraph}\n\n" for package in packages)
    (tree / _STATUS).write_text("".join(paragraphs), encoding="utf-8")


def closure(packages: Mapping[str, Package], names: Iterable[str], without: frozenset[str]) -> frozenset[str]:
    """Those of *packages* that *names* are or lead to by dependencies, never through one in *without*."""
    providers: dict[str, set[str]] = {}
    for package in packages.values():
        for name in {package.name} | package.provides:
            providers.setdefault(name, set()).add(package.name)
    kept: set[str] = set()
    open_ends = [*names]
    while open_ends:
        new = providers.get(open_ends.pop(), set()) - kept - without
        kept |= new
        open_ends += [need for name in new for need in packages[name].needs]
    return frozenset(kept)


def files_of(tree: Path, package: str) -> frozenset[str]:
    """Absolute paths of the files and folders of *package* in *tree*."""
    info = tree / "var/lib/dpkg/info"
    lists = (*info.glob(f"{package}.list"), *info.glob(f"{package}:*.list"))
    return frozenset(line for path in lists for line in path.read_text(encoding="utf-8").splitlines() if line != "/.")


def _package(paragraph: str) -> Package | None:
    fields = {match[1]: match[2] for line in paragraph.splitlines() if (match := _FIELD.match(line))}
    if not fields.get("Status", "").endswith(" installed"):
        return None
    return Package(
        name=fields["Package"],
        version=fields["Version"],
        needs=frozenset((*_names(fields.get("Depends", "")), *_names(fields.get("Pre-Depends", "")))),
        provides=frozenset(_names(fields.get("Provides", ""))),
        paragraph=paragraph,
    )


def _names(relationship: str) -> Iterator[str]:
    """``libc6 (>= 2.34), redis-tools | redis:any`` names libc6, redis-tools and redis."""
    for part in re.split(r"[,|]", relationship):
        if match := _NAME.match(part):
            yield match[1]
