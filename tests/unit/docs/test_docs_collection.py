# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of the collection names everything that its folders hold, and nothing else."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from pages import COLLECTION, REPOSITORY, Page

README = Page(COLLECTION / "README.md")
#: What the command ``strata`` needs, and no module.
OF_THE_COMMAND = ("junitparser",)


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


def libraries() -> list[str]:
    """What the package depends on, beside Ansible, which is there where a collection is installed."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    return [line for line in project["dependencies"] if not line.startswith("ansible-core")]


def test_a_collection_that_came_by_ansible_galaxy_needs_what_the_package_needs() -> None:
    assert (COLLECTION / "requirements.txt").read_text().splitlines() == libraries()


def test_an_execution_environment_installs_what_is_needed() -> None:
    named = yaml.safe_load((COLLECTION / "meta/execution-environment.yml").read_text())["dependencies"]
    assert named == {"python": "requirements.txt", "system": "bindep.txt"}
    assert all((COLLECTION / name).is_file() for name in named.values())


@pytest.mark.parametrize("library", [line for line in libraries() if not line.startswith(OF_THE_COMMAND)])
def test_documented_requirements_are_those_of_the_package(library: str) -> None:
    name, version = library.split(">=")
    texts = [path.read_text() for folder in ("modules", "doc_fragments") for path in _sources(folder)]
    told = {found for text in texts for found in re.findall(rf"^  - {re.escape(name)} >= ([\d.]+)", text, re.MULTILINE)}
    assert told == {version}


@pytest.mark.parametrize(
    ("module", "library"), [("container", "ruamel.yaml"), ("guest", "pycdlib"), ("environment", "pycdlib")]
)
def test_what_only_some_modules_need_is_told_with_them(module: str, library: str) -> None:
    assert f"  - {library} >= " in (COLLECTION / f"plugins/modules/{module}.py").read_text()


def _sources(folder: str) -> list[Path]:
    return sorted((COLLECTION / "plugins" / folder).glob("*.py"))
