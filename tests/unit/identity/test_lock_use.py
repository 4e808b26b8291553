# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the option ``lock`` comes to in a run: what is refused, when, and what is written."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils import convergence as loop
from ansible_collections.strata.kvm_docker.plugins.module_utils import resources
from ansible_collections.strata.kvm_docker.plugins.module_utils.converge import Options, Outcome, converge
from ansible_collections.strata.kvm_docker.plugins.module_utils.convergence import Convergence
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.read import read_document
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import ConvergeError, LockError, MovedError
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.lock import (
    Lock,
    LockedContainerImage,
    read_lock,
    text_of,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.lock_use import LockUse, Mode
from ansible_collections.strata.kvm_docker.plugins.module_utils.inputs import Inputs
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.model import Change, Declared, Key, Need
from ansible_collections.strata.kvm_docker.plugins.module_utils.progress import Progress
from ansible_collections.strata.kvm_docker.plugins.module_utils.resolve import resolve
from ansible_collections.strata.kvm_docker.plugins.module_utils.result import failure_of
from ansible_collections.strata.kvm_docker.plugins.modules import environment as module
from locked_environment import Lab, make_lab
from toy_world import Toy, World

A, B, C = (f"sha256:{letter * 64}" for letter in "abc")


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    lab = make_lab(tmp_path)
    lab.on_test_driver()
    lab.fill_store()
    return lab


def preview(lab: Lab, lock: Mode | None = None) -> Outcome:
    return converge(
        lab.declaration, "present", Options(folders=lab.folders, progress=Progress(), check=True, lock=lock)
    )


def use(lab: Lab, mode: Mode | None = None) -> LockUse:
    return LockUse.of(read_document(lab.declaration), lab.declaration, mode, lab.folders)


def inputs_of(lab: Lab) -> Inputs:
    return resolve(read_document(lab.declaration).environment, lab.folders)


def lock(lab: Lab, manifest: str | None = None) -> Lock:
    """What is there now, in the file; *manifest*: of the image of a registry."""
    pulled = {"redis:7": LockedContainerImage(source="registry", manifest=manifest, config=B, platform="linux/amd64")}
    report = use(lab, "update").made(inputs_of(lab), [pulled])
    report.write()
    made = read_lock(lab.lock)
    assert made
    return made


def files(lab: Lab) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in lab.root.rglob("*") if path.is_file()}


def test_without_a_lock_nothing_is_locked(lab: Lab) -> None:
    assert preview(lab).lock is None
    assert not lab.lock.exists()


def test_a_lock_that_is_required_and_not_there_is_an_error(lab: Lab) -> None:
    with pytest.raises(LockError, match=r"lab\.environment\.lock: there is no lock\. Make it with strata lock"):
        preview(lab, "require")


@pytest.mark.parametrize("mode", [None, "require", "create"])
def test_a_lock_that_is_there_is_required_and_all_that_moved_is_told_before_anything_is_touched(
    mode: Mode | None, lab: Lab
) -> None:
    lock(lab, A)
    outcome = preview(lab, mode)
    assert outcome.lock is not None
    assert (outcome.lock.changed, outcome.lock.moves, outcome.lock.unknown) == (False, (), ())
    lab.write("app/main", "two\n")
    lab.pack(b"other")
    before = files(lab)
    with pytest.raises(MovedError) as refused:
        preview(lab, mode)
    assert failure_of(refused.value)["moved"] == [
        {"path": ".".join(move.path), "locked": move.locked, "now": move.now} for move in refused.value.moves
    ]
    assert [".".join(move.path) for move in refused.value.moves] == [
        "builds.web.web-app:latest.context",
        "container_images.packed:1.config",
        "container_images.packed:1.layers",
    ]
    assert files(lab) == before


@pytest.mark.parametrize("mode", ["create", "update"])
def test_check_mode_tells_the_lock_that_would_be_and_writes_none(mode: Mode, lab: Lab) -> None:
    outcome = preview(lab, mode)
    assert outcome.lock is not None
    assert (outcome.lock.changed, outcome.lock.before, outcome.changed) == (True, "", True)
    assert "web-app:latest" in outcome.lock.after
    assert not lab.lock.exists()


def test_update_tells_what_moves_and_keeps_what_nobody_could_tell(lab: Lab) -> None:
    before = lock(lab, A)
    lab.write("app/main", "two\n")
    outcome = preview(lab, "update")
    assert outcome.lock is not None
    assert [".".join(move.path) for move in outcome.lock.moves] == ["builds.web.web-app:latest.context"]
    assert read_lock(lab.lock) == before
    outcome.lock.write()
    made = read_lock(lab.lock)
    assert made
    assert made.container_images == before.container_images
    assert preview(lab).plan


def test_the_result_of_the_module_has_the_lock_and_its_diff(lab: Lab) -> None:
    lock(lab, A)
    lab.write("compose/app.conf", "workers 5\n")
    result = module.result_of(preview(lab, "update"), with_diff=True)
    (moved,) = result["lock"]["moved"]
    assert (result["changed"], moved["path"], result["lock"]["path"]) == (True, "files.compose/app.conf", str(lab.lock))
    diff = result["diff"][-1]
    assert (diff["before_header"], diff["before"]) == (str(lab.lock), lab.lock.read_text())
    assert moved["now"] in diff["after"]
    assert "lock" not in module.result_of(Outcome(environment="lab", plan=preview(lab, "update").plan), True)


