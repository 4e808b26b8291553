# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images that a real engine pulls from a real registry: by tag, by digest, with a password, and when it fails."""

from __future__ import annotations

import base64
import io
import json
import tarfile
import uuid
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.compose import Project, Service
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.environment import Environment, Guest
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker import client as client_module
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker import registry as tags
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.client import connect
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.container import Container
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.engine import Engine
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.image import Image
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.image_list import sweep
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.image_marks import mark
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import ForeignObjectError, ImageError
from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders
from ansible_collections.strata.kvm_docker.plugins.module_utils.inputs import Inputs
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.model import Plan
from ansible_collections.strata.kvm_docker.plugins.module_utils.progress import Event, Progress
from ansible_collections.strata.kvm_docker.plugins.module_utils.resolve import resolve_images
from ansible_collections.strata.kvm_docker.plugins.module_utils.resources import plan
from docker.errors import APIError
from image_archives import docker_archive
from lab import LabEngine
from packages import busybox_program
from registry import PASSWORD, USER, Registry

pytestmark = pytest.mark.lab

KINDS: Mapping[str, Any] = {kind.kind: kind() for kind in (Image, Container)}


@dataclass
class Host:
    """One guest's images and, if ``kinds`` says so, containers, converged as the loop does it."""

    client: Any
    folder: Path
    name: str = field(default_factory=lambda: f"t{uuid.uuid4().hex[:8]}")
    services: dict[str, Service] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    kinds: tuple[str, ...] = ("image",)

    def made(self, content: str) -> str:
        """The id of an image that the engine has for pushing."""
        path = self.folder / "made.tar"
        docker_archive(path, [((f"{self.name}/made:{content}",), content.encode())])
        with path.open("rb") as stream:
            list(self.client.load_image(stream))
        return f"{self.name}/made:{content}"

    def serve(self, reference: str, **fields: Any) -> str:
        name = f"s{len(self.services)}"
        fields = {"command": ("/file",), "network_mode": "none", **fields}
        self.services[name] = Service(name=name, image=reference, **fields)
        return reference

    def policy(self, policy: Any) -> None:
        self.services = {name: replace(service, pull_policy=policy) for name, service in self.services.items()}

    @property
    def environment(self) -> Environment:
        project = Project(name=self.name, file=str(self.folder / "compose.yaml"), services=self.services)
        guest = Guest(name="web", image="debian", compose=project)
        return Environment(name=self.name, folder=str(self.folder), guests={"web": guest})

    def look(self, remove_orphans: bool = False, adopt: bool = False) -> tuple[Engine, Plan]:
        environment = self.environment
        inputs = Inputs(images=resolve_images(environment, Folders(self.folder)))
        project = environment.guests["web"].compose
        engine = Engine(guest="web", environment=self.name, client=self.client, project=project, inputs=inputs)
        engine.inputs = engine.inputs.following("web", tags.ask(engine))
        declared = [item for kind in self.kinds for item in KINDS[kind].declare(environment, engine.inputs)]
        observed = [item for kind in self.kinds for item in KINDS[kind].observe(engine, self.name)]
        observed = [item for item in observed if item.key.kind != "container" or item.owned]
        return engine, plan(
            declared,
            observed,
            lambda key, difference: KINDS[key.kind].effect(difference),
            remove_orphans=remove_orphans,
            adopt=adopt,
        )

    def planned(self, **options: bool) -> list[str]:
        return [str(change) for change in self.look(**options)[1]]

    def converge(self, **options: bool) -> list[str]:
        """Plan and apply; what was done."""
        engine, made = self.look(**options)
        for change in made:
            KINDS[change.key.kind].apply(engine, change, Progress(self.events.append))
        return [f"{change.action} {change.key.name}" for change in made]

    def id(self, reference: str) -> str:
        return str(self.client.inspect_image(reference)["Id"])

    def names(self) -> list[str]:
        return sorted(tag for entry in self.client.images() for tag in entry["RepoTags"] or ())


