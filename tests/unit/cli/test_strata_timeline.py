# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command ``strata timeline`` as people call it: which run, every format, one sentence where there is none."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest
from ansible_collections.strata.kvm_docker.cli.main import main
from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.model import Key
from ansible_collections.strata.kvm_docker.plugins.module_utils.progress import Event
from made_timeline import BEGAN, EVENTS, keep

HOSTILE = "</title><script>alert(1)</script>\x1b[31m\u202e&\"'"

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    """With two runs of ``lab``, the last of which has one stage only."""
    folders = Folders(tmp_path / "state")
    keep(folders.runs("lab"))
    keep(folders.runs("lab"), EVENTS[:2], BEGAN + timedelta(hours=1))
    return folders


@pytest.fixture
def strata(folders: Folders, capsys: pytest.CaptureFixture[str]) -> Call:
    def call(*arguments: str) -> tuple[int, str, str]:
        status = main(["timeline", *arguments, "--state-folder", str(folders.root)])
        said = capsys.readouterr()
        return status, said.out, said.err

    return call


def test_the_last_run_is_drawn_and_others_by_number_or_time(strata: Call) -> None:
    last, second = strata("lab"), strata("lab", "--run", "2")
    assert last[0] == second[0] == 0
    assert last[1].startswith("lab: state present, began 2026-11-22 15:42:07 UTC, done after 61.5 s\n")
    assert second[1].startswith("lab: state present, began 2026-11-22 14:42:07 UTC, done after 61.5 s\n")
    assert strata("lab", "--run", "20261122T1442") == strata("lab", "--run", "2026-11-22 14:42") == second


def test_the_text_has_a_row_for_each_object_and_says_where_the_time_went(strata: Call) -> None:
    _status, told, _errors = strata("lab", "--run", "2")
    (boot,) = (line for line in told.splitlines() if line.startswith("  *   SSH"))
    assert (max(map(len, re.findall(r"\.+", boot))), boot.endswith("28.0 s")) == (28, True)
    assert re.search(r"^ +28\.0 s  46%  guest web: SSH$", told, re.MULTILINE)
    assert re.search(r"^docker_volume +1 +10\.0 s +0\.0 s +10\.0 s +10\.0 s$", told, re.MULTILINE)
    assert "\n    (1 more, each below 0.6 s)\n" in told
    assert "pool lab" not in told
    assert "pool lab" in strata("lab", "--run", "2", "--all")[1]
    assert max(len(line) for line in told.splitlines()) <= 112


def test_runs_are_listed_with_the_number_that_calls_them(strata: Call) -> None:
    assert strata("lab", "--list")[1].splitlines() == [
        " 1  lab: state present, began 2026-11-22 15:42:07 UTC, done after 61.5 s",
        " 2  lab: state present, began 2026-11-22 14:42:07 UTC, done after 61.5 s",
    ]


def test_a_declaration_stands_for_its_name_whatever_else_is_wrong_in_it(strata: Call, tmp_path: Path) -> None:
    file = tmp_path / "some.environment.yml"
    file.write_text("plugin: strata.kvm_docker.environment\nname: lab\nguests: wrong\n")
    assert strata(str(file)) == strata("lab")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["other"], "has no environment other. It has lab."),
        (["../lab"], "DECLARATION_OR_NAME: '../lab' is not a name"),
        (["nowhere.yml"], "nowhere.yml"),
        (["lab", "--run", "3"], "--run 3: there is no such run. There are 20261122T154207.000000Z, 20261122T144207"),
        (["lab", "--run", "0"], "--run 0: there is no such run"),
        (["lab", "--run", "last"], "--run last: there is no such run"),
        (["lab", "--run", "20261122T"], "--run 20261122T: several runs began then: 20261122T154207"),
    ],
)
def test_what_is_not_there_is_told_in_one_sentence(arguments: list[str], said: str, strata: Call) -> None:
    status, told, errors = strata(*arguments)
    assert (status, told) == (2, "")
    assert said in errors
    assert len(errors.splitlines()) == 1


def test_an_environment_without_a_run_says_so(strata: Call, folders: Folders) -> None:
    folders.environment("fresh").mkdir()
    assert "environment fresh: no run over it was recorded yet." in strata("fresh")[2]


def test_a_state_folder_without_environments_says_so(strata: Call, folders: Folders) -> None:
    folders.root.rename(folders.root.with_name("elsewhere"))
    assert "has no environment lab. It has none." in strata("lab")[2]


def test_every_format_is_written_by_the_name_of_the_file(strata: Call, tmp_path: Path) -> None:
    for ending in ("html", "svg", "json", "txt"):
        status, told, _errors = strata("lab", "--run", "2", "--output", str(tmp_path / f"run.{ending}"))
        assert status == 0
        assert "guest web: SSH" in told
    assert (tmp_path / "run.txt").read_text() == strata("lab", "--run", "2")[1]
    data = json.loads((tmp_path / "run.json").read_text())
    assert (data["environment"], data["seconds"], data["longest"][0]["what"]) == ("lab", 61.5, "guest web: SSH")
    assert sum(piece["end"] - piece["begin"] for piece in data["critical_path"]) == pytest.approx(61.5)
    assert {span["lane"] for span in data["spans"]} == {"run", "hypervisor", "guest web", "guest apps"}
    svg = ElementTree.fromstring((tmp_path / "run.svg").read_text())
    assert (svg.get("role"), svg.get("aria-labelledby")) == ("img", "timeline-title timeline-desc")


def test_the_picture_has_each_bar_where_its_time_is(strata: Call) -> None:
    svg = ElementTree.fromstring(strata("lab", "--run", "2", "--format", "svg")[1])
    name = "{http://www.w3.org/2000/svg}"
    bars = {rect[0].text: rect for rect in svg.iter(f"{name}rect") if len(rect)}
    bar = bars["docker_volume web/data: create: not there, 40.00 s to 50.00 s (10.00 s)"]
    assert float(bar.get("x", "")) == pytest.approx(290 + 920 * 40 / 61.5, abs=0.1)
    assert float(bar.get("width", "")) == pytest.approx(920 * 10 / 61.5, abs=0.1)
    assert bar.get("class") == "bar work critical"


class Page(HTMLParser):
    """Notes tags and what they load."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.loads: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.loads += [f"{name}={value}" for name, value in attrs if name in ("src", "href", "style", "onclick")]

    def handle_data(self, data: str) -> None:
        self.text += data


def hostile(event: Event) -> Event:
    key = replace(event.key, name=HOSTILE) if isinstance(event.key, Key) else None
    return replace(event, stage=f"{event.stage}{HOSTILE}", message=HOSTILE, key=key, phase=event.phase and HOSTILE)


def test_the_page_is_whole_by_itself_and_escapes_hostile_names(folders: Folders, strata: Call) -> None:
    keep(folders.runs("lab"), [hostile(event) for event in EVENTS], BEGAN + timedelta(hours=2))
    for written in ("html", "svg", "text"):
        told = strata("lab", "--format", written)[1]
        assert "\x1b" not in told
        assert "\u202e" not in told
        if written != "text":
            assert "<script" not in told
            page = Page(told)
            assert (page.loads, "script" in page.tags) == ([], False)
            assert "alert(1)" in page.text
    ElementTree.fromstring(strata("lab", "--format", "svg")[1])


def test_the_page_s_policy_lets_its_own_style_in_and_nothing_else(strata: Call) -> None:
    told = strata("lab", "--format", "html")[1]
    assert re.search(r"Content-Security-Policy\" content=\"default-src 'none'; style-src 'sha256-[\w+/=]+'\"", told)
    assert told.count("<style>") == 1
