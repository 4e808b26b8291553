# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every kind of object that there is, by name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any

from .declare.environment import Environment
from .docker.container import Container
from .docker.docker_network import DockerNetwork
from .docker.docker_volume import DockerVolume
from .docker.image import Image
from .docker.mount import Mount
from .docker.settings import Settings
from .errors import StrataError
from .guest.container_archive import ContainerArchive
from .guest.guest_image import GuestImageKind
from .inputs import Inputs
from .kvm.disk import Disk
from .kvm.forward import Forward
from .kvm.guest import Guest
from .kvm.network import Network
from .kvm.pool import Pool
from .plan import planner
from .plan.model import Declared, Difference, Effect, Key, Observed, Traits
from .store.engine_layer import EngineLayer

#: Objects of the hypervisor; their connection is a ``Hypervisor``.
HYPERVISOR = (Network(), Pool(), GuestImageKind(), ContainerArchive(), EngineLayer(), Disk(), Guest(), Forward())
#: Objects on a guest's engine; their connection is an ``Engine``.
ENGINE = (Mount(), Settings(), Image(), DockerNetwork(), DockerVolume(), Container())

HYPERVISOR_KINDS = tuple(resource.kind for resource in HYPERVISOR)
IMAGE_KINDS = (GuestImageKind.kind,)
#: What is made here, once for all environments, of inputs that a lock holds.
STORE_KINDS = (GuestImageKind.kind, ContainerArchive.kind, EngineLayer.kind)
SETTINGS_KINDS = (Settings.kind,)
ENGINE_KINDS = tuple(resource.kind for resource in ENGINE)
RESOURCES: dict[str, Any] = {resource.kind: resource for resource in (*HYPERVISOR, *ENGINE)}
#: Every kind, in the order of the layers that they stand on.
KINDS: Mapping[str, Traits] = {resource.kind: resource.traits for resource in (*HYPERVISOR, *ENGINE)}

#: :func:`~.plan.planner.plan` of these kinds.
plan = partial(planner.plan, kinds=KINDS)


def declared(kinds: Iterable[str], environment: Environment, inputs: Inputs) -> Iterator[Declared]:
    """Every object of *kinds* that *environment* asks for."""
    for kind in kinds:
        yield from RESOURCES[kind].declare(environment, inputs)


def observed(
    kinds: Iterable[str], connection: Any, environment: str, wanted: Iterable[Declared] = ()
) -> Iterator[Observed]:
    """Every object of *kinds* behind *connection*: those of *environment*, and others that bear a name of it.

    Of the shared store it is those that are *wanted*, which may be of any kind.
    """
    wanted = tuple(wanted)
    for kind in kinds:
        if kind in STORE_KINDS:
            yield from RESOURCES[kind].stored(connection, [item for item in wanted if item.key.kind == kind])
        else:
            yield from RESOURCES[kind].observe(connection, environment)


def effect(key: Key, difference: Difference) -> Effect:
    """What it takes to apply *difference* of the object of *key*; :class:`StrataError` where it must not be applied."""
    try:
        found: Effect = RESOURCES[key.kind].effect(difference)
    except StrataError as error:
        raise type(error)(f"{key}: {error}") from error
    return found
