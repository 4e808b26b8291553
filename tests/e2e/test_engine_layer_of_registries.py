# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An engine layer with images that are pulled from a registry that asks for a password, and one that is built on them:
a guest on it pulls and builds nothing, and has the very images that it would have without."""

from __future__ import annotations

import base64
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.environment import ContainerImageBuild
from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest.container_archive import build_archive
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.compare import compare
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.lock import lock_path
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm import embedded, namespaces
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.disk_files import chain
from environments import EnvironmentCopy, running_lab
from kept_one import fingerprint
from lab import lab_engine
from packages import unpacked
from registry import PASSWORD, USER, served

pytestmark = [pytest.mark.lab, pytest.mark.guests]

#: In the hypervisor's namespace; guests come by there.
ADDRESS = "10.99.7.1"
REGISTRY = f"{ADDRESS}:5000"
DECLARATION = f"""\
plugin: strata.kvm_docker.environment
name: outside
images: {{debian13: {{build: {{suite: trixie}}, preload: true}}}}
networks: {{lan: {{cidr: 10.87.0.0/24}}}}
guests:
  only:
    image: debian13
    memory: 768 MiB
    disk: 4 GiB
    networks: {{lan: {{address: 10.87.0.11}}}}
    compose: compose.yaml
    engine: {{settings: {{insecure-registries: ["{REGISTRY}"]}}}}
"""
COMPOSE = """\
services:
  named:
    image: {registry}/team/idle@{digest}
    command: [busybox, sleep, "1000000"]
    network_mode: none
  tagged:
    image: {registry}/team/idle:2
    command: [busybox, sleep, "1000000"]
    network_mode: none
  app:
    build: app
    command: [busybox, sleep, "1000000"]
    network_mode: none
"""
DOCKERFILE = f"""\
FROM {REGISTRY}/team/idle:2
RUN head -c 16 /dev/urandom > /drawn
COPY said /said
"""
IDLE = ContainerImageBuild(suite="trixie", packages=("haproxy", "busybox"))


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EnvironmentCopy]:
    """An environment whose images are in a registry, and nothing of it is up."""
    folder = tmp_path_factory.mktemp("outside")
    program = unpacked("docker-registry") / "usr/bin/docker-registry"
    with running_lab() as lab:
        store = folder / "registry"
        store.mkdir()
        digest = pushed(lab.folders, program, store)
        copy = EnvironmentCopy.written(lab, folder / "outside", DECLARATION)
        (copy.folder / "compose.yaml").write_text(COMPOSE.format(registry=REGISTRY, digest=digest))
        (copy.folder / "app").mkdir()
        (copy.folder / "app" / "Dockerfile").write_text(DOCKERFILE)
        (copy.folder / "app" / "said").write_text("one\n")
        login = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        (folder / "config.json").write_text(json.dumps({"auths": {REGISTRY: {"auth": login}}}))
        lab.environment["DOCKER_CONFIG"] = str(folder)
        lab.start_hypervisor()
        netns = embedded.netns(lab.folders)
        namespaces.run(namespaces.inside(netns, ["ip", "address", "add", f"{ADDRESS}/32", "dev", "lo"]))
        with served(lambda argv: namespaces.inside(netns, argv), program, store, REGISTRY, password=True):
            yield copy


def pushed(folders: Folders, program: Path, store: Path) -> str:
    """Have an image in *store* as ``team/idle``, tags 1 and 2; the digest of the first."""
    archive = build_archive(IDLE, "debian-haproxy:13", folders, lambda message, fraction: None)
    with lab_engine() as engine, served(engine.inside, program, store, "127.0.0.1:5000"):
        client = engine.client()
        with archive.open("rb") as stream:
            client.load_image(stream)
        digests = []
        for tag in ("1", "2"):
            made = client.create_container("debian-haproxy:13", ["busybox", "true"])
            client.commit(made["Id"], "127.0.0.1:5000/team/idle", tag, message=tag)
            events = list(client.push("127.0.0.1:5000/team/idle", tag, stream=True, decode=True))
            digests += [event["aux"]["Digest"] for event in events if "aux" in event]
        client.close()
    assert len(set(digests)) == 2
    return str(digests[0])


def lock(copy: EnvironmentCopy) -> None:
    done = copy.lab.command("strata", "lock", str(copy.declaration))
    assert done.returncode == 0, done.stderr


def test_a_guest_on_a_layer_pulls_and_builds_nothing_and_has_the_very_images(
    copy: EnvironmentCopy,
) -> None:
    copy.edit(copy.declaration, ", preload: true", "")
    copy.converge()
    lock(copy)
    copy.converge()
    without = fingerprint(copy, 3)
    copy.converge("absent")
    copy.edit(copy.declaration, "{suite: trixie}", "{suite: trixie}, preload: true")

    run = copy.start()
    told = run.result()

    assert "create engine_layer debian13: not there" in told["changes"]
    of_layer, of_guest = (
        [event for event in run.events.read_text().splitlines() if f'"stage": "{stage}' in event]
        for stage in ("engine_layer debian13", "image only/")
    )
    assert any(re.search("image . of 3: ", event) for event in of_layer)
    assert not [event for event in of_guest if re.search("building|download|extract|pull", event)]
    assert copy.converge()["changes"] == []
    other = [each.path for each in compare(without, fingerprint(copy, 3)).differences]
    assert [path for path in other if path.startswith(("images/", "engines/"))] == []
    layer = next(iter(list(chain(copy.lab.folders.pool("outside") / "only.qcow2"))[1:]))
    assert layer.parent.parent.name == "layers"
    for secret in (PASSWORD, base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()):
        found = subprocess.run(["grep", "-rlF", secret, layer.parent, copy.lab.folders.root], capture_output=True)
        assert found.stdout == b""


def test_a_build_of_a_layer_is_the_cache_of_the_next_one(copy: EnvironmentCopy) -> None:
    drawn = copy.inside("only", "docker exec only-app-1 sha256sum /drawn")
    (copy.folder / "app" / "said").write_text("two\n")
    lock(copy)
    told = copy.converge()
    assert [line.partition(":")[0] for line in told["changes"]] == [
        "update image only/only-app",
        "replace container only/only-app-1",
    ]
    assert copy.inside("only", "docker exec only-app-1 cat /said") == ["two"]
    assert copy.inside("only", "docker exec only-app-1 sha256sum /drawn") == drawn


def test_a_registry_that_is_not_there_is_told_before_a_guest_is_made(copy: EnvironmentCopy) -> None:
    copy.converge("absent")
    copy.edit(copy.folder / "compose.yaml", f"{REGISTRY}/team/idle@", "10.99.7.1:5999/team/idle@")
    copy.edit(copy.declaration, f'"{REGISTRY}"', f'"{REGISTRY}", "10.99.7.1:5999"')
    lock_path(copy.declaration).unlink()
    said = copy.refused()
    assert "engine_layer debian13: the layer's engine: image 10.99.7.1:5999/team/idle@" in said
    assert "cannot be pulled" in said
    assert copy.lab.virsh("list", "--all", "--name").split() == []
    assert list((copy.lab.folders.images / ".staging").glob("*")) == []
    assert not list(copy.lab.folders.root.glob("layer-*"))
