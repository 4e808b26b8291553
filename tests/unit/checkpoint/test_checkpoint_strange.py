# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Folders of checkpoints that are damaged, forged, or of somebody else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.strata.kvm_docker.cli.main import main
from ansible_collections.strata.kvm_docker.plugins.module_utils.checkpoint import manifest, under_way
from ansible_collections.strata.kvm_docker.plugins.module_utils.checkpoint.store import Store
from ansible_collections.strata.kvm_docker.plugins.module_utils.digests import canonical_digest
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import CheckpointError
from ansible_collections.strata.kvm_docker.plugins.module_utils.progress import Progress
from made_checkpoint import MADE

DIGEST = "a" * 64


def test_what_is_no_checkpoint_is_neither_listed_nor_removed(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As where STRATA_CHECKPOINTS is /home, and an environment has a user's name."""
    document = store.folder / "Documents" / "letter"
    document.parent.mkdir(parents=True)
    document.touch()
    declaration = tmp_path / "lab.environment.yml"
    declaration.write_text("plugin: strata.kvm_docker.environment\nname: lab\nguests: {}\n")
    monkeypatch.setenv("STRATA_CHECKPOINTS", str(store.folders.checkpoints))
    store.folders.checkpoints.chmod(0o755)

    assert main(["checkpoint", "list", str(declaration)]) == 0
    assert capsys.readouterr().out == ""
    assert main(["checkpoint", "remove", str(declaration)]) == 2
    assert "Name an empty folder in STRATA_CHECKPOINTS" in capsys.readouterr().err
    assert document.exists()
    assert store.folders.checkpoints.stat().st_mode & 0o777 == 0o755
    store.folders.checkpoints.chmod(0o700)
    assert main(["checkpoint", "remove", str(declaration)]) == 0
    assert document.exists()


@pytest.mark.parametrize("command", ["list", "remove"])
def test_a_file_in_place_of_the_folder_is_told_and_left(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    declaration, file = tmp_path / "lab.environment.yml", tmp_path / "file"
    declaration.write_text("plugin: strata.kvm_docker.environment\nname: lab\nguests: {}\n")
    file.write_text("somebody's")
    monkeypatch.setenv("STRATA_CHECKPOINTS", str(file))
    monkeypatch.setenv("STRATA_STATE", str(tmp_path / "state"))
    assert main(["checkpoint", command, str(declaration)]) == 2
    assert f"{file}: checkpoints are to be there, and it is no folder" in capsys.readouterr().err
    assert file.read_text() == "somebody's"
    assert not (tmp_path / "state").exists()


def test_a_shared_folder_is_not_closed_to_others(store: Store) -> None:
    root = store.folders.checkpoints
    (root / "somebody").mkdir(parents=True)
    root.chmod(0o1777)

    for act in (store.stage, store.seal, lambda: store.alone(Progress())):
        with pytest.raises(CheckpointError, match="others can read this folder"):
            act()
    assert root.stat().st_mode & 0o7777 == 0o1777
    (root / "somebody").rmdir()
    store.stage()
    assert root.stat().st_mode & 0o7777 == 0o700


def test_of_a_link_only_the_link_is_removed(store: Store, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "memory").touch()
    store.stage()
    (store.folder / DIGEST).symlink_to(elsewhere)
    (store.folder / ".removed.x").symlink_to("nowhere")
    (store.folder / ".removed.y").touch()

    store.remove(DIGEST)
    store.sweep()

    assert not store.folder.exists() or list(store.folder.iterdir()) == []
    assert (elsewhere / "memory").exists()


@pytest.mark.parametrize(
    "change",
    [
        {"made": 5},
        {"guests": [1, 2]},
        {"guests": None},
        {"files": {"memory/web": {"size": "5", "sha256": "y"}}},
        {"files": {"memory/web": {"size": True, "sha256": "y"}}},
        {"files": {"keys/../../../id_ed25519": {"size": 5, "sha256": "y"}}},
        {"files": {"/etc/passwd": {"size": 5, "sha256": "y"}}},
        {"origin": {"inputs": [], "abi": 5}},
    ],
)
def test_a_forged_manifest_is_refused_though_its_own_digest_is_right(change: dict[str, Any]) -> None:
    tree = {**json.loads(manifest.text_of(MADE)), **change}
    del tree["check"]
    text = json.dumps({**tree, "check": canonical_digest(tree)})

    with pytest.raises(CheckpointError, match="its manifest is damaged"):
        manifest.read_text(text, "x")


def test_one_without_a_readable_manifest_can_be_removed(store: Store) -> None:
    for digest, content in (("b" * 64, "[" * 100_000), (DIGEST, None)):
        store.stage()
        path = store.folder / digest / manifest.NAME
        if content is None:
            path.mkdir(parents=True)
        else:
            path.parent.mkdir()
            path.write_text(content)
    assert list(store.whole()) == []
    for digest in store.digests():
        store.remove(digest)
    assert store.digests() == []


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"doing": "lay", "guests": 5, "disks": {}}', "[" * 100_000])
def test_a_damaged_note_of_what_a_killed_run_did_is_told(store: Store, content: str) -> None:
    folder = store.folders.environment("lab")
    folder.mkdir(parents=True)
    (folder / "checkpoint.json").write_text(content)

    with pytest.raises(CheckpointError, match=r"checkpoint\.json: it is damaged.*bring it up again"):
        under_way.read("lab", store.folders)
