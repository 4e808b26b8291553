# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a collection takes from the store, and what it leaves."""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
import threading
import time
from pathlib import Path

import pytest
from ansible_collections.strata.kvm_docker.cli.main import main
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.environment import (
    Environment,
    Guest,
    GuestImage,
    ImageBuild,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest import image_store
from ansible_collections.strata.kvm_docker.plugins.module_utils.inputs import ImageInput, Inputs
from ansible_collections.strata.kvm_docker.plugins.module_utils.store.engine_layer import requests
from ansible_collections.strata.kvm_docker.plugins.module_utils.store.gc import collect
from ansible_collections.strata.kvm_docker.plugins.module_utils.store.use import note, register
from forked import forked
from made_store import put_archive, put_disk, put_image, put_layer, sha, tree, used


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders(tmp_path / "state")


def going(folders: Folders, keep: int = 0) -> list[str]:
    return [verdict.item.label for verdict in collect(folders, keep, dry_run=True) if not verdict.kept]


def why(folders: Folders) -> dict[str, str]:
    return {verdict.item.kind: verdict.kept for verdict in collect(folders, dry_run=True)}


def test_nothing_is_there_to_collect_before_there_is_a_store(folders: Folders) -> None:
    assert collect(folders) == []
    assert not folders.images.exists()


def test_what_nobody_refers_to_goes_and_leaves_nothing(folders: Folders) -> None:
    image = put_image(folders, "a")
    put_layer(folders, image, "layer")
    put_archive(folders, "redis")

    assert len(going(folders)) == 3
    before = tree(folders.images)
    collect(folders, dry_run=True)
    assert tree(folders.images) == before
    collect(folders)

    assert tree(folders.images) == {}
    assert image_store.resolve(folders, sha("a")) is None


def test_an_image_and_a_layer_stay_while_a_disk_stands_on_them(folders: Folders) -> None:
    used_image, other = put_image(folders, "a"), put_image(folders, "b")
    layer = put_layer(folders, used_image, "layer")
    disk = put_disk(folders, "lab", "web", layer.disk)

    assert going(folders) == [f"guest image {other.digest[:12]}"]
    collect(folders)
    assert image_store.resolve(folders, sha("a")) == used_image
    assert why(folders) == {"guest image": f"disk {disk}", "engine layer": f"disk {disk}"}
    disk.unlink()
    assert len(going(folders)) == 2


def test_disks_of_another_state_folder_that_shares_the_store_count(folders: Folders, tmp_path: Path) -> None:
    other = Folders(tmp_path / "other", folders.images)
    image = put_image(folders, "a")
    disk = put_disk(other, "lab", "web", image.disk)
    register(other)

    assert going(folders) == []
    disk.unlink()
    assert len(going(folders)) == 1


def test_an_image_stays_while_the_disks_of_a_checkpoint_stand_on_it(folders: Folders) -> None:
    image = put_image(folders, "a")
    disk = put_disk(folders, "lab", "web", image.disk)
    kept = folders.checkpoints / "lab" / "0123" / "disks" / "web"
    kept.parent.mkdir(parents=True)
    disk.rename(kept)

    assert why(folders) == {"guest image": f"disk {kept}"}
    kept.unlink()
    assert len(going(folders)) == 1


@pytest.mark.parametrize("spelled", ["relative", "link", "state", "dots"])
def test_a_disk_stands_on_the_store_however_the_path_of_the_store_is_spelled(
    folders: Folders, spelled: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = put_image(folders, "a")
    disk = put_disk(folders, "lab", "web", image.disk)
    link = folders.root.parent / "link"
    link.symlink_to(folders.root if spelled == "state" else folders.images)
    monkeypatch.chdir(folders.root)
    store = {"relative": "images", "link": str(link), "dots": str(folders.pool("lab") / ".." / ".." / "images")}
    monkeypatch.setenv("STRATA_IMAGES", store.get(spelled, ""))

    found = Folders.of(link if spelled == "state" else folders.root)

    assert found.images.is_absolute()
    assert [verdict.kept for verdict in collect(found)] == [f"disk {found.pool('lab') / disk.name}"]
    assert image.disk.exists()


def test_checkpoints_elsewhere_count_whoever_collects(folders: Folders, tmp_path: Path) -> None:
    image = put_image(folders, "a")
    elsewhere = Folders(folders.root, checkpoint_store=tmp_path / "checkpoints")
    register(elsewhere)
    kept = elsewhere.checkpoints / "lab" / sha("c") / "disks" / "web"
    kept.parent.mkdir(parents=True)
    put_disk(folders, "lab", "web", image.disk).rename(kept)

    assert why(folders) == {"guest image": f"disk {kept}"}
    shutil.rmtree(elsewhere.checkpoints)
    assert len(going(folders)) == 1


def test_disks_elsewhere_count_where_they_are_told(folders: Folders, tmp_path: Path) -> None:
    image = put_image(folders, "a")
    disk = put_disk(Folders(tmp_path / "elsewhere"), "x", "y", image.disk)

    assert [verdict.kept for verdict in collect(folders, disks=[disk])] == [f"disk {disk}"]


def test_what_an_environment_declares_stays_until_it_is_removed(folders: Folders) -> None:
    archive = put_archive(folders, "redis")
    put_archive(folders, "unused")
    source = ImageInput(reference="redis:1", source=f"recipe:{sha('redis')}", archive=archive)
    inputs = Inputs(guest_images={"debian": sha("a")}, images={("web", "redis:1"): source})
    debian = GuestImage(build=ImageBuild(suite="trixie"), preload=True)
    guests = {"web": Guest(name="web", image="debian")}
    environment = Environment(name="lab", folder="/declaration", images={"debian": debian}, guests=guests)
    put_layer(folders, put_image(folders, "a"), "layer", requests(environment, inputs)["debian"].digest)
    folders.environment("lab").mkdir(parents=True)
    note(folders, environment, inputs)

    assert going(folders) == [f"container archive {sha('unused')[:12]}"]
    assert {why(folders)[kind] for kind in ("guest image", "engine layer")} == {"environment lab"}
    (folders.environment("lab") / "store.json").unlink()
    assert len(going(folders)) == 4


def test_an_open_file_stays(folders: Folders) -> None:
    image = put_image(folders, "a")
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.open(image.disk, os.O_RDONLY)
        os.close(write)
        os.read(read, 1)
        os._exit(0)
    try:
        until = time.monotonic() + 5
        while going(folders) and time.monotonic() < until:
            time.sleep(0.02)
        assert why(folders) == {"guest image": f"process {child}"}
    finally:
        os.close(write)
        os.close(read)
        os.waitpid(child, 0)
    assert len(going(folders)) == 1


def test_the_least_recently_used_go_first_until_the_budget_is_kept(folders: Folders) -> None:
    old, young = put_archive(folders, "old"), put_archive(folders, "young")
    old.write_bytes(bytes(range(256)) * 4000)
    young.write_bytes(bytes(range(256)) * 4000)
    used(old, 1_000)
    used(young, 2_000)

    assert going(folders, keep=1_500_000) == [f"container archive {sha('old')[:12]}"]
    assert going(folders, keep=10_000_000) == []
    assert len(going(folders, keep=1_000)) == 2


def test_an_image_goes_after_the_layers_on_it_however_old_it_is(folders: Folders) -> None:
    image = put_image(folders, "a")
    layer = put_layer(folders, image, "layer")
    archive = put_archive(folders, "redis")
    used(image.disk.parent, 1_000)
    used(archive, 2_000)
    used(layer.disk.parent, 3_000)

    assert [label.split()[0] for label in going(folders)] == ["container", "engine", "guest"]


def test_leftovers_of_killed_makers_go_whatever_the_budget_but_not_those_of_one_at_work(folders: Folders) -> None:
    put_archive(folders, "redis")
    left = folders.images / ".staging" / f"{sha('killed')}.abc"
    left.mkdir()
    (left / "half").write_bytes(b"x")
    (folders.images / "recipes" / f"{sha('gone')}.json").write_text('{"content": "nowhere"}')
    with image_store.making(folders, sha("working")):
        done = collect(folders, keep=10**9)
        at_work = [verdict.kept for verdict in done if sha("working") in verdict.item.name]

    assert at_work == ["being made"]
    assert not left.exists()
    assert [path.parent.name for path in folders.images.rglob("*") if path.is_file()].count("recipes") == 0
    assert (folders.images / "container-archives" / f"{sha('redis')}.tar").exists()


def test_what_is_being_made_anew_is_not_collected(folders: Folders) -> None:
    put_archive(folders, "redis")
    with (folders.images / ".locks" / sha("redis")).open("r") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert why(folders) == {"container archive": "being made"}
        collect(folders)
    assert len(going(folders)) == 1


def test_a_collection_waits_while_a_disk_is_made(folders: Folders) -> None:
    image = put_image(folders, "a")
    with image_store.using(folders):
        thread = threading.Thread(target=collect, args=(folders,))
        thread.start()
        thread.join(0.2)
        assert thread.is_alive()
        put_disk(folders, "lab", "web", image.disk)
    thread.join(10)

    assert not thread.is_alive()
    assert image.disk.exists()


def test_a_collection_that_was_killed_is_finished_by_the_next_one(folders: Folders) -> None:
    image = put_image(folders, "a")
    aside = folders.images / ".staging" / "removed.x"
    aside.mkdir()
    image.disk.parent.rename(aside / "piece")

    collect(folders)

    assert tree(folders.images) == {}


def strata(*arguments: str) -> tuple[int, str, str]:
    def work() -> None:
        os.environ.pop("STRATA_IMAGES", None)
        sys.exit(main(arguments))

    done = forked(work)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout, done.stderr


def test_the_command_lists_and_removes(folders: Folders) -> None:
    put_archive(folders, "redis")
    state = ("--state-folder", str(folders.root))

    status, told, errors = strata("gc", "--dry-run", *state)
    assert (status, errors) == (0, "")
    assert told.splitlines()[1].split()[:3] == ["container", "archive", sha("redis")[:12]]
    assert told.splitlines()[1].endswith("would be removed")
    assert "stays: within the budget" in strata("gc", "--keep", "1 GiB", *state)[1]
    assert strata("gc", *state)[1].splitlines()[-1].startswith("removed: ")
    assert tree(folders.images) == {}
    for size in ("much", "-1", "", "nan", "²"):
        status, _told, errors = strata("gc", "--keep", size, *state)
        assert (status, "is not a size" in errors) == (2, True)
