# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Compose project from data in memory: the same reader as for files, with paths in place of lines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.compose import Project
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.read_compose import read_compose, read_project
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import DeclarationError
from compose_corpus import CORPUS, Case, cases
from ruamel.yaml import YAML

#: Without what only files have: tags, a second file, variables, octal numbers as Compose reads them.
PLAIN = [
    case
    for case in cases("compose")
    if len(case.files) == 1 and not (case.folder / ".env").exists() and "!override" not in case.files[0].read_text()
    if "mode: 0" not in case.files[0].read_text()
]


def read(tree: dict[str, Any], folder: Path, **arguments: Any) -> Project:
    return read_project(tree, "shop", folder, **arguments)


def messages(tree: dict[str, Any], folder: Path, **arguments: Any) -> list[str]:
    with pytest.raises(DeclarationError) as caught:
        read(tree, folder, **arguments)
    return str(caught.value).splitlines()


@pytest.mark.parametrize("case", PLAIN, ids=lambda case: case.name)
def test_data_means_what_the_same_file_means(case: Case) -> None:
    tree = YAML(typ="safe", pure=True).load(case.files[0].read_text())
    assert read_project(tree, case.name, case.folder, {}, case.profiles) == case.read()


def test_enough_of_the_corpus_is_plain_data() -> None:
    assert len(PLAIN) > 30


def test_problems_have_a_path_and_no_line(tmp_path: Path) -> None:
    tree = {"services": {"app": {"image": "app:1", "imge": 1, "read_only": 5}}}
    assert messages(tree, tmp_path) == [
        "services.app.imge: unknown key 'imge'; did you mean 'image'?",
        "services.app.read_only: it must be true or false; it is 5",
    ]


def test_references_are_checked_too(tmp_path: Path) -> None:
    tree = {"services": {"app": {"image": "app:1", "volumes": ["data:/data"], "depends_on": ["db"]}}}
    assert messages(tree, tmp_path) == [
        "services.app.depends_on.db: unknown service 'db'; known are: app",
        "services.app.volumes: unknown volume 'data'; none is declared",
    ]


def test_a_dollar_sign_is_a_character_unless_there_are_variables(tmp_path: Path) -> None:
    tree = {"services": {"app": {"image": "app:1", "hostname": "${NAME}"}}}
    assert read(tree, tmp_path).services["app"].hostname == "${NAME}"
    assert read(tree, tmp_path, variables={"NAME": "box"}).services["app"].hostname == "box"
    assert "variable NAME has no value" in messages(tree, tmp_path, variables={})[0]


def test_relative_paths_start_at_the_folder(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("s3cret")
    (tmp_path / "base.yaml").write_text("services: {base: {image: 'base:1', read_only: true}}\n")
    tree = {
        "services": {"app": {"extends": {"file": "base.yaml", "service": "base"}, "secrets": ["key"]}},
        "secrets": {"key": {"file": "key"}},
    }
    project = read(tree, tmp_path)
    assert (project.services["app"].image, project.services["app"].read_only) == ("base:1", True)
    assert project.secrets["key"].content == "s3cret"


def test_a_mistake_in_an_extended_file_still_has_its_line(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text("services:\n  base:\n    image: app:1\n    tty: 7\n")
    tree = {"services": {"app": {"extends": {"file": "base.yaml", "service": "base"}}}}
    assert messages(tree, tmp_path) == [f"{tmp_path}/base.yaml:4: services.app.tty: it must be true or false; it is 7"]


@pytest.mark.parametrize("tree", [{}, {"services": None}, {"services": []}, {"services": {"a": 1}}, []])
def test_data_of_another_form_is_refused(tree: Any, tmp_path: Path) -> None:
    assert messages(tree, tmp_path)


def test_a_volume_says_in_an_extension_what_happens_to_its_data(tmp_path: Path) -> None:
    tree: dict[str, Any] = {
        "services": {"app": {"image": "app:1", "volumes": ["data:/data"]}},
        "volumes": {"data": {"x-strata": {"keep": True, "recreate": True}}},
    }
    volume = read(tree, tmp_path).volumes["data"]
    assert (volume.keep, volume.recreate) == (True, True)
    tree["volumes"]["data"]["x-strata"] = {"kep": True}
    assert "did you mean 'keep'?" in messages(tree, tmp_path)[0]


def test_several_files_are_read_in_their_order_with_the_folder_of_the_first(tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "one.yaml").write_text("services: {app: {image: 'one:1', env_file: a.env}}\n")
    (tmp_path / "more" / "two.yaml").write_text("services: {app: {image: 'two:${TAG}', env_file: b.env}}\n")
    (tmp_path / "a.env").write_text("A=1\n")
    (tmp_path / "b.env").write_text("B=2\n")
    (tmp_path / ".env").write_text("TAG=2\n")
    app = read_compose([tmp_path / "one.yaml", tmp_path / "more" / "two.yaml"], "shop").services["app"]
    assert (app.image, app.environment) == ("two:2", {"A": "1", "B": "2"})


def test_a_raw_env_file_is_taken_literally(tmp_path: Path) -> None:
    (tmp_path / "raw.env").write_text("# note\nA='x' # y\nB=${C}\nC=\"\n\nGIVEN\n")
    (tmp_path / "compose.yaml").write_text("services: {app: {image: a, env_file: [{path: raw.env, format: raw}]}}\n")
    (tmp_path / ".env").write_text("GIVEN=yes\n")
    found = read_compose(tmp_path / "compose.yaml", "shop").services["app"].environment
    assert found == {"A": "'x' # y", "B": "${C}", "C": '"', "GIVEN": "yes"}


def test_a_mistake_in_a_later_file_is_found_there() -> None:
    case = Case(CORPUS / "refused" / "merge-mapping-and-list")
    with pytest.raises(DeclarationError) as caught:
        case.read()
    (problem,) = caught.value.problems
    assert (Path(problem.file).name, problem.line) == ("compose.override.yaml", 1)
