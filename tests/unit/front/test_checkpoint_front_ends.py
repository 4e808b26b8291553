# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checkpoints as people reach them without a guest: listed, removed, and refused where there is nothing to keep or
to go back to."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.strata.kvm_docker.cli.main import ERROR, main
from ansible_collections.strata.kvm_docker.plugins.module_utils.checkpoint.manifest import Manifest, StoredFile
from ansible_collections.strata.kvm_docker.plugins.module_utils.checkpoint.origin import Origin
from ansible_collections.strata.kvm_docker.plugins.module_utils.checkpoint.store import Store
from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders
from front_module import ran
from module_docs import undocumented

MADE = Manifest(
    environment="lab",
    made="2026-11-22T15:00:00+00:00",
    origin=Origin({}, {"QEMU": "7.2"}),
    places={},
    guests=("web", "apps"),
    disks=(),
    files={"memory/web": StoredFile(3 * 1024**2, "aa")},
)
LATER = replace(MADE, made="2026-11-23T15:00:00+00:00", origin=Origin({}, {"QEMU": "8.0"}))


@pytest.fixture
def declaration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of an environment without guests, of which two checkpoints are there."""
    monkeypatch.setenv("STRATA_STATE", str(tmp_path / "state"))
    monkeypatch.delenv("STRATA_CHECKPOINTS", raising=False)
    store = Store(Folders.of(), "lab")
    for manifest in (MADE, LATER):
        store.stage()
        store.publish(manifest)
    path = tmp_path / "lab.environment.yml"
    path.write_text(
        "plugin: strata.kvm_docker.environment\nname: lab\nhypervisor: {uri: 'test:///default', virt_type: qemu}\n"
        "networks: {lan: {cidr: 10.80.0.0/24}}\nguests: {}\n"
    )
    return path


def there() -> set[str]:
    return set(Store(Folders.of(), "lab").digests())


def test_they_are_listed_the_newest_first(declaration: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["checkpoint", "list", str(declaration)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"{one.digest}  {one.made}  3 MiB  web apps" for one in (LATER, MADE)
    ]


def test_a_damaged_one_is_told_beside_those_that_are_whole(
    declaration: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = Store(Folders.of(), "lab").folder / MADE.digest / "manifest.json"
    manifest.write_text(manifest.read_text().replace("web", "wob", 1))
    assert main(["checkpoint", "list", str(declaration)]) == 0
    told = capsys.readouterr()
    assert told.out == f"{LATER.digest}  {LATER.made}  3 MiB  web apps\n"
    assert told.err.startswith(f"warning: checkpoint {manifest.parent}: its manifest is damaged")
    checked = ran("checkpoint", declaration=str(declaration), state="absent", digest="none", _ansible_check_mode=True)
    assert [one["made"] for one in checked["checkpoints"]] == [LATER.made]


@pytest.mark.parametrize(
    ("act", "option"), [("take", "--allow-clone"), ("list", "--digest=a"), ("restore", "--digest=a")]
)
def test_an_option_of_another_act_is_refused(
    declaration: Path, act: str, option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["checkpoint", act, str(declaration), option]) == ERROR
    assert f"checkpoint {act} takes no {option.partition('=')[0]}" in capsys.readouterr().err


def test_one_is_removed_by_the_start_of_its_digest(declaration: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["checkpoint", "remove", str(declaration), "--digest", MADE.digest[:8]]) == 0
    assert capsys.readouterr().out == f"{MADE.digest}: removed\n"
    assert there() == {LATER.digest}


def test_there_is_nothing_to_keep_of_an_environment_without_guests(
    declaration: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["checkpoint", "take", str(declaration), "--state-folder", str(tmp_path / "other")]) == ERROR
    assert capsys.readouterr().err.endswith("strata: environment lab has no guest, so there is nothing to keep.\n")


def test_without_guests_there_is_nothing_to_go_back_to(declaration: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = "environment lab has no guest, so there is nothing to go back to."
    assert main(["checkpoint", "restore", str(declaration)]) == ERROR
    assert capsys.readouterr().err.endswith(f"strata: {said}\n")
    for check in (True, False):
        told = ran("checkpoint", declaration=str(declaration), state="restored", _ansible_check_mode=check)
        assert (told["failed"], told["msg"]) == (True, said)
    assert there() == {MADE.digest, LATER.digest}


def test_the_module_removes_all_and_tells_them_in_check_mode(declaration: Path) -> None:
    options = {"declaration": str(declaration), "state": "absent"}
    told = ran("checkpoint", **options, _ansible_check_mode=True)
    assert undocumented("checkpoint", told) == []
    assert (told["changed"], set(told["removed"])) == (True, {MADE.digest, LATER.digest})
    assert [one["made"] for one in told["checkpoints"]] == [LATER.made, MADE.made]
    assert there() == {MADE.digest, LATER.digest}
    done = ran("checkpoint", **options)
    assert (set(done["removed"]), done["checkpoints"]) == (set(told["removed"]), [])
    assert ran("checkpoint", **options)["changed"] is False


def test_check_mode_leaves_nothing_behind(declaration: Path, tmp_path: Path) -> None:
    state = tmp_path / "other"
    said = ran("checkpoint", declaration=str(declaration), state_folder=str(state), _ansible_check_mode=True)
    assert said["msg"] == "environment lab has no guest, so there is nothing to keep."
    assert not state.exists()
