# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The documentation as data: pages with their headings, links, code blocks and tables."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

REPOSITORY = Path(__file__).parents[3]
COLLECTION = REPOSITORY / "collections" / "ansible_collections" / "strata" / "kvm_docker"

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"^(?: {4}.*\n)+", re.MULTILINE)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_CODE = re.compile(r"`([^`\n]+)`")
_HEADING = re.compile(r"^(#+) (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Page:
    path: Path

    @cached_property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def prose(self) -> str:
        """Without code blocks."""
        return _INDENTED.sub("", _FENCE.sub("", self.text))

    def blocks(self, language: str) -> list[str]:
        return [content for name, content in _FENCE.findall(self.text) if name == language]

    def links(self) -> list[str]:
        """Targets of links to other files and headings, not to other hosts."""
        return [target for target in _LINK.findall(self.prose) if "://" not in target]

    def code(self) -> set[str]:
        """What stands between backticks."""
        return set(_CODE.findall(self.prose))

    def anchors(self) -> set[str]:
        """Of its headings, as GitHub makes them."""
        titles = [title.lower() for _level, title in _HEADING.findall(self.prose)]
        return {re.sub(r"[^\w\- ]", "", title).replace(" ", "-") for title in titles}

    def section(self, title: str) -> str:
        """Text from the heading *title* to the next heading; empty where there is none."""
        found = re.search(rf"^(#+) {re.escape(title)}\n(.*?)(?=^#{{1,6}} |\Z)", self.prose, re.MULTILINE | re.DOTALL)
        return found[2] if found else ""

    def rows(self, title: str) -> Iterator[list[str]]:
        """Cells of the table below the heading *title*, without its head."""
        for line in self.section(title).splitlines():
            cells = [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("|") else []
            if cells and not set(cells[0]) <= {"-"} and cells[0] != "key":
                yield cells


PAGES = [
    Page(path)
    for path in (
        REPOSITORY / "README.md",
        REPOSITORY / "CHANGELOG.md",
        COLLECTION / "README.md",
        *sorted((REPOSITORY / "docs").glob("*.md")),
        *sorted((COLLECTION / "roles").glob("*/README.md")),
    )
]


def named(page: Page) -> str:
    """Name of a page in the output of pytest."""
    return str(page.path.relative_to(REPOSITORY))


def page(name: str) -> Page:
    return next(found for found in PAGES if found.path.name == name and found.path.parent.name == "docs")
