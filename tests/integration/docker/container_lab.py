# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A project on a real engine, brought up as the converge does it: observe, plan, apply, settle."""

from __future__ import annotations

import io
import shlex
import subprocess
import tarfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.compose import (
    Healthcheck,
    Network,
    Project,
    Service,
    ServiceNetwork,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.environment import Environment, Guest
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.applied_notes import AppliedNotes
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.container import Container
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.docker_network import DockerNetwork
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.docker_volume import DockerVolume
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.engine import WAIT_TIMEOUT, Engine
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.image_marks import mark
from ansible_collections.strata.kvm_docker.plugins.module_utils.inputs import ImageInput, Inputs
from ansible_collections.strata.kvm_docker.plugins.module_utils.layers.layer import Layer
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.model import Change, Declared, Key, Observed, Plan
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.secrets import Seal
from ansible_collections.strata.kvm_docker.plugins.module_utils.progress import Progress
from ansible_collections.strata.kvm_docker.plugins.module_utils.resources import plan

if TYPE_CHECKING:
    import docker

GUEST = "apps"
IMAGE = "strata-test/busybox:1"
#: Without a command, an entry point or an environment of its own.
PLAIN = "strata-test/plain:1"
KINDS: Mapping[str, Any] = {kind.kind: kind() for kind in (DockerNetwork, DockerVolume, Container)}
HEALTHY = Healthcheck(test=("CMD", "true"), interval=0.2)
#: Ends at once when it is told to.
SLEEP = ("sh", "-c", "trap 'exit 0' TERM; sleep 3600 & wait")


def import_image(client: docker.APIClient, busybox: Path, reference: str, changes: Sequence[str] = ()) -> None:
    """An image of busybox under every name that the tests call."""
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as archive:
        archive.add(busybox, "bin/busybox")
        for name in ("sh", "sleep", "true", "false", "cat", "id", "httpd", "wget", "nslookup", "ip"):
            link = tarfile.TarInfo(f"bin/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            archive.addfile(link)
    repository, _colon, tag = reference.rpartition(":")
    client.import_image_from_data(layer.getvalue(), repository=repository, tag=tag, changes=list(changes))


class LocalShell:
    """Runs commands of a guest's shell here, with the guest's files below a folder of the test's own."""

    def run(self, command: str, stdin: bytes | None = None, timeout: float = 60) -> bytes:
        return subprocess.run(
            ["sh", "-c", command], input=stdin, capture_output=True, timeout=timeout, check=True
        ).stdout

    def write_file(self, path: str, content: bytes, mode: int) -> None:
        self.run(f"cat > {shlex.quote(path)} && chmod {mode:04o} {shlex.quote(path)}", stdin=content)

    def close(self) -> None:
        """Nothing to close."""


@dataclass(kw_only=True)
class Stack:
    """One project of an environment of its own; change ``project`` and run again."""

    client: docker.APIClient
    name: str
    project: Project
    source: str = "recipe:1"
    shell: Any = None
    events: list[str] = field(default_factory=list)
    seal: Seal = field(default_factory=Seal)
    wait_timeout: int = WAIT_TIMEOUT
    notes: AppliedNotes | None = None

    @property
    def engine(self) -> Engine:
        return Engine(
            guest=GUEST,
            environment=self.name,
            client=self.client,
            shell=self.shell,
            project=self.project,
            inputs=self.inputs,
            wait_timeout=self.wait_timeout,
            notes=self.notes,
        )

    @property
    def layer(self) -> Layer:
        """As a module or a run brings it up: all at once where it can be, until nothing is left; orphans go."""
        return Layer(
            environment=self.environment,
            connection=self.engine,
            kinds=tuple(KINDS),
            inputs=self.inputs,
            speaks_for=lambda item: isinstance(item, Declared) or item.owned,
            remove_orphans=True,
            wait=False,
        )

    @property
    def inputs(self) -> Inputs:
        references = {IMAGE, *(service.image for service in self.project.services.values())}
        return Inputs(
            images={(GUEST, name): ImageInput(reference=name, source=self.source) for name in sorted(references)},
            seal=self.seal,
        )

    @property
    def environment(self) -> Environment:
        guest = Guest(name=GUEST, image="debian13", compose=self.project)
        return Environment(name=self.name, folder="/nowhere", guests={GUEST: guest})

    def declared(self) -> list[Declared]:
        return [item for kind in KINDS.values() for item in kind.declare(self.environment, self.inputs)]

    def observed(self) -> list[Observed]:
        return [item for kind in KINDS.values() for item in kind.observe(self.engine, self.name)]

    def plan(self, remove_orphans: bool = False, adopt: bool = False) -> Plan:
        return plan(
            self.declared(),
            self.observed(),
            lambda key, difference: KINDS[key.kind].effect(difference),
            remove_orphans=remove_orphans,
            adopt=adopt,
        )

    def run(self, remove_orphans: bool = False, adopt: bool = False) -> Plan:
        """One converge, one change after the other."""
        planned = self.plan(remove_orphans, adopt)
        for change in planned:
            self.apply(change)
        return planned

    def apply(self, change: Change) -> None:
        """Do *change* when what it waits for is there."""
        progress = Progress(lambda event: self.events.append(event.message))
        for need in change.needs:
            if need.condition != "applied":
                KINDS[need.key.kind].settle(self.engine, need.key, need.condition, progress)
        KINDS[change.key.kind].apply(self.engine, change, progress)

    def settle(self, name: str, condition: Any = "healthy") -> None:
        progress = Progress(lambda event: self.events.append(event.message))
        KINDS["container"].settle(self.engine, Key("container", name, GUEST), condition, progress)

    def mark_image(self) -> None:
        """As the image's own kind does when it puts an image of ``source`` there."""
        for reference in {service.image for service in self.project.services.values()} or {IMAGE}:
            repository, _colon, tag = mark(self.name, reference, self.source).rpartition(":")
            self.client.tag(reference, repository, tag)

    def change(self, service: str, **fields: Any) -> None:
        """Declare *service* otherwise."""
        services = {**self.project.services, service: replace(self.project.services[service], **fields)}
        self.project = replace(self.project, services=services)

    def inspect(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.client.inspect_container(name)
        return found

    def kill(self, name: str) -> None:
        """End the container and wait until the engine knows."""
        self.client.kill(name)
        self.client.wait(name)

    def containers(self) -> dict[str, str]:
        """State by name, of every container of the environment."""
        rows = self.client.containers(all=True, filters={"label": f"strata.environment={self.name}"})
        return {row["Names"][0].lstrip("/"): row["State"] for row in rows}

    def remove(self) -> None:
        """Everything of the environment."""
        mine = {"label": f"strata.environment={self.name}"}
        for row in self.client.containers(all=True, filters=mine):
            self.client.remove_container(row["Id"], force=True, v=True)
        for network in self.client.networks(filters=mine):
            self.client.remove_network(network["Id"])
        for volume in self.client.volumes(filters=mine)["Volumes"] or ():
            self.client.remove_volume(volume["Name"])


#: The fixture ``stack``: a name, services, and other fields of the project.
Make: TypeAlias = Callable[..., Stack]


def sleeper(name: str = "app", **fields: Any) -> Service:
    """A service that runs and ends at once when told to."""
    return Service(name=name, image=IMAGE, **{"command": SLEEP, "stop_grace_period": 1, **fields})


def project(name: str, *services: Service, **fields: Any) -> Project:
    """A project with a network ``default`` that services without one are on."""
    attached = [
        service
        if service.networks or service.network_mode
        else replace(service, networks={"default": ServiceNetwork()})
        for service in services
    ]
    networks = {"default": Network(name=f"{name}_default"), **fields.pop("networks", {})}
    return Project(
        name=name,
        file="/nowhere/compose.yaml",
        services={service.name: service for service in attached},
        networks=networks,
        **fields,
    )
