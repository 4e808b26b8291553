# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Pulumi program that brings a Compose project up on one engine; ``request.json`` in its folder says which."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import docker
import pulumi
import pulumi_docker
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.compose import Project
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.environment import Environment, Guest
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.read_compose import read_compose
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker import (
    container_calls,
    docker_network,
    docker_volume,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.container_creation import (
    Creation,
    creation_of,
    shared,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.engine import Engine
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.unnamed_volumes import volumes_of_image
from ansible_collections.strata.kvm_docker.plugins.module_utils.inputs import ImageInput, Inputs
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan import planner
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.model import Declared, Key, Observed
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.secrets import Seal
from ansible_collections.strata.kvm_docker.plugins.module_utils.progress import Progress
from ansible_collections.strata.kvm_docker.plugins.module_utils.resources import RESOURCES, effect, plan
from pulumi import dynamic
from strata_pulumi.docker_twins.container import container_twin
from strata_pulumi.docker_twins.network import network_import, network_twin
from strata_pulumi.docker_twins.staying import staying
from strata_pulumi.docker_twins.twin import Twin
from strata_pulumi.docker_twins.unsayable import unsayable
from strata_pulumi.docker_twins.volume import unnamed_volume_twins, volume_import, volume_twin

GUEST = "apps"
KINDS = ("docker_network", "docker_volume", "container")
SOURCE = "recipe:1"
SEAL = Seal(b"a key of tests")


def inputs_of(project: Project) -> Inputs:
    references = sorted({service.image for service in project.services.values()})
    images = {(GUEST, name): ImageInput(reference=name, source=SOURCE) for name in references}
    return Inputs(images=images, seal=SEAL)


class SettlingProvider(dynamic.ResourceProvider):
    """The core's own change of one container, and its wait."""

    def create(self, props: dict[str, Any]) -> dynamic.CreateResult:
        settle(props)
        return dynamic.CreateResult(props["name"], props)

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> dynamic.DiffResult:
        names = ("container", "digest")
        return dynamic.DiffResult(changes=bool(news["drift"]) or any(olds[name] != news[name] for name in names))

    def update(self, _id: str, _olds: dict[str, Any], news: dict[str, Any]) -> dynamic.UpdateResult:
        settle(news)
        return dynamic.UpdateResult({**news, "drift": ""})

    def delete(self, _id: str, props: dict[str, Any]) -> None:
        """The container stops with its own grace: the provider kills one that was taken over."""
        engine = engine_of(json.loads(props["request"]))
        found = container_calls.find(engine, props["name"])
        if found and found["Id"] == props["container"]:
            container_calls.stop(engine, found)


class Settling(dynamic.Resource):
    def __init__(self, name: str, props: dict[str, Any], opts: pulumi.ResourceOptions) -> None:
        super().__init__(SettlingProvider(), name, props, opts)


def settle(props: dict[str, Any]) -> None:
    engine, declared = engine_of(json.loads(props["request"])), []
    for kind in KINDS:
        declared += RESOURCES[kind].declare(environment_of(engine), engine.inputs)
    observed = [item for kind in KINDS for item in RESOURCES[kind].observe(engine, engine.environment)]
    for change in plan(declared, observed, effect):
        if change.key.kind == "container" and change.key.name == props["name"]:
            assert change.action in ("update", "start", "stop", "restart"), str(change)
            RESOURCES["container"].apply(engine, change, Progress())
    RESOURCES["container"].settle(engine, Key("container", props["name"], GUEST), "healthy", Progress())


def engine_of(request: dict[str, Any]) -> Engine:
    project = read_compose(request["compose"], "p")
    client = docker.APIClient(base_url=request["socket"], version="auto", timeout=60)
    return Engine(
        guest=GUEST, environment=request["environment"], client=client, project=project, inputs=inputs_of(project)
    )


def environment_of(engine: Engine) -> Environment:
    guest = Guest(name=GUEST, image="none", compose=engine.project)
    return Environment(name=engine.environment, folder="/nowhere", guests={GUEST: guest})


@dataclass(kw_only=True)
class Program:
    """``host``, ``ssh_opts``: of the provider; ``engine``: the core's view of the same engine."""

    name: str
    project: Project
    engine: Engine
    provider: pulumi_docker.Provider
    take_over: bool
    request: str
    made: dict[Key, pulumi.CustomResource] = field(default_factory=dict)
    settlings: dict[Key, pulumi.CustomResource] = field(default_factory=dict)
    drifted: frozenset[Key] = frozenset()
    stays: frozenset[Key] = frozenset()
    there: dict[Key, Observed] = field(default_factory=dict)

    def run(self) -> None:
        environment = environment_of(self.engine)
        kinds = [RESOURCES[kind] for kind in KINDS]
        declared = [item for kind in kinds for item in kind.declare(environment, self.engine.inputs)]
        observed = [item for kind in kinds for item in kind.observe(self.engine, self.name)]
        self.there = {item.key: item for item in observed if item.owned}
        planned = plan(declared, observed, effect)
        self.stays = staying(declared, planned)
        self.drifted = planned.keys()
        items = {item.key: item for item in declared}
        for key in planner.order(declared):
            if key in items:
                getattr(self, f"_{key.kind}")(items[key])

    def _docker_network(self, item: Declared) -> None:
        creation = docker_network.create_arguments(self.name, item, SEAL, self.engine.origin)
        imported = network_import(self.there[item.key]) if self._taken(item.key) else None
        self._register(item, network_twin(item, creation), pulumi_docker.Network, imported)

    def _docker_volume(self, item: Declared) -> None:
        creation = docker_volume.create_arguments(self.name, item, SEAL, self.engine.origin)
        imported = volume_import(item.key.name) if self._taken(item.key) else None
        self._register(item, volume_twin(item, creation), pulumi_docker.Volume, imported)

    def _container(self, item: Declared) -> None:
        creation = self._creation(item)
        api = tuple(int(part) for part in self.engine.client.api_version.split("."))
        assert not (found := unsayable(creation, api)), found
        for twin in unnamed_volume_twins(creation):
            self._register(item, twin, pulumi_docker.Volume, None, volume=True)
        there, stays = self.there.get(item.key), item.key in self.stays
        twin = container_twin(item, creation, stays=stays, instead_of=there.handle if there and not stays else "")
        self._register(item, twin, pulumi_docker.Container, None)
        self._settle(item)

    def _settle(self, item: Declared) -> None:
        """In place of ``strata:index:Object``."""
        made = self.made[item.key]
        digest = hashlib.sha256(json.dumps(SEAL.close(item.spec, item.sensitive), sort_keys=True).encode()).hexdigest()
        needs = [self.settlings[need.key] for need in item.needs if need.key in self.settlings]
        drift = (item.key in self.drifted and "drifted") or ""
        told = {"name": item.key.name, "container": made.id, "digest": digest, "drift": drift, "request": self.request}
        options = pulumi.ResourceOptions(depends_on=needs, replace_with=[made], delete_before_replace=True)
        self.settlings[item.key] = Settling(f"settle-{item.key.name}", told, options)

    def _creation(self, item: Declared) -> Creation:
        return creation_of(
            item,
            self.name,
            SEAL,
            origin=self.engine.origin,
            api=tuple(int(part) for part in self.engine.client.api_version.split(".")),
            of_image=volumes_of_image(self.engine, item.spec["Config"]["Image"]),
            ids={name: name for name in shared(item.spec)},
        )

    def _taken(self, key: Key) -> bool:
        return self.take_over and key in self.stays and key in self.there

    def _register(self, item: Declared, twin: Twin, resource: Any, imported: str | None, volume: bool = False) -> None:
        arguments: dict[str, Any] = dict(twin.arguments)
        for name in twin.secret:
            arguments[name] = pulumi.Output.secret(arguments[name])
        for argument, other in twin.namespaces.items():
            arguments[argument] = self.made[Key("container", other, GUEST)].id.apply(lambda found: f"container:{found}")
        needed = [self.made[need.key] for need in item.needs if need.key in self.made]
        needed += [self.settlings[need.key] for need in item.needs if need.key in self.settlings]
        below = [self.made[need.key] for need in item.needs if need.key in self.made and need.key.kind != "container"]
        sharing = [self.made[Key("container", other, GUEST)] for other in twin.namespaces.values()]
        options = pulumi.ResourceOptions(
            provider=self.provider,
            depends_on=needed + [made for key, made in self.made.items() if key.kind == "unnamed"],
            ignore_changes=list(twin.ignored),
            replace_on_changes=list(twin.replacing),
            delete_before_replace=True,
            replace_with=[]
            if volume
            else [made for made in below if isinstance(made, pulumi_docker.Network)] + sharing,
            import_=imported,
        )
        made = resource(f"{item.key.kind}-{twin.name}", **arguments, opts=options)
        self.made[Key("unnamed", twin.name, GUEST) if volume else item.key] = made


def main() -> None:
    text = Path("request.json").read_text()
    request = json.loads(text)
    engine = engine_of(request)
    given = {"host": request.get("host", request["socket"]), "ssh_opts": request.get("ssh_opts")}
    Program(
        name=request["environment"],
        project=engine.project or Project(name="", file=""),
        engine=engine,
        provider=pulumi_docker.Provider("engine", **given),
        take_over=request.get("take_over", False),
        request=text,
    ).run()


if __name__ == "__main__":
    main()
