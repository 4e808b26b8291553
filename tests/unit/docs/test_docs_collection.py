# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of the collection names everything that its folders hold, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pages import COLLECTION, Page

README = Page(COLLECTION / "README.md")


def stems(folder: str, pattern: str) -> set[str]:
    return {path.stem for path in (COLLECTION / folder).glob(pattern) if path.stem != "__init__"}


def named_in(row: str) -> set[str]:
    """Names between backticks in the rows of the table of contents that begin with *row*."""
    rows = re.findall(rf"^\| {row}[^|]*\|(.*)\|$", README.text, re.MULTILINE)
    return {name for cell in rows for name in re.findall(r"`([a-z_]+)`", cell)}


@pytest.mark.parametrize(
    ("row", "there"),
    [
        ("modules", stems("plugins/modules", "*.py")),
        ("roles", stems("roles", "*")),
        ("playbooks", stems("playbooks", "*.yml")),
    ],
)
def test_the_page_names_all_that_there_is(row: str, there: set[str]) -> None:
    assert named_in(row) == there


def variables(path: Path) -> set[str]:
    """Variables of ours that a playbook reads, without those that it sets."""
    text = path.read_text()
    return set(re.findall(r"\bstrata_\w+", text)) - set(re.findall(r"register: (\w+)", text))


def test_the_page_tells_every_variable_of_the_playbooks() -> None:
    told = set(re.findall(r"^\| `(strata_\w+)` \|", README.text, re.MULTILINE))
    assert told == set().union(*map(variables, (COLLECTION / "playbooks").glob("*.yml")))