@pytest.fixture
def host(engine_client: Any, tmp_path: Path) -> Iterator[Host]:
    before = {entry["Id"] for entry in engine_client.images()}
    host = Host(engine_client, tmp_path)
    yield host
    for container in engine_client.containers(all=True, filters={"label": f"strata.environment={host.name}"}):
        engine_client.remove_container(container["Id"], force=True)
    for image in {entry["Id"] for entry in engine_client.images()} - before:
        with suppress(APIError):
            engine_client.remove_image(image, force=True)


def pushed(host: Host, registry: Registry, content: str, tag: str = "1", keep: bool = False) -> tuple[str, str]:
    """Reference and digest of an image that is in *registry*, and on the engine only if it is to be kept there."""
    made = host.made(content)
    digest = registry.push(made, host.name, tag)
    if not keep:
        host.client.remove_image(made)
    return f"{registry.address}/{host.name}:{tag}", digest


def test_a_tag_is_pulled_once_marked_and_not_pulled_again(host: Host, registry: Registry) -> None:
    reference, digest = pushed(host, registry, "one")
    host.serve(reference)
    assert host.converge() == [f"create {reference}"]
    found = host.client.inspect_image(reference)
    assert found["RepoDigests"] == [f"{registry.address}/{host.name}@{digest}"]
    assert mark(host.name, reference, f"registry:{reference}") in found["RepoTags"]
    pushed(host, registry, "two")
    assert host.converge() == []
    assert host.id(reference) == found["Id"]


def test_a_digest_is_pulled_once_and_gets_no_tag_but_its_mark(host: Host, registry: Registry) -> None:
    _, digest = pushed(host, registry, "one")
    pushed(host, registry, "two")
    reference = host.serve(f"{registry.address}/{host.name}@{digest}", pull_policy="always")
    assert host.converge() == [f"create {reference}"]
    assert host.converge() == []
    assert host.client.inspect_image(reference)["RepoTags"] == [mark(host.name, reference, f"registry:{reference}")]
    host.services.clear()
    sweep(host.look()[0])
    assert host.converge(remove_orphans=True) == [f"delete {reference}"]
    assert not any(host.name in name for name in host.names())


def test_two_names_of_one_image_are_two_tags_of_it_and_each_can_go(host: Host, registry: Registry) -> None:
    one, _ = pushed(host, registry, "one", "1")
    two, _ = pushed(host, registry, "one", "latest")
    host.serve(one)
    host.serve(two)
    assert host.converge() == [f"create {one}", f"create {two}"]
    assert host.converge() == []
    assert host.id(one) == host.id(two)
    del host.services["s1"]
    assert host.converge(remove_orphans=True) == [f"delete {two}"]
    assert (host.id(one), host.converge()) == (host.id(one), [])
    host.services.clear()
    host.converge(remove_orphans=True)
    assert not any(host.name in name for name in host.names())


@pytest.mark.parametrize("policy", ["missing", "always"])
def test_a_tag_that_somebody_moved_or_removed_on_the_engine_is_put_right(
    host: Host, registry: Registry, policy: str
) -> None:
    reference, _ = pushed(host, registry, "one")
    host.serve(reference, pull_policy=policy)
    host.converge()
    ours = host.id(reference)
    pushed(host, registry, "other", "other", keep=True)
    host.client.tag(f"{host.name}/made:other", f"{registry.address}/{host.name}", "1")
    (planned,) = host.planned()
    assert planned.startswith(f"update image web/{reference}: ")
    assert planned.endswith(" drifted")
    host.converge()
    assert (host.id(reference), host.converge()) == (ours, [])
    host.client.remove_image(reference)
    assert host.converge() == [f"create {reference}"]
    assert (host.id(reference), host.converge()) == (ours, [])


