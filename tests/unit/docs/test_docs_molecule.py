# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the page on Molecule shows is what is tested, and it tells every scenario."""

from __future__ import annotations

import pytest
import yaml
from pages import REPOSITORY, Page

PAGE = Page(REPOSITORY / "docs" / "molecule.md")
EXAMPLE = REPOSITORY / "examples" / "docker_prune" / "molecule"


@pytest.mark.parametrize(
    "file",
    ["default/molecule.yml", "default/create.yml", "default/destroy.yml", "weekly/molecule.yml", "weekly/cleanup.yml"],
)
def test_the_page_shows_the_files_of_the_example_as_they_are(file: str) -> None:
    assert (EXAMPLE / file).read_text().removeprefix("---\n") in PAGE.blocks("yaml")


def test_ten_lines_are_enough() -> None:
    assert len((EXAMPLE / "default" / "molecule.yml").read_text().splitlines()) <= 10


def test_the_page_tells_every_scenario_and_no_other() -> None:
    told = {row[0].strip("`") for row in PAGE.rows("Strata's own scenarios")}
    assert told - {"scenario"} == {file.parent.name for file in (REPOSITORY / "molecule").glob("*/molecule.yml")}


def test_every_scenario_has_names_and_numbers_that_no_other_one_has() -> None:
    inventory = yaml.safe_load((REPOSITORY / "molecule/shared/inventory/hosts.yml").read_text())
    numbers = inventory["hypervisors"]["vars"]["numbers_of"]
    assert set(numbers) == {file.parent.name for file in (REPOSITORY / "molecule").glob("*/molecule.yml")}
    pairs = [pair for environments in numbers.values() for pair in environments.items()]
    assert len({name for name, _number in pairs}) == len({number for _name, number in pairs}) == len(pairs)
