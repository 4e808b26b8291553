# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images on a real engine: built, loaded, refused, replaced and removed."""

from __future__ import annotations

import os
import signal
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.compose import Build, Project, Service
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.environment import (
    ContainerImage,
    Environment,
    Guest,
    GuestImage,
    ImageBuild,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.engine import Engine
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.image import Image
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.image_list import sweep
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.image_marks import layer_mark
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import ForeignObjectError, ImageError
from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders
from ansible_collections.strata.kvm_docker.plugins.module_utils.inputs import Inputs
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.model import Change, Key, Plan
from ansible_collections.strata.kvm_docker.plugins.module_utils.progress import Event, Progress
from ansible_collections.strata.kvm_docker.plugins.module_utils.resolve import resolve_images
from ansible_collections.strata.kvm_docker.plugins.module_utils.resources import plan
from ansible_collections.strata.kvm_docker.plugins.module_utils.store.engine_layer import requests
from ansible_collections.strata.kvm_docker.plugins.module_utils.store.layer_build import fill
from docker.errors import APIError
from image_archives import docker_archive, oci_archive
from lab import LabEngine

pytestmark = pytest.mark.lab


@dataclass
class Host:
    """One guest's worth of declaration, converged by hand on the engine of the lab."""

    client: Any
    folder: Path
    name: str = field(default_factory=lambda: f"t{uuid.uuid4().hex[:8]}")
    services: dict[str, Service] = field(default_factory=dict)
    archives: dict[str, ContainerImage] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)

    def reference(self, name: str) -> str:
        return f"{self.name}/{name}:1"

    def serve(self, name: str, build: Build | None = None) -> str:
        reference = self.reference(name)
        self.services[name] = Service(name=name, image=reference, build=build)
        return reference

    def write(self, path: str, content: str) -> None:
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content)

    def build(self, name: str, dockerfile: str, **options: Any) -> str:
        """Declare a service that is built from the folder of its name."""
        self.write(f"{name}/Dockerfile", dockerfile)
        return self.serve(name, Build(context=str(self.folder / name), **options))

    def archive(self, name: str, *contents: bytes, **options: Any) -> tuple[str, str]:
        """Declare a service whose image comes from an archive; its reference and id."""
        reference = self.serve(name)
        found = docker_archive(
            self.folder / f"{name}.tar", [((reference,), content) for content in contents], **options
        )
        self.archives[reference] = ContainerImage(archive=f"{name}.tar")
        return reference, found[0]

    @property
    def engine(self) -> Engine:
        project = Project(name="p", file=str(self.folder / "compose.yaml"), services=self.services)
        guest = Guest(name="web", image="debian", compose=project)
        folders = Folders(self.folder)
        environment = Environment(
            name=self.name, folder=str(self.folder), guests={"web": guest}, container_images=self.archives
        )
        inputs = Inputs(images=resolve_images(environment, folders))
        self.environment = environment
        return Engine(
            guest="web",
            environment=self.name,
            client=self.client,
            project=project,
            inputs=inputs,
        )

    def plan(self, remove_orphans: bool = False) -> tuple[Engine, Plan]:
        engine = self.engine
        declared = list(Image().declare(self.environment, engine.inputs))
        observed = list(Image().observe(engine, self.name))
        found = plan(
            declared, observed, lambda _key, difference: Image().effect(difference), remove_orphans=remove_orphans
        )
        return engine, found

    def converge(self, remove_orphans: bool = False) -> list[str]:
        """Plan and apply; what was done."""
        engine, made = self.plan(remove_orphans)
        for change in made:
            Image().apply(engine, change, Progress(self.events.append))
        return [f"{change.action} {change.key.name}" for change in made]

    def image(self, reference: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.client.inspect_image(reference)
        return found

    def ids(self) -> set[str]:
        return {entry["Id"] for entry in self.client.images()}


@pytest.fixture
def host(engine_client: Any, tmp_path: Path) -> Iterator[Host]:
    before = {entry["Id"] for entry in engine_client.images()}
    host = Host(engine_client, tmp_path)
    yield host
    for container in engine_client.containers(all=True, filters={"label": "made-by=test_image"}):
        engine_client.remove_container(container["Id"], force=True)
    while made := {entry["Id"] for entry in engine_client.images()} - before:
        for image in made:
            with suppress(APIError):  # it has children, which go first
                engine_client.remove_image(image, force=True)


def apply(engine: Engine, made: Plan) -> None:
    """What :meth:`Host.plan` planned, some time later."""
    for change in made:
        Image().apply(engine, change, Progress())


def run_on(host: Host, reference: str) -> str:
    """A container (never started) that keeps the image in use."""
    found: str = host.client.create_container(reference, ["/file"], labels={"made-by": "test_image"})["Id"]
    return found


def test_a_service_is_built_once_and_not_again(host: Host) -> None:
    reference = host.build("app", "FROM scratch\nCOPY main /main\nLABEL who=${who}\n", args={"who": "me"})
    host.write("app/main", "one")
    assert host.converge() == [f"create {reference}"]
    assert host.converge() == []
    assert host.events[0].stage == f"image web/{reference}"


def test_a_changed_source_builds_again_and_leaves_no_image_behind(host: Host) -> None:
    reference = host.build("app", "FROM scratch\nCOPY main /main\n")
    host.write("app/main", "one")
    host.converge()
    old = host.image(reference)["Id"]
    host.write("app/main", "two")
    assert host.converge() == [f"update {reference}"]
    assert host.image(reference)["Id"] != old
    assert old not in host.ids()
    assert host.converge() == []


def test_the_old_image_stays_while_a_container_uses_it_and_goes_with_it(host: Host) -> None:
    reference = host.build("app", "FROM scratch\nCOPY main /main\n")
    host.write("app/main", "one")
    host.converge()
    old, container = host.image(reference)["Id"], run_on(host, reference)
    host.write("app/main", "two")
    host.converge()
    assert old in host.ids()
    host.client.remove_container(container)
    sweep(host.engine)
    assert old not in host.ids()


def test_labels_target_and_arguments_reach_the_image(host: Host) -> None:
    dockerfile = "FROM scratch AS one\nARG who\nLABEL who=$who\nFROM one AS two\nLABEL no=1\n"
    reference = host.build("app", dockerfile, target="one", args={"who": "me"}, labels={"team": "x"})
    host.converge()
    labels = host.image(reference)["Config"]["Labels"]
    assert labels["who"] == "me"
    assert labels["team"] == "x"
    assert "no" not in labels


def test_dockerignore_keeps_files_out_of_the_image_and_out_of_the_digest(host: Host) -> None:
    host.build("app", "FROM scratch\nCOPY . /\n")
    host.write("app/.dockerignore", "*.log\n!keep.log\nDockerfile\n.dockerignore\n")
    for name in ("a.log", "keep.log", "main"):
        host.write(f"app/{name}", "x")
    reference = host.reference("app")
    host.converge()
    assert files(host, reference) == {"keep.log", "main"}
    host.write("app/a.log", "changed")
    assert host.converge() == []


def files(host: Host, reference: str) -> set[str]:
    """Names at the root of the image."""
    import io
    import tarfile

    container = run_on(host, reference)
    exported = b"".join(host.client.export(container))
    made_by_engine = {"dev", "etc", "proc", "sys", ".dockerenv"}
    with tarfile.open(fileobj=io.BytesIO(exported)) as archive:
        return {name.split("/")[0] for name in archive.getnames()} - made_by_engine


def test_a_dockerfile_outside_of_its_context_is_not_copied_into_the_image(host: Host) -> None:
    host.write("Dockerfile.app", "FROM scratch\nCOPY . /\n")
    host.write("app/main", "x")
    reference = host.serve("app", Build(context=str(host.folder / "app"), dockerfile="../Dockerfile.app"))
    host.converge()
    assert files(host, reference) == {"main"}


def test_an_inline_dockerfile_is_built(host: Host) -> None:
    host.write("app/main", "x")
    inline = "FROM scratch\nCOPY main /only\n"
    reference = host.serve("app", Build(context=str(host.folder / "app"), dockerfile_inline=inline))
    host.converge()
    assert files(host, reference) == {"only"}


def test_a_failing_step_is_shown_with_the_output_before_it(host: Host) -> None:
    host.build("app", "FROM scratch\nLABEL a=b\nCOPY missing /\n")
    with pytest.raises(ImageError) as caught:
        host.converge()
    assert "build failed at COPY missing /" in str(caught.value)
    assert ": LABEL a=b" in str(caught.value)
    host.write("app/missing", "x")
    assert len(host.converge()) == 1


def test_an_unknown_instruction_is_told_with_its_line(host: Host) -> None:
    host.build("app", "FROM scratch\nCOPPY x /\n")
    with pytest.raises(ImageError, match=r"app:1: \S+/app/Dockerfile: .*line 2.*(?i:COPPY)"):
        host.converge()


def test_stages_stay_as_cache_and_are_replaced_with_the_next_build(host: Host) -> None:
    dockerfile = "FROM scratch AS made\nCOPY part /part\nFROM scratch\nCOPY --from=made /part /part\nCOPY main /main\n"
    host.build("app", dockerfile)
    host.write("app/part", "1")
    host.write("app/main", "1")
    before = host.ids()
    host.converge()
    first = host.ids() - before
    assert len(first) == 2
    host.write("app/main", "2")
    host.converge()
    assert len((host.ids() - before) & first) == 1
    host.write("app/part", "2")
    host.converge()
    assert not host.ids() & first
    assert len(host.ids() - before) == 2


def test_what_a_failed_build_leaves_goes_with_the_next_one(host: Host) -> None:
    before = host.ids()
    host.build("app", "FROM scratch\nLABEL a=b\nCOPY missing /\n")
    with pytest.raises(ImageError):
        host.converge()
    host.build("app", "FROM scratch\nLABEL c=d\n")
    host.converge()
    assert len(host.ids() - before) == 1


def test_a_changed_base_builds_what_stands_on_it_after_it(host: Host) -> None:
    base = host.build("base", "FROM scratch\nLABEL v=1\n")
    app = host.build("app", f"FROM {base}\nLABEL app=1\n")
    assert host.converge() == [f"create {base}", f"create {app}"]
    host.build("base", "FROM scratch\nLABEL v=2\n")
    assert host.converge() == [f"update {base}", f"update {app}"]
    assert host.image(app)["Config"]["Labels"]["v"] == "2"


def test_a_context_that_is_edited_after_it_was_digested_is_refused_before_anything_is_made(host: Host) -> None:
    reference = host.build("app", "FROM scratch\nCOPY main /main\n")
    host.write("app/main", "one")
    before = host.ids()
    engine, made = host.plan()
    host.write("app/main", "two")
    with pytest.raises(ImageError, match=r"app:1: build context \S+/app changed while the run was under way.*again"):
        apply(engine, made)
    assert host.ids() == before
    assert host.converge() == [f"create {reference}"]
    host.write("app/main", "one")
    assert host.converge() == [f"update {reference}"]


def test_a_build_on_another_is_what_was_digested(host: Host) -> None:
    base = host.build("base", "FROM scratch\nLABEL v=1\n")
    host.build("app", f"FROM {base}\nLABEL app=1\n")
    engine, made = host.plan()
    host.build("app", f"FROM {base}\nLABEL app=2\n")
    with pytest.raises(ImageError, match=r"app:1: build context \S+/app changed while"):
        apply(engine, made)


def test_an_archive_that_is_another_after_it_was_read_is_refused_before_anything_is_loaded(host: Host) -> None:
    reference, old = host.archive("db", b"one")
    before = host.ids()
    engine, made = host.plan()
    _, new = host.archive("db", b"two")
    with pytest.raises(ImageError, match=rf"db\.tar changed while the run was under way: .*{new}, not {old}"):
        apply(engine, made)
    assert host.ids() == before
    assert host.converge() == [f"create {reference}"]
    assert host.image(reference)["Id"] == new


def test_an_archive_is_loaded_once(host: Host) -> None:
    reference, image_id = host.archive("db", b"one")
    assert host.converge() == [f"create {reference}"]
    assert host.image(reference)["Id"] == image_id
    assert host.converge() == []


def test_a_new_archive_replaces_the_old_image_and_nothing_is_left(host: Host) -> None:
    reference, old = host.archive("db", b"one")
    host.converge()
    _, new = host.archive("db", b"two")
    assert host.converge() == [f"update {reference}"]
    assert host.image(reference)["Id"] == new
    assert old not in host.ids()


def test_loading_moves_no_name_that_the_archive_has_beside(host: Host) -> None:
    other = f"{host.name}/stranger:1"
    docker_archive(host.folder / "other.tar", [((other,), b"stranger")])
    with (host.folder / "other.tar").open("rb") as stream:
        list(host.client.load_image(stream))
    before = host.image(other)["Id"]
    reference = host.serve("db")
    docker_archive(host.folder / "db.tar", [((other,), b"ours")])
    host.archives[reference] = ContainerImage(archive="db.tar")
    host.converge()
    assert host.image(other)["Id"] == before
    assert host.image(reference)["Id"] != before


def test_one_image_of_an_archive_with_several_is_loaded(host: Host) -> None:
    wanted, beside = host.reference("db"), f"{host.name}/beside:1"
    ids = docker_archive(host.folder / "db.tar", [((beside,), b"beside"), ((wanted,), b"wanted")])
    host.serve("db")
    host.archives[wanted] = ContainerImage(archive="db.tar")
    host.converge()
    assert host.image(wanted)["Id"] == ids[1]
    assert ids[0] not in host.ids()


def test_a_compressed_archive_is_loaded(host: Host) -> None:
    reference, image_id = host.archive("db", b"zipped", mode="w:gz")
    host.converge()
    assert host.image(reference)["Id"] == image_id


def test_an_oci_layout_is_loaded(host: Host) -> None:
    reference = host.serve("db")
    image_id = oci_archive(host.folder / "db.tar", b"oci")
    host.archives[reference] = ContainerImage(archive="db.tar")
    host.converge()
    assert host.image(reference)["Id"] == image_id
    assert host.converge() == []


def test_an_archive_with_a_damaged_layer_is_refused_and_a_whole_one_then_loaded(host: Host) -> None:
    host.archive("db", b"one")
    path = host.folder / "db.tar"
    path.write_bytes(path.read_bytes().replace(b"one", b"two"))
    with pytest.raises(ImageError, match=r"db\.tar"):
        host.converge()
    host.archive("db", b"one")
    assert len(host.converge()) == 1


def test_a_strangers_image_of_our_name_is_refused_and_left(host: Host) -> None:
    reference, _ = host.archive("db", b"ours")
    path = host.folder / "stranger.tar"
    stranger = docker_archive(path, [((reference,), b"stranger")])[0]
    with path.open("rb") as stream:
        list(host.client.load_image(stream))
    with pytest.raises(ForeignObjectError, match=reference):
        host.converge()
    assert host.image(reference)["Id"] == stranger


def test_a_name_that_was_moved_away_is_given_back_without_a_load(host: Host) -> None:
    reference, image_id = host.archive("db", b"ours")
    host.converge()
    other, _ = host.archive("other", b"other")
    host.converge()
    repository, tag = reference.rsplit(":", 1)
    host.client.tag(other, repository, tag)
    _, made = host.plan()
    assert [str(change) for change in made] == [f"update image web/{reference}: source drifted"]
    (host.folder / "db.tar").rename(host.folder / "kept.tar")
    host.archives[reference] = ContainerImage(archive="kept.tar")
    host.converge()
    assert host.image(reference)["Id"] == image_id
    assert host.converge() == []


def test_what_is_no_longer_declared_is_an_orphan_and_removed_on_demand(host: Host) -> None:
    built = host.build("app", "FROM scratch\nLABEL a=b\n")
    loaded, image_id = host.archive("db", b"one")
    host.converge()
    del host.services["app"], host.services["db"]
    _, left = host.plan()
    assert sorted(key.name for key in left.orphans) == sorted([built, loaded])
    assert sorted(host.converge(remove_orphans=True)) == sorted([f"delete {built}", f"delete {loaded}"])
    assert image_id not in host.ids()
    assert not any(host.name in tag for entry in host.client.images() for tag in entry["RepoTags"] or ())


def test_an_image_that_somebody_made_from_ours_is_not_ours(host: Host) -> None:
    base = host.build("app", "FROM scratch\nLABEL a=b\n")
    host.converge()
    mine = f"{host.name}/mine:1"
    host.write("mine/Dockerfile", f"FROM {base}\nLABEL mine=1\n")
    list(host.client.build(path=str(host.folder / "mine"), tag=mine, rm=True, decode=True))
    _, made = host.plan(remove_orphans=True)
    assert not made


def test_an_image_of_no_reachable_registry_ends_in_one_message(host: Host) -> None:
    host.services["x"] = Service(name="x", image="registry.invalid/x:1")
    with pytest.raises(ImageError, match=r"guest web: image registry.invalid/x:1 cannot be pulled: .*container_images"):
        host.converge()


def test_an_image_that_is_there_already_and_is_the_one_of_the_archive_is_taken_as_it_is(host: Host) -> None:
    reference, image_id = host.archive("db", b"ours")
    with (host.folder / "db.tar").open("rb") as stream:
        list(host.client.load_image(stream))
    assert host.converge() == []
    assert [key.name for key in host.plan()[1].orphans] == []
    assert host.image(reference)["Id"] == image_id


def test_what_the_name_of_a_registry_stands_for_already_is_not_pulled_again(host: Host) -> None:
    reference = host.serve("db")
    docker_archive(host.folder / "db.tar", [((reference,), b"pulled before")])
    with (host.folder / "db.tar").open("rb") as stream:
        list(host.client.load_image(stream))
    assert host.converge() == []


def test_a_load_that_was_killed_before_the_image_got_its_name_is_finished_without_the_archive(host: Host) -> None:
    reference, image_id = host.archive("db", b"ours")
    engine = host.engine
    host.converge()
    host.client.remove_image(reference)
    engine.inputs.images["web", reference].archive.unlink()
    Image().apply(engine, Change(Key("image", reference, "web"), "create", "not there"), Progress())
    assert host.image(reference)["Id"] == image_id


@pytest.mark.parametrize("milliseconds", [5, 30, 60, 100, 150, 250])
def test_a_run_that_is_killed_at_any_point_is_finished_by_the_next_one(
    host: Host, lab_engine: Any, milliseconds: int
) -> None:
    """Both halves: a build with several steps and a load are killed together while they replace what is there."""
    before = host.ids()

    def declare(content: str) -> list[str]:
        steps = "".join(f"LABEL step{number}={content}\n" for number in range(5))
        app = host.build(
            "app", f"FROM scratch AS made\nCOPY main /\n{steps}FROM scratch\nCOPY --from=made /main /\n{steps}"
        )
        host.write("app/main", content)
        return [app, host.archive("db", content.encode() * 1_000_000)[0]]

    declare("old")
    host.converge()
    declared = declare("new")
    child = os.fork()
    if not child:
        with suppress(BaseException):
            host.client = lab_engine.client()
            host.converge()
        os._exit(0)
    time.sleep(milliseconds / 1000)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    host.converge()
    assert host.converge() == []
    assert sorted(tag for tag in names(host) if tag.startswith(f"{host.name}/")) == sorted(declared)
    assert len(host.ids() - before) == 3  # both images, and the first stage as cache


def names(host: Host) -> list[str]:
    return sorted(tag for entry in host.client.images() for tag in entry["RepoTags"] or ())


def test_an_image_of_an_engine_layer_is_claimed_without_a_load(host: Host) -> None:
    reference, found = host.archive("app", b"preloaded")
    with (host.folder / "app.tar").open("rb") as stream:
        host.client.load_image(stream)
    source = host.engine.inputs.images["web", reference].source
    host.client.tag(found, *layer_mark(source).split(":"))
    host.client.remove_image(reference)
    host.events.clear()

    assert host.converge() == [f"create {reference}"]

    assert not [event for event in host.events if event.message == "loading"]
    tags = host.client.inspect_image(reference)["RepoTags"]
    assert {tag.partition(":")[0] for tag in tags} == {reference.partition(":")[0], "strata.invalid/mark"}
    assert host.converge() == []


def test_an_engine_is_filled_for_guests_that_claim_its_images_and_it_shows_them_to_nobody_else(
    host: Host, lab_engine: LabEngine
) -> None:
    """An archive, what is built on it, and that in two stages; afterwards as on the disk of a new guest."""
    base, _found = host.archive("base", b"below")
    dockerfile = "FROM {} AS first\nCOPY said /said\nFROM scratch\nCOPY --from=first /said /said\n"
    host.write("app/said", "one")
    app = host.build("app", dockerfile.format(base))
    preloaded = {"debian": GuestImage(build=ImageBuild(suite="trixie"), preload=True)}
    inputs = replace(host.engine.inputs, guest_images={"debian": "of the recipe"})
    request = requests(replace(host.environment, images=preloaded), inputs)["debian"]
    before, told = set(names(host)), []

    fill(request, lab_engine.socket, lambda words, fraction: told.append(words))

    assert any("image 2 of 2: building" in words for words in told)
    made = {name for name in names(host) if name not in before}
    assert {name.partition(":")[0] for name in made} == {"strata.invalid/layer", "strata.invalid/stage"}
    stranger = Host(host.client, host.folder / "other")
    stranger.serve("other")
    assert not [each.key for each in Image().observe(stranger.engine, stranger.name) if each.key.name in made]
    sweep(stranger.engine)
    assert made <= set(names(host))
    assert host.converge() == [f"create {base}", f"create {app}"]
    assert not [event for event in host.events if event.message.startswith(("loading", "building"))]
    assert host.converge() == []
    assert not [name for name in names(host) if name.startswith("strata.invalid/layer")]