def test_a_tag_that_moves_is_told_with_both_digests_and_followed(host: Host, registry: Registry) -> None:
    reference, old = pushed(host, registry, "one")
    host.serve(reference, pull_policy="always")
    host.converge()
    before = host.id(reference)
    assert host.planned() == []
    _, new = pushed(host, registry, "two")
    assert host.planned() == host.planned() == [f"update image web/{reference}: digest moved from {old} to {new}"]
    assert host.id(reference) == before
    assert host.converge() == [f"update {reference}"]
    assert host.converge() == []
    assert host.id(reference) != before
    assert before not in {entry["Id"] for entry in host.client.images()}


def test_containers_follow_the_tag_in_the_same_run_and_the_old_image_goes(host: Host, registry: Registry) -> None:
    host.kinds = ("image", "container")
    busybox = busybox_program()
    address, command = f"{registry.address}/{host.name}", ("/busybox", "sleep", "3600")
    registry.push(runnable(host, busybox, "one"), host.name, "1")
    reference = host.serve(f"{address}:1", pull_policy="always", command=command, stop_grace_period=0)
    container = f"{host.name}-s0-1"
    assert host.converge() == [f"create {reference}", f"create {container}"]
    assert host.converge() == []
    old = host.id(reference)
    registry.push(runnable(host, busybox, "two"), host.name, "1")
    planned = host.planned()
    assert [line.partition(": ")[0] for line in planned] == [
        f"update image web/{reference}",
        f"replace container web/{container}",
    ]
    assert planned[1].endswith("Image changed")
    host.converge()
    assert host.converge() == []
    assert host.client.inspect_container(container)["Image"] == host.id(reference) != old
    assert old not in {entry["Id"] for entry in host.client.images()}


def runnable(host: Host, busybox: Path, label: str) -> str:
    """An image of nothing but busybox, for pushing; the next one takes its name."""
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as archive:
        archive.add(busybox, "busybox")
    with suppress(APIError):
        host.client.remove_image(f"{host.name}/made:run")
    host.client.import_image_from_data(
        layer.getvalue(), repository=f"{host.name}/made", tag="run", changes=[f"LABEL v={label}"]
    )
    return f"{host.name}/made:run"


def test_neither_missing_nor_never_asks_and_always_takes_what_is_there_if_it_is_the_same(
    host: Host, registry: Registry
) -> None:
    reference, old = pushed(host, registry, "one")
    host.serve(reference)
    host.converge()
    host.policy("always")
    assert host.planned() == []
    _, new = pushed(host, registry, "two")
    for policy in ("missing", "never"):
        host.policy(policy)
        assert host.planned() == []
        assert tags.tags_to_follow(host.look()[0]) == []
    host.policy("always")
    assert host.planned() == [f"update image web/{reference}: digest moved from {old} to {new}"]
    host.converge()
    host.policy("missing")
    assert host.planned() == []


def test_what_somebody_pulled_before_us_is_followed_too_but_not_what_they_made(host: Host, registry: Registry) -> None:
    reference, old = pushed(host, registry, "one")
    host.serve(reference, pull_policy="always")
    host.client.pull(reference)
    assert host.planned() == []
    _, new = pushed(host, registry, "two")
    assert host.planned() == [f"update image web/{reference}: digest moved from {old} to {new}"]
    host.client.remove_image(reference)
    host.client.tag(host.made("strange"), f"{registry.address}/{host.name}", "1")
    with pytest.raises(ForeignObjectError, match=reference):
        host.planned()


def test_a_new_engine_pulls_unasked_and_is_at_rest_when_asked_then(host: Host, registry: Registry) -> None:
    """The first round plans a guest that is not there yet: nobody can ask."""
    reference, _ = pushed(host, registry, "one")
    host.serve(reference)
    host.converge()
    host.policy("always")
    assert host.converge() == []
    pushed(host, registry, "two")
    host.converge()
    assert [name for name in host.names() if name == mark(host.name, reference, f"registry:{reference}")] == []


