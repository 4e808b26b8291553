# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole runs with a lock: a real engine, real registries and archives; the hypervisor's layers are a dictionary."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils import converge as front
from ansible_collections.strata.kvm_docker.plugins.module_utils import preparation, resources
from ansible_collections.strata.kvm_docker.plugins.module_utils.converge import Options, Outcome, converge
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.environment import Environment
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.engine import Engine
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.image import Image
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import ConvergeError, ImageError, MovedError
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.lock import LockedContainerImage, read_lock
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.lock_command import compare_lock, refresh_lock
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.lock_use import Mode
from ansible_collections.strata.kvm_docker.plugins.module_utils.inputs import Inputs
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.model import Declared, Key
from ansible_collections.strata.kvm_docker.plugins.module_utils.progress import Progress
from docker.errors import APIError
from image_archives import docker_archive
from lab import root_folder
from locked_environment import Lab, make_lab
from registry import Registry
from toy_world import World

pytestmark = pytest.mark.lab

COMPOSE = """\
services:
  pulled: {image: "ADDRESS/NAME:1"}
  packed: {image: "NAME/packed:1"}
  built: {image: "NAME/built", build: ../app}
"""


@dataclass
class Host:
    """A guest that is there, whose engine is the session's."""

    lab: Lab
    name: str
    client: Any
    registry: Registry

    @property
    def tag(self) -> str:
        return f"{self.registry.address}/{self.name}:1"

    @property
    def base(self) -> str:
        return f"{self.registry.address}/{self.name}-base:1"

    def push(self, content: str, repository: str = "") -> str:
        """Have an image under the tag in the registry, and not on the engine; its digest."""
        path = self.lab.root / "pushed.tar"
        docker_archive(path, [((f"{self.name}/made:{content}",), content.encode())])
        with path.open("rb") as stream:
            list(self.client.load_image(stream))
        digest = self.registry.push(f"{self.name}/made:{content}", repository or self.name, "1")
        self.client.remove_image(f"{self.name}/made:{content}")
        return digest

    def run(self, lock: Mode | None = None, check: bool = False) -> Outcome:
        folders = self.lab.folders
        options = Options(folders=folders, progress=Progress(), check=check, lock=lock, remove_orphans=True)
        return converge(self.lab.declaration, "present", options)

    def changes(self, lock: Mode | None = None, check: bool = False) -> list[str]:
        return [f"{change.action} {change.key.name}" for change in self.run(lock, check).plan]

    def locked(self, reference: str) -> LockedContainerImage:
        lock = read_lock(self.lab.lock)
        assert lock
        return lock.container_images[reference]

    def id(self, reference: str) -> str:
        return str(self.client.inspect_image(reference)["Id"])

    def wipe(self) -> None:
        """As an engine that is new."""
        for name in (f"{self.name}/built", self.tag, self.base, f"{self.name}/packed:1"):
            with suppress(APIError):
                self.client.remove_image(name, force=True)
        for tag in self.names():
            if f"mark:{self.name}-" in tag:
                self.client.remove_image(tag, force=True)

    def names(self) -> list[str]:
        return sorted(tag for entry in self.client.images() for tag in entry["RepoTags"] or ())