def test_what_the_lock_leaves_open_is_a_warning(lab: Lab) -> None:
    made = lock(lab, A)
    image = replace(made.guest_images["debian13"], content=None, files=None, engine=None, packages=None)
    lab.lock.write_text(text_of(replace(made, guest_images={"debian13": image})))
    warned = [line for line in preview(lab).warnings if "leaves open" in line]
    assert len(warned) == 1
    assert "guest_images.debian13.content" in warned[0]
    assert preview(lab, "update").lock.after == text_of(made)


def test_a_damaged_lock_stops_the_run(lab: Lab) -> None:
    lab.lock.write_text("version: 1\nfiles: 7\n")
    for mode in (None, "require", "create", "update"):
        with pytest.raises(LockError, match="files: it must be a mapping"):
            preview(lab, mode)


def test_a_tag_stands_for_the_digest_that_is_locked_also_for_what_is_built_on_it(lab: Lab) -> None:
    lab.write("app/Dockerfile", "FROM redis:7\nCOPY main /main\n")
    lock(lab, A)
    plain = inputs_of(lab)
    held = use(lab).held(plain)
    assert held.images["web", "redis:7"].source == f"registry:redis:7@{A}"
    assert held.images["web", "redis:7"].digest == A
    assert held.images["web", "web-app"].source != plain.images["web", "web-app"].source
    assert held.images["web", "made:1"] == plain.images["web", "made:1"]
    assert use(lab).held(plain) == held
    lock(lab, C)
    assert use(lab).held(plain).images["web", "web-app"] != held.images["web", "web-app"]
    assert use(lab, "update").held(plain) == plain
    use(lab).refuse(plain)


def test_an_image_of_a_registry_that_is_another_one_is_refused(lab: Lab) -> None:
    lock(lab)
    same = LockedContainerImage(source="registry", config=B, platform="linux/amd64")
    use(lab).refuse_images([{"redis:7": same}, {"redis:7": replace(same, config=C)}])
    with pytest.raises(MovedError, match=r"container_images\.redis:7\.platform: locked linux/amd64, now linux/arm64"):
        use(lab).refuse_images([{"redis:7": replace(same, platform="linux/arm64")}])
    use(lab, "update").refuse_images([{"redis:7": replace(same, platform="linux/arm64")}])


class Store(Toy):
    """Images that turn out as *make* has them."""

    def __init__(self, kind: str, world: World, make: Any) -> None:
        super().__init__(kind, world)
        self.make = make

    def apply(self, connection: Any, change: Change, progress: Progress) -> None:
        super().apply(connection, change, progress)
        self.make()


GUEST_IMAGE, ARCHIVE = Key("guest_image", "debian13"), Key("container_archive", "made:1")
DISK, WEB, MADE = Key("disk", "web"), Key("guest", "web"), Key("image", "made:1", "web")
DECLARED = [
    Declared(GUEST_IMAGE, {"digest": "one"}),
    Declared(ARCHIVE, {"digest": "one"}),
    Declared(DISK, {}, needs=(Need(GUEST_IMAGE),)),
    Declared(WEB, {}, needs=(Need(DISK, lives_on=True),)),
    Declared(MADE, {}, needs=(Need(WEB, lives_on=True), Need(ARCHIVE))),
]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(loop, "unsettled", lambda engine, wanted: [])
    monkeypatch.setattr(loop, "domain_problem", lambda hypervisor, environment, guest: "")
    monkeypatch.setattr(loop.lock_engine, "look", lambda engine, only="": {})
    return World(declared=list(DECLARED)).use(monkeypatch)


def run(lab: Lab) -> Convergence:
    session: Any = SimpleNamespace(
        hypervisor=SimpleNamespace(folders=lab.folders),
        connection=lambda key: SimpleNamespace(guest=key.guest),
        engine=lambda guest: SimpleNamespace(guest=guest, project=None, inputs=Inputs()),
        forget=lambda guest: None,
    )
    return Convergence(
        environment=read_document(lab.declaration).environment,
        resolved=inputs_of(lab),
        session=session,
        probe=lambda inputs: "qemu",
        lock=use(lab),
    )


@pytest.mark.parametrize(
    ("kind", "moved"),
    [("guest_image", "guest_images.debian13.content"), ("container_archive", "container_images.made:1.config")],
)
def test_an_image_that_turns_out_another_one_is_refused_before_it_is_used(
    kind: str, moved: str, lab: Lab, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock(lab, A)
    make = lab.build_guest_image if kind == "guest_image" else lab.make_archive
    monkeypatch.setitem(resources.RESOURCES, kind, Store(kind, world, lambda: make(b"another")))
    with pytest.raises(ConvergeError, match=moved) as refused:
        run(lab).converge()
    assert moved in [move["path"] for move in failure_of(refused.value)["moved"]]
    user = {"guest_image": "create disk web", "container_archive": "create image web/made:1"}[kind]
    assert user not in world.steps


def test_an_image_that_turns_out_as_locked_is_used(lab: Lab, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    lock(lab, A)
    monkeypatch.setitem(resources.RESOURCES, "guest_image", Store("guest_image", world, lab.build_guest_image))
    assert [str(change.key) for change in run(lab).converge()][-1] == str(MADE)


def test_a_lock_that_root_writes_belongs_to_whom_the_folder_belongs_to(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[Any] = []
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "chown", lambda *owner: given.append(owner))
    lock(lab)
    owner = lab.lock.parent.stat()
    assert given == [(lab.lock, owner.st_uid, owner.st_gid)]
    lock(lab)
    assert len(given) == 1
