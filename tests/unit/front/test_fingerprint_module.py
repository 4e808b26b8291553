# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module fingerprint: what it returns, writes and fails at; what is taken is tested with the collectors."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.fingerprint import (
    read_fingerprint,
    write_fingerprint,
)
from ansible_collections.strata.kvm_docker.plugins.modules import fingerprint
from front_module import ran
from locked_environment import make_lab
from made_fingerprint import RULES, lab, made
from module_docs import returns, undocumented

SAME = made(*lab())
EXITED = made(*lab({"State": {"Status": "exited", "Pid": 1}}))


@pytest.fixture
def options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setattr(fingerprint, "take", lambda _declaration, _folders, level, *_: replace(SAME, level=level))
    monkeypatch.setattr(fingerprint, "RULES", RULES)
    given = {name: option.get("default") for name, option in fingerprint.ARGUMENT_SPEC.items()}
    return {**given, "declaration": str(tmp_path / "lab.environment.yml"), "state_folder": str(tmp_path)}


def test_it_returns_what_it_documents(options: dict[str, Any], tmp_path: Path) -> None:
    write_fingerprint(tmp_path / "a.json", EXITED)
    result = fingerprint.taken({**options, "compare_with": str(tmp_path / "a.json")}, check=False)
    assert undocumented("fingerprint", result) == []
    assert returns("fingerprint").keys() - result.keys() == {"problems"}
    assert (result["changed"], result["root"], result["planes"]) == (False, SAME.root, SAME.planes)
    assert (result["verdict"], result["differences_total"]) == ("DIFFERENT", 1)
    assert [(each["before"], each["after"]) for each in result["differences"]] == [("exited", "running")]


def test_without_an_earlier_one_there_is_no_verdict(options: dict[str, Any]) -> None:
    result = fingerprint.taken({**options, "level": 2}, check=False)
    assert (result["level"], "verdict" in result) == (2, False)
    assert result["table"][-1] == "settled and complete"


def test_it_is_written_once_and_never_in_check_mode(options: dict[str, Any], tmp_path: Path) -> None:
    options["dest"] = str(tmp_path / "good.json")
    assert fingerprint.taken(options, check=True)["changed"]
    assert not (tmp_path / "good.json").exists()
    assert fingerprint.taken(options, check=False)["changed"]
    assert read_fingerprint(tmp_path / "good.json") == SAME
    assert not fingerprint.taken(options, check=False)["changed"]
    assert not fingerprint.taken(options, check=True)["changed"]


def test_very_many_differences_are_counted_and_not_all_returned(options: dict[str, Any], tmp_path: Path) -> None:
    tree = {f"f{number}": {":mode": "0644"} for number in range(1500)}
    write_fingerprint(tmp_path / "a.json", made(*lab(files={"etc": tree})))
    result = fingerprint.taken({**options, "compare_with": str(tmp_path / "a.json")}, check=False)
    assert (len(result["differences"]), result["differences_total"]) == (1000, 1502)


@pytest.mark.parametrize(
    ("verdict", "expect", "right"),
    [
        ("IDENTICAL", None, True),
        ("DIFFERENT", None, True),
        ("IDENTICAL", "EQUIVALENT", True),
        ("EQUIVALENT", "EQUIVALENT", True),
        ("EQUIVALENT", "IDENTICAL", False),
        ("INCOMPLETE", "EQUIVALENT", False),
        ("INCOMPARABLE", "IDENTICAL", False),
        ("UNSETTLED", "IDENTICAL", False),
    ],
)
def test_what_is_as_expected(verdict: str, expect: str | None, right: bool) -> None:
    assert fingerprint.as_expected({"verdict": verdict}, expect) is right


def test_an_expectation_needs_something_to_compare_with(tmp_path: Path) -> None:
    result = ran("fingerprint", declaration=str(tmp_path / "lab.environment.yml"), expect="IDENTICAL")
    assert result["failed"]
    assert "compare_with" in result["msg"]


def test_an_earlier_one_that_is_damaged_is_told_before_anything_is_taken(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{}")
    declaration = str(tmp_path / "lab.environment.yml")
    result = ran("fingerprint", declaration=declaration, compare_with=str(tmp_path / "a.json"))
    assert (result["failed"], "not a fingerprint" in result["msg"]) == (True, True)


def test_inputs_alone_are_taken_compared_and_told_apart_without_a_hypervisor(tmp_path: Path) -> None:
    declared = make_lab(tmp_path)
    declared.build_guest_image()
    declared.make_archive()
    options = {
        "declaration": str(declared.declaration),
        "state_folder": str(declared.folders.root),
        "level": 1,
        "dest": str(tmp_path / "good.json"),
    }
    first = ran("fingerprint", **options)
    assert (first.get("msg"), first["changed"], list(first["planes"])) == (None, True, ["intent", "lock", "identity"])
    over = ran("fingerprint", **options, compare_with=options["dest"])
    assert over["msg"].endswith("it is what is compared with, and would be lost. Write to another file.")
    compared = {**options, "dest": str(tmp_path / "now.json"), "compare_with": options["dest"], "expect": "IDENTICAL"}
    assert (ran("fingerprint", **compared)["verdict"], ran("fingerprint", **options)["changed"]) == ("IDENTICAL", False)
    declared.write("app/main", "two\n")
    other = ran("fingerprint", **compared, _ansible_check_mode=True)
    assert (other["failed"], other["verdict"], other["changed"]) == (True, "DIFFERENT", True)
    assert other["msg"].startswith("lab is not IDENTICAL:\n")
    assert {each["path"].split("/")[0] for each in other["differences"]} <= {"lock", "intent"}
    assert read_fingerprint(tmp_path / "good.json").root == first["root"]