@pytest.fixture
def host(engine_client: Any, registry: Registry, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    name = f"t{uuid.uuid4().hex[:8]}"
    before = {entry["Id"] for entry in engine_client.images()}
    with root_folder() as root:
        lab = make_lab(root)
        lab.on_test_driver(name)
        lab.replace("lab.environment.yml", "packed:1:", f"{name}/packed:1:")
        lab.write("compose/compose.yaml", COMPOSE.replace("NAME", name).replace("ADDRESS", registry.address))
        lab.write("app/Dockerfile", f"FROM {registry.address}/{name}-base:1\nCOPY main /main\n")
        lab.build_guest_image()
        host = Host(lab, name, engine_client, registry)
        _stand_in(host, monkeypatch)
        yield host
        host.wipe()
    for image in {entry["Id"] for entry in engine_client.images()} - before:
        with suppress(APIError):
            engine_client.remove_image(image, force=True)


def _stand_in(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything but images is there."""
    keys = (Key("guest", "web"), Key("engine", "docker", "web"), Key("guest_image", "debian13"))
    world = World(declared=[Declared(key, {}) for key in keys]).use(monkeypatch)
    for key in keys:
        world.put(key)
    monkeypatch.setitem(resources.RESOURCES, "image", Image())

    def engine(
        hypervisor: Any, environment: Environment, guest: str, inputs: Inputs, *_given: Any, **_how: Any
    ) -> Engine:
        project = environment.guests[guest].compose
        client = host.registry.engine.client()
        return Engine(guest=guest, environment=host.name, client=client, project=project, inputs=inputs)

    for module in (front, preparation):
        monkeypatch.setattr(module, "open_guest_engine", engine)


def test_a_run_makes_the_lock_of_what_it_used_and_the_next_one_changes_nothing(host: Host) -> None:
    digest, base = host.push("one"), host.push("base", f"{host.name}-base")
    outcome = host.run("create")
    assert outcome.lock is not None
    assert (outcome.lock.changed, outcome.lock.unknown) == (True, ())
    inspected = host.client.inspect_image(host.tag)
    assert host.locked(host.tag) == LockedContainerImage(
        source="registry",
        manifest=digest,
        config=inspected["Id"],
        layers=tuple(inspected["RootFS"]["Layers"]),
        platform="linux/amd64",
    )
    assert host.locked(host.base).manifest == base
    packed = host.locked(f"{host.name}/packed:1")
    assert (packed.source, packed.config) == ("archive", host.id(f"{host.name}/packed:1"))
    made = host.lab.lock.read_bytes()
    built = host.id(f"{host.name}/built")
    for mode in (None, "require", "create", "update"):
        assert host.changes(mode) == []
    assert host.lab.lock.read_bytes() == made
    assert host.id(f"{host.name}/built") == built


def test_a_tag_that_moves_does_not_matter_also_on_a_new_engine(host: Host) -> None:
    host.push("one"), host.push("base", f"{host.name}-base")
    host.run("create")
    before = {name: host.id(name) for name in (host.tag, host.base)}
    host.push("two"), host.push("base-two", f"{host.name}-base")
    assert host.changes() == []
    host.wipe()
    assert set(host.changes()) == {
        f"create {name}" for name in (host.tag, host.base, f"{host.name}/built", f"{host.name}/packed:1")
    }
    assert {name: host.id(name) for name in before} == before
    assert host.changes() == []


def test_update_follows_the_tags_and_what_is_built_on_them_and_tells_what_moved(host: Host) -> None:
    host.push("one"), host.push("base", f"{host.name}-base")
    host.run("create")
    new, base = host.push("two"), host.push("base-two", f"{host.name}-base")
    made = host.lab.lock.read_bytes()
    previewed = host.run("update", check=True)
    assert host.lab.lock.read_bytes() == made
    outcome = host.run("update")
    assert outcome.lock is not None
    assert previewed.lock is not None
    updated = {f"update {name}" for name in (host.tag, host.base, f"{host.name}/built")}
    for one in (previewed, outcome):
        assert {f"{change.action} {change.key.name}" for change in one.plan} == updated
    moved = {".".join(move.path): move.now for move in outcome.lock.moves}
    assert moved[f"container_images.{host.tag}.manifest"] == new == host.locked(host.tag).manifest
    assert moved[f"container_images.{host.base}.manifest"] == base
    assert moved[f"container_images.{host.tag}.config"] == host.id(host.tag)
    assert {move.path[1] for move in previewed.lock.moves} == {host.tag, host.base}
    assert host.changes() == host.changes("update") == []


def test_what_is_pulled_by_its_digest_and_is_yet_another_image_is_refused_before_it_is_used(host: Host) -> None:
    host.push("one"), host.push("base", f"{host.name}-base")
    host.run("create")
    config, text = host.locked(host.tag).config or "", host.lab.lock.read_text()
    host.lab.lock.write_text(text.replace(config, f"sha256:{'0' * 64}"))
    moved = rf"container_images\.{re.escape(host.tag)}\.config: locked sha256:0+, now {config}"
    with pytest.raises(MovedError, match=moved):
        host.run()
    host.wipe()
    with pytest.raises(ConvergeError, match=moved):
        host.run()


def test_an_archive_that_changed_is_refused_before_anything_is_touched(host: Host) -> None:
    host.push("one"), host.push("base", f"{host.name}-base")
    host.run("create")
    host.wipe()
    names = host.names()
    host.lab.pack(b"another")
    for check in (True, False):
        with pytest.raises(MovedError, match=rf"container_images\.{host.name}/packed:1\.config: locked sha256:"):
            host.run(check=check)
    assert host.names() == names


def test_a_run_that_fails_leaves_the_lock_as_it_was(host: Host) -> None:
    host.push("one"), host.push("base", f"{host.name}-base")
    host.run("create")
    made = host.lab.lock.read_bytes()
    host.push("two")
    host.lab.write("app/Dockerfile", f"FROM {host.base}\nCOPY none /none\n")
    with pytest.raises(ConvergeError, match="none"):
        host.run("update")
    assert host.lab.lock.read_bytes() == made


def test_always_is_held_to_the_lock_too(host: Host) -> None:
    host.push("one"), host.push("base", f"{host.name}-base")
    host.lab.replace("compose/compose.yaml", ':1"}\n  packed', ':1", pull_policy: always}\n  packed')
    host.run("create")
    before = host.id(host.tag)
    host.push("two")
    assert host.changes() == []
    assert host.id(host.tag) == before
    host.lab.lock.unlink()
    assert host.changes() == [f"update {host.tag}", f"update {host.name}/built"]


def test_the_command_asks_engines_that_run_and_a_run_pulls_what_it_locked(host: Host) -> None:
    digest, _base = host.push("one"), host.push("base", f"{host.name}-base")
    made = refresh_lock(host.lab.declaration, host.lab.folders)
    assert (made.changed, made.unreached, made.unknown) == (True, "", ())
    assert host.locked(host.tag) == LockedContainerImage(source="registry", manifest=digest)
    new = host.push("two")
    assert compare_lock(host.lab.declaration, host.lab.folders).moves == ()
    assert f"create {host.tag}" in host.changes("require")
    assert host.client.inspect_image(host.tag)["RepoDigests"] == [f"{host.tag[:-2]}@{digest}"]
    again = refresh_lock(host.lab.declaration, host.lab.folders)
    assert [(".".join(move.path), move.locked, move.now) for move in again.moves] == [
        (f"container_images.{host.tag}.manifest", digest, new)
    ]
    assert host.changes() == [f"update {host.tag}"]


def test_a_registry_that_does_not_answer_leaves_what_is_locked(host: Host) -> None:
    host.push("one"), host.push("base", f"{host.name}-base")
    host.run("create")
    made = host.lab.lock.read_bytes()
    missing = f"{host.registry.address}/{host.name}/none:1"
    host.lab.replace("compose/compose.yaml", "services:\n", f'services:\n  none: {{image: "{missing}"}}\n')
    report = refresh_lock(host.lab.declaration, host.lab.folders)
    assert "manifest unknown" in report.unreached
    assert report.unknown == (f"container_images.{missing}.manifest",)
    assert host.locked(host.tag).manifest in made.decode()
    with pytest.raises(ImageError, match="manifest unknown"):
        host.run("update")