def test_one_that_has_no_such_tag_is_told_once_for_each_image(host: Host, registry: Registry) -> None:
    for name in ("none", "gone"):
        host.serve(f"{registry.address}/{host.name}/{name}:1", pull_policy="always")
    with pytest.raises(ImageError) as failed:
        host.planned()
    lines = str(failed.value).splitlines()
    assert len(lines) == 2
    assert all("manifest unknown" in line and "take pull_policy away" in line for line in lines)


FAILURES = {"500": "500", "404": "(?i)not found|unknown|404", "401": "(?i)unauthorized|401", "down": "refused"}


@pytest.mark.parametrize("policy", ["missing", "always"])
@pytest.mark.parametrize("fault", FAILURES)
def test_a_registry_that_fails_is_one_clear_error_and_nothing_is_half_made(
    host: Host, faulty_registry: str, fault: str, policy: str
) -> None:
    address = "127.0.0.1:5999" if fault == "down" else faulty_registry
    reference = host.serve(f"{address}/{fault}/x:1", pull_policy=policy)
    before = host.names()
    with pytest.raises(ImageError, match=FAILURES[fault]) as failed:
        host.converge()
    assert str(failed.value).startswith(f"guest web: image {reference}")
    assert "does the guest reach the registry" in str(failed.value)
    assert len(str(failed.value).splitlines()) == 1
    assert host.names() == before


@pytest.mark.parametrize("policy", ["missing", "always"])
def test_a_registry_that_never_answers_ends_in_an_error(
    host: Host, lab_engine: LabEngine, faulty_registry: str, policy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    reference = host.serve(f"{faulty_registry}/hang/x:1", pull_policy=policy)
    monkeypatch.setattr(client_module, "SILENCE", 3)
    host.client = connect(f"unix://{lab_engine.socket}")
    try:
        with pytest.raises(ImageError, match=f"guest web: image {reference}.*does the guest reach the registry"):
            host.converge()
    finally:
        host.client.close()


def test_one_pull_that_fails_leaves_the_others_and_nothing_of_its_own(host: Host, registry: Registry) -> None:
    reference, _ = pushed(host, registry, "one")
    host.serve(reference)
    host.serve(f"{registry.address}/{host.name}@sha256:{'0' * 64}")
    before = host.names()
    with pytest.raises(ImageError, match=r"(?i)manifest unknown|not found"):
        host.converge()
    assert {reference} >= {name for name in set(host.names()) - set(before) if "strata.invalid" not in name}
    del host.services["s1"]
    host.converge()
    assert host.converge() == []


@pytest.mark.parametrize("policy", ["missing", "always"])
def test_the_password_of_docker_login_opens_a_registry_and_is_shown_nowhere(
    host: Host,
    lab_engine: LabEngine,
    closed_registry: Registry,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    policy: str,
) -> None:
    reference, _ = pushed(host, closed_registry, "one")
    host.serve(reference, pull_policy=policy)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    host.client = lab_engine.client()
    with pytest.raises(ImageError, match=r"(?i)no basic auth|unauthorized") as closed:
        host.converge()
    host.client.close()
    wrong = login(tmp_path, closed_registry.address, "wrong-" + PASSWORD)
    host.client = lab_engine.client()
    with pytest.raises(ImageError, match=r"(?i)unauthorized|authentication") as refused:
        host.converge()
    host.client.close()
    right = login(tmp_path, closed_registry.address, PASSWORD)
    host.client = lab_engine.client()
    planned = host.planned()
    assert host.converge() == [f"create {reference}"]
    assert host.converge() == []
    shown = f"{closed.value} {refused.value} {planned} {host.events} {host.look()[1]}"
    shown += json.dumps(host.client.inspect_image(reference))
    shown += (lab_engine.root / "dockerd.log").read_text()
    assert not [secret for secret in (PASSWORD, wrong, right) if secret in shown]
    host.client.close()


def login(folder: Path, address: str, password: str) -> str:
    """What ``docker login`` writes; the token in it."""
    token = base64.b64encode(f"{USER}:{password}".encode()).decode()
    (folder / "config.json").write_text(json.dumps({"auths": {address: {"auth": token}}}))
    return token
