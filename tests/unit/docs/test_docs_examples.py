# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the documentation shows must be what the code takes: examples, links and names of files."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.read import PLUGIN, read_environment
from pages import COLLECTION, PAGES, REPOSITORY, Page, named

#: Files that people have, or do without; no page says that they are here.
THEIRS = {"compose.override.yaml", "instances.environment.yml"}
#: Where a page's relative names of files start.
BASES = (
    REPOSITORY,
    COLLECTION,
    COLLECTION / "plugins",
    COLLECTION / "plugins" / "module_utils",
    COLLECTION / "roles" / "hypervisor",
    REPOSITORY / "examples" / "docker_prune",
    REPOSITORY / "pulumi_program" / "strata_pulumi",
    REPOSITORY / "pulumi_program" / "strata_pulumi" / "gate",
)
FILE = re.compile(r"[\w-][\w.-]*(/[\w.-]+)*\.(py|md|yml|yaml|cfg|toml|json)")
TOP = "collections|docs|examples|inventories|molecule|pulumi_program|roles|schema|tests|tools"
FOLDER = re.compile(rf"({TOP})(/[\w.-]+)*/?")

every_page = pytest.mark.parametrize("page", PAGES, ids=named)


def declarations() -> list[Any]:
    return [
        pytest.param(block, id=f"{named(page)}-{number}")
        for page in PAGES
        for number, block in enumerate(page.blocks("yaml"))
        if f"plugin: {PLUGIN}" in block
    ]


def fragments() -> list[Any]:
    """Parts of declarations: their keys are those of the top level. Whole files of examples are none."""
    examples = {file.read_text().removeprefix("---\n") for file in (REPOSITORY / "examples").rglob("*.yml")}
    return [
        pytest.param(tree, id=f"{named(page)}-{number}")
        for page in PAGES
        for number, block in enumerate(page.blocks("yaml"))
        if block not in examples and isinstance(tree := yaml.safe_load(block), dict) and "plugin" not in tree
    ]


@pytest.mark.parametrize("text", declarations())
def test_a_declaration_in_the_documentation_can_be_used(text: str, tmp_path: Path) -> None:
    for guest in yaml.safe_load(text)["guests"].values():
        if "compose" in guest:
            compose = tmp_path / guest["compose"]
            compose.parent.mkdir(parents=True, exist_ok=True)
            compose.write_text("services: {only: {image: 'only:1'}}\n")
    file = tmp_path / "shown.environment.yml"
    file.write_text(text)
    assert read_environment(file).guests


@pytest.mark.parametrize("tree", fragments())
def test_a_part_of_a_declaration_in_the_documentation_can_be_used(tree: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "shown.environment.yml"
    file.write_text(yaml.safe_dump({"plugin": PLUGIN, "name": "shown", **tree}))
    assert read_environment(file).name == "shown"


def test_the_documentation_has_examples_of_both() -> None:
    assert len(declarations()) >= 3
    assert len(fragments()) >= 3


@every_page
def test_every_block_of_yaml_is_yaml(page: Page) -> None:
    for block in page.blocks("yaml"):
        assert isinstance(yaml.safe_load(block), (dict, list)), block


@every_page
def test_every_link_leads_to_a_file_and_heading_that_are_there(page: Page) -> None:
    for link in page.links():
        file, _hash, anchor = link.partition("#")
        target = (page.path.parent / file).resolve() if file else page.path
        assert target.exists(), f"{link} leads nowhere"
        if anchor:
            assert anchor in Page(target).anchors(), f"{link} leads to no heading"


def exists(name: str, page: Page) -> bool:
    """Below one of the usual places; a bare name anywhere in the collection, the inventories or the examples."""
    if any((base / name).exists() for base in (*BASES, page.path.parent)):
        return True
    places = (COLLECTION, REPOSITORY / "inventories", REPOSITORY / "examples")
    return "/" not in name and any(True for place in places for _found in place.rglob(name))


@every_page
def test_every_file_and_folder_that_is_named_is_there(page: Page) -> None:
    names = {code for code in page.code() if FOLDER.fullmatch(code) or (FILE.fullmatch(code) and is_ours(code))}
    assert sorted(name for name in names if not exists(name, page)) == []


def is_ours(name: str) -> bool:
    """Names of JSON files are those of the state folder, unless they are of the schema."""
    return name not in THEIRS and (not name.endswith(".json") or name.startswith("schema/"))


def called(pattern: str) -> set[tuple[str, str]]:
    """(page, name) of everything that *pattern* finds."""
    return {(named(page), name) for page in PAGES for name in re.findall(pattern, page.text, re.MULTILINE)}


def test_every_target_that_the_documentation_calls_is_in_the_makefile() -> None:
    targets = set(re.findall(r"^\.PHONY: ([\w-]+)$", (REPOSITORY / "Makefile").read_text(), re.MULTILINE))
    found = called(r"(?:^|`| {4})make ([\w-]+)")
    assert {name for _page, name in found} >= {"up", "down", "clean", "plan", "test"}
    assert sorted(one for one in found if one[1] not in targets) == []


def test_every_playbook_that_the_documentation_calls_is_in_the_collection() -> None:
    found = called(r"ansible-playbook [^\n]*strata\.kvm_docker\.(\w+)")
    assert found
    assert sorted(one for one in found if not (COLLECTION / "playbooks" / f"{one[1]}.yml").is_file()) == []


@pytest.mark.parametrize("page", [page for page in PAGES if page.path.parent.name == "docs"], ids=named)
def test_every_page_tells_its_limits(page: Page) -> None:
    assert page.section("Limits").count("\n- ") >= 2
