# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fingerprint: what becomes a leaf, what is sealed, what the hashes stand for, and its file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import FingerprintError
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.compare import Verdict, compare
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.fingerprint import (
    Fingerprint,
    as_data,
    read_fingerprint,
    write_anew,
    write_fingerprint,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.leaf import Leaf, Secret, joined, segments_of
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.tokens import Tokens
from ansible_collections.strata.kvm_docker.plugins.module_utils.masking import Masker
from made_fingerprint import KEY, RULES, branch, lab, made


def leaves(found: Fingerprint) -> dict[str, Leaf]:
    return {leaf.path: leaf for leaf in found.leaves}


def test_the_smallest_difference_is_another_root_and_one_plane() -> None:
    one, other = made(*lab()), made(*lab({"State": {"Status": "exited", "Pid": 4711}}))
    assert one.root != other.root
    assert [plane for plane in one.planes if one.planes[plane] != other.planes[plane]] == ["runtime"]


@pytest.mark.parametrize("pair", [(1, "1"), (1, True), (0, None), ("", None), (1, 1.0), ([], ""), ({}, [])])
def test_values_that_look_alike_are_not_the_same(pair: tuple[Any, Any]) -> None:
    one, other = (made(branch("guests/a", {"x": value})) for value in pair)
    assert one.root != other.root


def test_what_a_rule_takes_out_is_there_and_in_no_hash() -> None:
    one, other = made(*lab()), made(*lab({"State": {"Status": "running", "Pid": 1}}))
    assert leaves(other)["containers/apps/apps-app-1/State/Pid"].rule == 1
    assert (one.root, one.leaves) != (one.root, other.leaves)
    assert one.root == other.root


def test_deeper_branches_are_left_out_at_a_lower_level() -> None:
    branches = (branch("intent", {"a": 1}, "intent", 1), branch("guests/a", {"b": 1}, "runtime", 3))
    assert [leaf.path for leaf in made(*branches, level=2).leaves] == ["intent/a"]
    assert made(*branches, level=2).root != made(branches[0], level=1).root


def test_a_field_that_no_schema_knows_makes_it_incomplete_and_counts() -> None:
    def found(tree: dict[str, Any]) -> Fingerprint:
        return made(branch("domains/web", tree, "definition", knows=lambda path: path[0] == "name"))

    assert found({"name": "web"}).incomplete == ()
    assert found({"name": "web", "flux": 1}).unknown == ("domains/web/flux",)
    assert found({"name": "web", "flux": 1}).root != found({"name": "web", "flux": 2}).root


def test_paths_take_any_name_and_give_it_back() -> None:
    names = ("files", "/etc/a~1/b", "", "~", "ü\n")
    assert segments_of(joined(names)) == names


def test_names_of_files_that_are_no_text_have_a_hash() -> None:
    assert (
        made(branch("guests/a/files", {"caf\udce9": 1})).root != made(branch("guests/a/files", {"caf\udcea": 1})).root
    )


@pytest.mark.parametrize(
    ("tree", "path"),
    [
        ({"Env": ["DB_PASSWORD=hunter2-of-old"]}, "Env/0"),
        ({"Cmd": ["mysqld", "--password", "hunter2-of-old"]}, "Cmd/2"),
        ({"Cmd": "mysqld --password=hunter2-of-old"}, "Cmd"),
        ({"API_TOKENS": ["hunter2-of-old", "b"]}, "API_TOKENS/0"),
        ({"config": Secret("hunter2-of-old")}, "config"),
        ({"note": "it says hunter2-of-old"}, "note"),
        ({"PIN_TOKEN": 20240917}, "PIN_TOKEN"),
    ],
)
def test_a_secret_is_sealed_wherever_it_stands(tree: dict[str, Any], path: str, tmp_path: Path) -> None:
    found = made(branch("containers/a/b", tree), masker=Masker(["hunter2-of-old"] if "note" in tree else []))
    assert leaves(found)[f"containers/a/b/{path}"].sealed
    write_fingerprint(tmp_path / "f.json", found)
    text = (tmp_path / "f.json").read_text()
    assert "hunter2-of-old" not in text
    assert "20240917" not in text


def test_a_secret_in_a_name_with_slashes_is_masked() -> None:
    found = made(branch("guests/a/files", {"/x/pa/ss~w": 1}), masker=Masker(["pa/ss~w"]))
    assert "pa" not in found.leaves[0].path


SECRETS = ("declared-one", "declared-other")


def workers(*secrets: str, key: bytes = KEY) -> Fingerprint:
    """A container with a process for each of *secrets*, which stands in its command line."""
    commands = {f"worker {secret}": {"count": 1, "Seccomp": ""} for secret in secrets}
    return made(branch("containers/a/b/processes", commands), masker=Masker(SECRETS), key=key)


def test_two_declared_secrets_in_paths_are_two_leaves_and_neither_is_told() -> None:
    found = workers(*SECRETS)
    assert len(found.leaves) == 4
    assert found.unknown == ()
    assert [leaf.path for leaf in found.leaves for secret in SECRETS if secret in leaf.path] == []


def test_another_secret_in_a_path_is_a_difference_and_with_another_key_nobody_can_tell() -> None:
    one, other = SECRETS
    assert compare(workers(one), workers(one)).verdict is Verdict.IDENTICAL
    assert compare(workers(one), workers(other)).verdict is Verdict.DIFFERENT
    assert compare(workers(one), workers(one, key=b"o" * 32)).verdict is Verdict.INCOMPARABLE


def test_an_option_with_a_declared_secret_in_a_path_is_told_apart_too() -> None:
    one, other = (f"serve --password {secret}" for secret in SECRETS)
    found = [made(branch("guests/a/processes", {line: 1}), masker=Masker(SECRETS)) for line in (one, other)]
    assert found[0].leaves != found[1].leaves


def test_empty_secrets_are_told_as_empty() -> None:
    found = leaves(made(branch("docker_networks/a/b", {"Secrets": [], "PASSWORD": ""})))
    assert {leaf.value for leaf in found.values() if not leaf.sealed} == {"[]", ""}


def test_names_are_found_in_paths_as_in_values() -> None:
    tokens = Tokens({"lab": "environment"}, whole={"0": "first"})
    tree = {"/srv/lab/data": ["lab"]}
    found = made(branch("guests/web/files", tree), branch("identity", {"lab": "lab"}, "identity"), tokens=tokens)
    assert [(leaf.path, leaf.value) for leaf in found.leaves] == [
        ("guests/web/files/~1srv~1{environment}~1data/0", "{environment}"),
        ("identity/lab", "lab"),
    ]


def test_a_file_is_read_back_and_is_its_owners(tmp_path: Path) -> None:
    found = made(*lab(), missing=("guest db: it is off",), moving=("guests/apps/x",), tools={"docker": "26"})
    write_fingerprint(tmp_path / "f.json", found)
    assert read_fingerprint(tmp_path / "f.json") == found
    assert (tmp_path / "f.json").stat().st_mode & 0o777 == 0o600


def damaged(tmp_path: Path, change: Any) -> str:
    """What is said of a file that *change* was made to."""
    data = json.loads(json.dumps(as_data(made(*lab(), missing=("guest db: it is off",), moving=("x",)))))
    data = change(data) or data
    file = tmp_path / "f.json"
    file.write_text(data if isinstance(data, str) else json.dumps(data))
    with pytest.raises(FingerprintError) as error:
        read_fingerprint(file)
    assert str(error.value).startswith(f"{file}: ")
    return str(error.value)


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data["leaves"].pop("intent/name"),
        lambda data: data["leaves"]["intent/name"].__setitem__(0, "other"),
        lambda data: data["leaves"]["containers/apps/apps-app-1/State/Pid"].__setitem__(0, 1),
        lambda data: data["missing"].clear(),
        lambda data: data["moving"].clear(),
        lambda data: data.update(level=4),
        lambda data: data.update(key="another"),
        lambda data: data.update(root="0" * 64),
        lambda data: data["tools"].update(docker="1"),
    ],
)
def test_a_file_that_was_changed_is_refused_wherever_it_was(tmp_path: Path, change: Any) -> None:
    def changed(data: dict[str, Any]) -> None:
        change(data)

    assert "it was changed since it was taken" in damaged(tmp_path, changed)


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", "null", "{", '{"format": 1}', "[" * 100_000, '{"format": 1, "checksum": 1, "leaves": []}', "a: b"],
)
def test_what_is_no_fingerprint_is_told_as_such(tmp_path: Path, text: str) -> None:
    assert "not a fingerprint" in damaged(tmp_path, lambda _data: text or " ")


def test_a_leaf_that_is_no_leaf_is_refused(tmp_path: Path) -> None:
    assert "not a fingerprint" in damaged(tmp_path, lambda data: data["leaves"].update({"a/b": [[], "intent", 1]}))
    assert "not a fingerprint" in damaged(tmp_path, lambda data: data["leaves"].update({"a/b": [1, "none", 1]}))


def test_a_file_of_a_later_release_is_told_as_such(tmp_path: Path) -> None:
    assert "this release of Strata reads format 1" in damaged(tmp_path, lambda data: data.update(format=2))


def test_a_file_is_written_anew_only_where_it_says_something_else(tmp_path: Path) -> None:
    file = tmp_path / "f.json"
    found = made(*lab())
    assert write_anew(file, found, check=True)
    assert not file.exists()
    assert write_anew(file, found)
    assert not write_anew(file, made(*lab({"State": {"Status": "running", "Pid": 2}}), taken="later"))
    assert write_anew(file, made(*lab(), missing=("guest db: it is off",)))
    file.write_text("no fingerprint")
    assert write_anew(file, found)
    assert read_fingerprint(file).rules == RULES.version
