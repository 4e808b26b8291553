# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The component of what runs on a guest's engine."""

# No "from __future__ import annotations": Pulumi reads the types of a component's arguments at run time.

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, TypedDict
from uuid import uuid4

import pulumi
import pulumi_docker as docker
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.replicas import replicas
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker import docker_network, docker_volume
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.container_creation import (
    Creation,
    creation_of,
    shared,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.file_mounts import file_mounts
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.labels import origin
from ansible_collections.strata.kvm_docker.plugins.module_utils.naming import LABEL_PROVIDER
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.model import Declared, Key
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.secrets import Seal

from ..docker_twins.container import ALL_ARGUMENTS, container_twin
from ..docker_twins.network import network_import, network_twin
from ..docker_twins.twin import Arguments, Twin
from ..docker_twins.unsayable import unsayable
from ..docker_twins.volume import unnamed_volume_twins, volume_import, volume_twin
from ..engine_look import EngineLook
from ..program import Program
from ..resources import ContainerFiles, Object
from .engine import Engine

#: API versions: a creation is reckoned with the one, and what can be said of it with the other, before the engine tells
#: its own.
NEWEST, OLDEST = (1, 99), (1, 24)


class ServicesArgs(TypedDict):
    """Which services."""

    program: Program
    """What the program has registered so far."""
    engine: Engine
    """The engine that they run on."""


class Services(pulumi.ComponentResource):
    """The images, networks, volumes and containers of a guest's Compose files."""

    containers: dict[str, docker.Container]
    """Those that ``pulumi_docker`` makes, by name; the others are the core's."""

    def __init__(self, name: str, args: ServicesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("strata:components:Services", name, None, opts)
        self._program, self._engine = args["program"], args["engine"]
        self._declaration, self._guest = self._program.declaration, self._engine.guest.guest
        project = self._declaration.environment.guests[self._guest].compose
        self._origin = origin(project.name if project else "", by_module=False)
        self._replicas = replicas(project)
        self._replaced_with: dict[str, list[pulumi.Resource]] = defaultdict(list)
        self.containers = {}
        for item in self._declaration.of("image", self._guest):
            self._program.object(item.key, self._engine.inside(self), after=self._engine.settled)
        for item in self._declaration.of("docker_network", self._guest):
            self._network(item)
        for item in self._declaration.of("docker_volume", self._guest):
            self._volume(item)
        for item in self._declaration.of("container", self._guest):
            self._container(item)
        self.register_outputs({"containers": {name: made.id for name, made in self.containers.items()}})

    def _network(self, item: Declared) -> None:
        """Made or imported by the provider; the core follows changes, below containers that run on, and deletes."""
        created = docker_network.create_arguments(*self._marked(item))
        twin, there = network_twin(item, created), self._there(item.key)
        twin = replace(twin, ignored=(*twin.ignored, "labels"))  # in which the core notes what it has made of it
        known = self._looked.known_networks.get(item.key.name) if self._looked else None
        options = self._options(item.key, twin, (known or network_import(there)) if there else None)
        made = docker.Network(self._program.title(item.key), **_given(twin, twin.arguments), opts=options)
        self._program.object(item.key, self._engine.inside(self), after=[made], provider_id=made.id)

    def _volume(self, item: Declared) -> None:
        created = docker_volume.create_arguments(*self._marked(item))
        twin = volume_twin(item, created)
        options = self._options(item.key, twin, volume_import(item.key.name) if self._there(item.key) else None)
        made = docker.Volume(self._program.title(item.key), **_given(twin, twin.arguments), opts=options)
        self._program.object(item.key, self._engine.inside(self), after=[made])

    def _container(self, item: Declared) -> None:
        """The provider makes it where it can, and the core gives it what that cannot, starts it and waits for it."""
        twin_of = partial(container_twin, item, stays=self._stays(item.key), instead_of=self._former(item.key))
        creation = self._creation(item, NEWEST, frozenset())
        assumed = twin_of(creation)
        sharing = [made for name in sorted(shared(item.spec)) for made in self._replaced_with[name]]
        files = self._files(item)
        made: list[pulumi.Resource] = []
        if self._is_providers(item, creation, assumed):
            made.append(self._by_provider(item, assumed, twin_of, files, sharing))
        self._replaced_with[item.key.name] = [*sharing, *made]
        anew = pulumi.ResourceOptions(replace_with=[*sharing, *made], delete_before_replace=True)
        inside = pulumi.ResourceOptions.merge(self._engine.inside(self), anew)
        self._program.object(item.key, inside, after=[*files, *made, *self._engine.settled])

    def _is_providers(self, item: Declared, creation: Creation, assumed: Twin) -> bool:
        """Whether the container is the provider's to make: it can say all of it, and none is there that the stack does
        not know, as it cannot take over any."""
        looked, name = self._looked, item.key.name
        leaves = unsayable(creation, looked.api if looked else OLDEST)
        if leaves:
            pulumi.log.info(f"{item.key}: made by the core, as pulumi_docker has no words for {', '.join(leaves)}")
        is_others = bool(looked and item.key in looked.there and name not in looked.by_provider)
        shares_others = any(other not in self.containers for other in assumed.namespaces.values())
        return not (leaves or is_others or shares_others)

    def _by_provider(
        self,
        item: Declared,
        assumed: Twin,
        twin_of: Callable[[Creation], Twin],
        files: list[pulumi.Resource],
        sharing: list[pulumi.Resource],
    ) -> docker.Container:
        later = self._known(item, twin_of)
        given: dict[str, Any] = {name: later.apply(partial(_argument, name)) for name in {"name", *ALL_ARGUMENTS}}
        given |= {
            argument: pulumi.Output.concat("container:", self.containers[name].id)
            for argument, name in assumed.namespaces.items()
        }
        options = pulumi.ResourceOptions.merge(
            self._options(item.key, assumed, None), pulumi.ResourceOptions(depends_on=files, replace_with=sharing)
        )
        made = docker.Container(self._program.title(item.key), **_given(assumed, given), opts=options)
        self.containers[item.key.name] = made
        return made

    @property
    def _looked(self) -> EngineLook | None:
        return self._declaration.engines.get(self._guest)

    def _stays(self, key: Key) -> bool:
        """What cannot be looked at is left as it is."""
        looked = self._looked
        return looked is None or (key in looked.stays and key in looked.there)

    def _former(self, key: Key) -> str:
        """What the container is made in place of: one that does not stay, or one that is gone, of which Pulumi may not
        know."""
        looked = self._looked
        if looked is None or self._stays(key):
            return ""
        there = looked.there.get(key)
        return str(there.handle) if there else uuid4().hex

    def _known(self, item: Declared, twin_of: Callable[[Creation], Twin]) -> pulumi.Output[Arguments]:
        """The arguments, once the engine tells its API version and what volumes the image has; with the volumes that
        nobody named there."""
        image = self._program.made.get(Key("image", str(item.spec["Config"]["Image"]), self._guest))
        handle = image.handle if isinstance(image, Object) else pulumi.Output.from_input({})

        def known(found: list[Any]) -> pulumi.Output[Arguments]:
            api, of_image, mark = found
            version = tuple(int(part) for part in api.split("."))
            creation = self._creation(item, version, frozenset(of_image.get("volumes", "").splitlines()), mark)
            made = [self._unnamed(item.key, twin) for twin in unnamed_volume_twins(creation)]
            arguments = twin_of(creation).arguments
            return pulumi.Output.all(*(volume.id for volume in made)).apply(lambda _: arguments)

        return pulumi.Output.all(self._engine.ready.api_version, handle, self._program.access.mark).apply(known)

    def _unnamed(self, key: Key, twin: Twin) -> docker.Volume:
        title = f"{self._program.title(key)}/{twin.name}"
        options = pulumi.ResourceOptions.merge(
            self._options(key, twin, None), pulumi.ResourceOptions(retain_on_delete=False)
        )
        return docker.Volume(title, **_given(twin, twin.arguments), opts=options)

    def _creation(self, item: Declared, api: tuple[int, ...], of_image: frozenset[str], mark: str = "") -> Creation:
        return creation_of(
            item,
            self._declaration.name,
            self._declaration.inputs.seal,
            origin=self._origin,
            api=api,
            of_image=of_image,
            ids={name: name for name in shared(item.spec)},
            told={LABEL_PROVIDER: mark},
        )

    def _files(self, item: Declared) -> list[pulumi.Resource]:
        """Its secrets and configs, where it has any, whoever makes it."""
        paths = [file.path for file in file_mounts(self._replicas[item.key.name], self._declaration.inputs.seal)]
        if not paths:
            return []
        files = ContainerFiles(
            self._program.title(item.key),
            {
                "declaration": str(self._declaration.path),
                "environment": self._declaration.name,
                "guest": self._guest,
                "name": item.key.name,
                "files": sorted(paths),
            },
            pulumi.ResourceOptions.merge(
                self._engine.inside(self), pulumi.ResourceOptions(depends_on=self._engine.settled)
            ),
        )
        return [files]

    def _marked(self, item: Declared) -> tuple[str, Declared, Seal, Mapping[str, str]]:
        return self._declaration.name, item, self._declaration.inputs.seal, self._origin

    def _there(self, key: Key) -> Any:
        return self._looked.there.get(key) if self._looked else None

    def _options(self, key: Key, twin: Twin, imported: str | None) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions.merge(
            self._engine.inside(self),
            pulumi.ResourceOptions(
                provider=self._engine.provider,
                depends_on=[*self._program.needed(key), *self._engine.settled],
                delete_before_replace=True,
                ignore_changes=list(twin.ignored),
                replace_on_changes=list(twin.replacing),
                import_=imported,
                retain_on_delete=True,
            ),
        )


def _argument(name: str, arguments: Arguments) -> Any:
    return arguments.get(name)


def _given(twin: Twin, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """*arguments*, of *twin*, with its secrets as Pulumi's."""
    return {name: pulumi.Output.secret(value) if name in twin.secret else value for name, value in arguments.items()}
