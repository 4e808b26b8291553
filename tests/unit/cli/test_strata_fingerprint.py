# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands over fingerprints as a pipeline calls them: exit status, words, and files of every format."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from ansible_collections.strata.kvm_docker.cli import explain, source
from ansible_collections.strata.kvm_docker.cli import fingerprint as fingerprint_command
from ansible_collections.strata.kvm_docker.cli.formats.statement import PREDICATE
from ansible_collections.strata.kvm_docker.cli.main import main
from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.compare import Verdict
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.fingerprint import (
    Fingerprint,
    read_fingerprint,
    write_fingerprint,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.progress import Progress
from made_fingerprint import RULES, branch, lab, made

COLLECTIONS = Path(__file__).parents[3] / "collections"
SAME = made(*lab())
MOVED = made(*lab()[:-1], branch("identity", {"name": "lab2", "uuid": "x"}, "identity"))
EXITED = made(*lab({"State": {"Status": "exited", "Pid": 1}}))
FILES = {f"f{number:02}": {":mode": "0600"} for number in range(40)}
MANY = made(*lab(files={"etc": {**FILES, "hosts": {":mode": "0644", ":mtime": 1}, "motd": {":mode": "0644"}}}))


@dataclass
class Taker:
    """Stands for the collectors: gives back what it was told, and notes what it was asked for."""

    gives: Fingerprint = SAME
    asked: list[tuple[Any, ...]] = field(default_factory=list)

    def __call__(
        self, declaration: Path, folders: Folders, level: int, _progress: Progress, key: Path | None = None
    ) -> Fingerprint:
        self.asked.append((declaration, folders.root, level, key))
        return replace(self.gives, level=level)


@pytest.fixture
def taker(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Taker:
    taker = Taker()
    monkeypatch.setattr(source, "take", taker)
    for name in ("fingerprint", "compare", "explain"):
        monkeypatch.setattr(sys.modules[f"{explain.__package__}.{name}"], "RULES", RULES)
    monkeypatch.chdir(tmp_path)
    return taker


Strata = Callable[..., tuple[int, str, str]]


@pytest.fixture
def strata(taker: Taker, capsys: pytest.CaptureFixture[str]) -> Strata:
    def call(*arguments: str) -> tuple[int, str, str]:
        status = main(arguments)
        told = capsys.readouterr()
        return status, told.out, told.err

    return call


def files(first: Fingerprint, second: Fingerprint) -> tuple[str, str]:
    for name, found in (("a.json", first), ("b.json", second)):
        write_fingerprint(Path(name), found)
    return "a.json", "b.json"


def test_a_fingerprint_is_taken_shown_and_kept(strata: Strata, taker: Taker, tmp_path: Path) -> None:
    options = ("--level", "2", "--state-folder", str(tmp_path / "state"), "--key", "k", "--output", "f.json")
    status, told, errors = strata("fingerprint", "lab.environment.yml", *options)
    assert (status, errors) == (0, "")
    assert taker.asked == [(tmp_path / "lab.environment.yml", tmp_path / "state", 2, Path("k"))]
    kept = read_fingerprint(Path("f.json"))
    assert kept == replace(SAME, level=2)
    assert f"root         {kept.root}" in told
    assert told.splitlines()[-1] == "settled and complete"
    assert Path("f.json").stat().st_mode & 0o777 == 0o600


def test_without_options_it_is_of_level_3_and_text(strata: Strata, taker: Taker) -> None:
    _status, told, _errors = strata("fingerprint", "lab.environment.yml")
    assert taker.asked[0][2] == 3
    assert "  intent     " in told
    assert "guests           2          1" in told


@pytest.mark.parametrize(
    ("lacking", "status", "said"),
    [
        ({"missing": ("guest db: it is off",)}, 4, "could not be looked at (1):\n  guest db: it is off"),
        ({"moving": ("guests/apps/x",)}, 6, "did not stay as it was while it was taken (1):\n  guests/apps/x"),
        ({"moving": ("guests/apps/x",), "missing": ("guest db",)}, 6, "UNSETTLED"),
    ],
)
def test_what_proves_nothing_has_a_status_of_its_own(
    strata: Strata, taker: Taker, lacking: dict[str, Any], status: int, said: str
) -> None:
    taker.gives = replace(SAME, **lacking)
    found, told, _errors = strata("fingerprint", "lab.environment.yml")
    assert (found, said in told) == (status, True)


def test_long_lists_are_cut_and_all_of_them_asked_for(strata: Strata, taker: Taker) -> None:
    taker.gives = replace(SAME, missing=tuple(f"guest {number}: it is off" for number in range(9)))
    assert "and 4 more (--all)" in strata("fingerprint", "lab.environment.yml")[1]
    assert "guest 8: it is off" in strata("fingerprint", "lab.environment.yml", "--all")[1]


def test_it_is_compared_with_an_earlier_one(strata: Strata, taker: Taker) -> None:
    write_fingerprint(Path("good.json"), SAME)
    taker.gives = EXITED
    status, told, _errors = strata("fingerprint", "lab.environment.yml", "--compare", "good.json")
    assert (status, "DIFFERENT: 1 leaf differs" in told) == (1, True)


def test_a_statement_has_the_fields_of_its_specification(strata: Strata) -> None:
    status, told, _errors = strata("fingerprint", "lab.environment.yml", "--format", "statement")
    found = json.loads(told)
    assert (status, found.keys()) == (0, {"_type", "subject", "predicateType", "predicate"})
    assert found["_type"] == "https://in-toto.io/Statement/v1"
    assert found["subject"] == [{"name": "lab", "digest": {"sha256": SAME.root}}]
    assert found["predicateType"] == PREDICATE
    assert found["predicateType"].startswith("https://")
    predicate = found["predicate"]
    assert predicate["lock"] == predicate["planes"]["lock"] == {"sha256": SAME.planes["lock"]}
    assert (predicate["complete"], predicate["settled"], predicate["level"]) == (True, True, 3)
    assert "hunter2" not in told


@pytest.mark.parametrize(
    ("second", "verdict"),
    [
        (SAME, "IDENTICAL"),
        (MOVED, "EQUIVALENT"),
        (EXITED, "DIFFERENT"),
        (replace(SAME, missing=("guest db",)), "INCOMPLETE"),
        (replace(SAME, rules="9:1"), "INCOMPARABLE"),
        (replace(SAME, moving=("guests/apps/x",)), "UNSETTLED"),
    ],
)
def test_the_status_of_a_comparison_is_that_of_its_verdict(strata: Strata, second: Fingerprint, verdict: str) -> None:
    status, told, _errors = strata("compare", *files(SAME, second))
    assert (status, told.split(":")[0]) == (Verdict(verdict).exit_status, verdict)
    for wanted in ("IDENTICAL", "EQUIVALENT", "DIFFERENT"):
        green = wanted == verdict or (wanted, verdict) == ("EQUIVALENT", "IDENTICAL")
        status, _told, _errors = strata("compare", "a.json", "b.json", "--expect", wanted)
        assert (status == 0) is green, wanted


def test_nobody_can_expect_what_proves_nothing(strata: Strata) -> None:
    with pytest.raises(SystemExit) as ended:
        strata("compare", *files(SAME, SAME), "--expect", "INCOMPLETE")
    assert ended.value.code == 2


def test_a_declaration_is_taken_at_the_level_of_the_other_one(strata: Strata, taker: Taker) -> None:
    write_fingerprint(Path("a.json"), replace(SAME, level=2))
    assert strata("compare", "a.json", "lab.environment.yml")[0] == 0
    assert strata("compare", "lab.environment.yml", "lab2.environment.yaml")[0] == 0
    assert strata("compare", "lab.environment.yml", "a.json", "--level", "1")[0] == 5
    assert [asked[2] for asked in taker.asked] == [2, 3, 3, 1]


def test_differences_are_grouped_with_likely_causes_and_what_rules_take_out(strata: Strata) -> None:
    _status, told, _errors = strata("compare", *files(EXITED, MANY))
    assert "guests/apps /etc: a file was made in the guest (40 added)" in told
    assert "  and 35 more (--all)" in told
    assert '  State/Status: "exited" -> "running"' in told
    assert "   1  id          1  the kernel numbers processes as they come" in told
    _status, every, _errors = strata("compare", "a.json", "b.json", "--all")
    assert 'files/etc/f39/:mode: - -> "0600"' in every
    assert "(--all)" not in every


def test_files_in_very_many_folders_are_few_groups(strata: Strata) -> None:
    tree = {f"d{number}": {"f": {":mode": "0600"}} for number in range(300)}
    _status, told, _errors = strata("compare", *files(SAME, made(*lab(files={"usr": {"lib": tree}}))))
    assert "guests/apps /usr/lib: a file was made in the guest (300 added)" in told


def test_a_difference_does_not_hide_that_not_all_was_looked_at(strata: Strata) -> None:
    _status, told, _errors = strata("compare", *files(SAME, replace(EXITED, missing=("guest db: it is off",))))
    assert told.startswith("DIFFERENT: 1 leaf differs\n  and not all was looked at: 1 reason, as ")


def test_data_has_every_difference(strata: Strata) -> None:
    found = json.loads(strata("compare", *files(EXITED, MANY), "--format", "json")[1])
    assert (found["verdict"], len(found["differences"])) == ("DIFFERENT", 41)
    assert found["taken_out"] == {
        "1": {"class": "id", "why": "the kernel numbers processes as they come", "different": 1}
    }
    assert found["differences"][0] == {
        "path": "containers/apps/apps-app-1/State/Status",
        "kind": "changed",
        "before": "exited",
        "after": "running",
        "plane": "runtime",
        "cause": "the container was started, stopped, paused or turned unhealthy",
    }


def suites(text: str) -> tuple[ElementTree.Element, dict[str, ElementTree.Element]]:
    """The report and its suites by name; their numbers add up."""
    report = ElementTree.fromstring(text)
    found = {suite.attrib["name"]: suite for suite in report.iter("testsuite")}
    for each in (report, *found.values()):
        cases = list(each.iter("testcase"))
        assert int(each.attrib["tests"]) == len(cases)
        assert int(each.attrib["failures"]) == sum(case.find("failure") is not None for case in cases)
        assert int(each.attrib["errors"]) == sum(case.find("error") is not None for case in cases)
    return report, found


def test_a_report_for_pipelines_has_a_suite_for_each_layer_and_fails_what_differs(strata: Strata) -> None:
    status, told, _errors = strata("compare", *files(EXITED, MANY), "--format", "junit", "--output", "r.xml")
    assert (status, told.splitlines()[0]) == (1, "DIFFERENT: 41 leaves differ")
    report, found = suites(Path("r.xml").read_text())
    assert report.attrib["failures"] == "3"
    assert list(found) == ["verdict", "intent", "lock", "guests", "containers", "identity"]
    assert 'files/etc/f00/:mode: - -> "0600"' in "".join(found["guests"].itertext())


@pytest.mark.parametrize(
    ("second", "expect", "failures", "errors"),
    [
        (SAME, "IDENTICAL", 0, 0),
        (MOVED, "EQUIVALENT", 0, 0),
        (MOVED, "IDENTICAL", 2, 0),
        (EXITED, "DIFFERENT", 0, 0),
        (SAME, "DIFFERENT", 1, 0),
        (replace(SAME, missing=("guest \x1b[31mdb\0",)), "EQUIVALENT", 0, 1),
    ],
)
def test_a_report_for_pipelines_is_green_where_the_status_is(
    strata: Strata, second: Fingerprint, expect: str, failures: int, errors: int
) -> None:
    status, told, _errors = strata("compare", *files(SAME, second), "--format", "junit", "--expect", expect)
    report, _suites = suites(told)
    assert (int(report.attrib["failures"]), int(report.attrib["errors"])) == (failures, errors)
    assert (status == 0) is (failures + errors == 0)


ATTACKS = (
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "\"' onmouseover=alert(1) x='",
    "{{ 7 * 7 }}{% raw %}",
    "<!--",
    "\x1b[2J\x07\0",
    "\u202e\ud800",
    "&lt;b&gt;",
)


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_value_or_name_gets_out_of_a_page_a_report_or_a_terminal(strata: Strata, attack: str) -> None:
    other = made(*lab({"State": {"Status": attack, attack: 1}}), environment=attack, missing=(attack,))
    for written in ("html", "junit", "text"):
        _status, _told, errors = strata("compare", *files(SAME, other), "--format", written, "--output", "out")
        text = Path("out").read_text(encoding="utf-8")
        assert errors == ""
        assert [char for char in text if not (char.isprintable() or char == "\n")] == []
        if written == "html":
            assert text.count("<script") == text.count("</script>") == 1
            assert (text.count("<img"), text.count("<!--"), "onmouseover=alert(1) x='" in text) == (0, 0, False)
            assert "49" not in text.partition("<main>")[2].partition("</main>")[0]
        if written == "junit":
            suites(text)


def test_a_page_holds_what_differs_and_counts_what_does_not(strata: Strata) -> None:
    tree = {f"d{number}": {f"f{file}": {":mode": "0644"} for file in range(100)} for number in range(100)}
    first = made(*lab(files={"usr": tree}))
    tree["d7"]["f7"] = {":mode": "0600"}
    strata("compare", *files(first, made(*lab(files={"usr": tree}))), "--format", "html", "--output", "p.html")
    text = Path("p.html").read_text()
    assert "99 names with 99 leaves, all the same" in text
    assert "99 names with 9,900 leaves, all the same" in text
    assert len(text) < 12_000
    assert all(mark not in text for mark in ("http:", "https:", "//", "src=", "href="))


def test_a_page_of_two_that_have_nothing_in_common_stays_small(strata: Strata) -> None:
    tree = {f"d{number}": {f"f{file}": {":mode": "0644"} for file in range(200)} for number in range(50)}
    strata("compare", *files(SAME, made(*lab(files={"usr": tree}))), "--format", "html", "--output", "p.html")
    text = Path("p.html").read_text()
    assert len(text) < 4_000_000
    assert "and 25 names with 5,000 differences" in text


def test_a_leaf_is_explained_with_its_values_and_secrets_are_not_told(strata: Strata) -> None:
    status, told, _errors = strata("explain", "containers/apps/apps-app-1/State/Pid", *files(SAME, EXITED))
    assert status == 0
    assert "plane runtime, level 1" in told
    assert "taken out by rule 1 (id): the kernel numbers processes as they come" in told
    assert "in a.json: 4711\nin b.json: 1\n" in told
    status, told, _errors = strata("explain", "containers/apps/apps-app-1/Config/Env/0", "a.json")
    assert "counts: no rule takes it out" in told
    assert "in a.json: (secret)" in told


def test_a_leaf_is_explained_without_files_as_far_as_that_goes(strata: Strata) -> None:
    status, told, _errors = strata("explain", "/guests/apps/packages/nginx")
    assert (status, "where it differs: a package was upgraded or downgraded" in told) == (0, True)
    assert "name a fingerprint that has it" in told


@pytest.mark.parametrize(
    ("wanted", "near"),
    [
        ("containers/apps/apps-app-1/State/Statsu", "containers/apps/apps-app-1/State/Status"),
        ("containers/apps/apps-app-1/State", "containers/apps/apps-app-1/State/Pid"),
        ("hosts", "guests/apps/files/etc/hosts/:mode"),
    ],
)
def test_a_path_that_is_not_there_is_answered_with_what_is_near(strata: Strata, wanted: str, near: str) -> None:
    status, told, errors = strata("explain", wanted, *files(SAME, SAME))
    assert (status, told) == (1, "")
    assert f"  {near}\n" in errors


def test_numbers_of_rules_are_explained_and_layers_that_are_none_corrected(strata: Strata) -> None:
    assert strata("explain", "2")[1].startswith("taken out by rule 2 (time): when it was written\n")
    assert strata("explain", "22")[0] == 1
    assert strata("explain", "guest/web")[2] == "strata: guest/web: there is none. Near to it:\n  guests\n"


def test_all_rules_are_a_table(strata: Strata) -> None:
    status, told, _errors = strata("explain", "--rules")
    assert (status, len(told.splitlines())) == (0, 4)


def test_other_rules_than_ours_are_told(strata: Strata) -> None:
    files(replace(SAME, rules="9:1"), SAME)
    assert "it was taken under other rules (9:1; these are 2:" in strata("explain", "intent/name", "a.json")[1]


@pytest.mark.parametrize(
    "arguments", [("compare", "none.json", "none.json"), ("explain", "a/b", "none.json"), ("compare", ".", ".")]
)
def test_what_cannot_be_read_is_one_sentence_and_status_2(strata: Strata, arguments: tuple[str, ...]) -> None:
    status, told, errors = strata(*arguments)
    assert (status, told, errors.count("\n")) == (2, "", 1)


def test_what_cannot_be_written_is_one_sentence_and_status_2(strata: Strata) -> None:
    status, _told, errors = strata("compare", *files(SAME, SAME), "--output", "none/such")
    assert (status, "No such file or directory" in errors) == (2, True)


def test_a_device_is_written_to_and_stays_one(strata: Strata) -> None:
    assert strata("compare", *files(SAME, SAME), "--output", os.devnull)[0] == 0
    assert Path(os.devnull).is_char_device()


@pytest.mark.parametrize("format_", ["text", "json", "junit", "html"])
def test_the_command_itself_knows_every_format(format_: str, tmp_path: Path) -> None:
    write_fingerprint(tmp_path / "a.json", SAME)
    done = subprocess.run(
        [sys.executable, "-m", main.__module__, "compare", "a.json", "a.json", "--format", format_],
        env={**os.environ, "PYTHONPATH": str(COLLECTIONS)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "IDENTICAL" in done.stdout


def test_statuses_of_both_commands_are_those_of_verdicts() -> None:
    assert fingerprint_command.status_of(SAME) == Verdict.IDENTICAL.exit_status
