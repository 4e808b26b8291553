# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One guest that is booted for all tests of this folder, through the same kinds that a converge uses."""

from __future__ import annotations

import time
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network
from typing import TYPE_CHECKING, Any

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.environment import (
    Attachment,
    EngineSettings,
    Environment,
    Guest,
    GuestImage,
    GuestNetwork,
    ImageBuild,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest import access, guest_image
from ansible_collections.strata.kvm_docker.plugins.module_utils.inputs import Inputs
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm import ready
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.disk import Disk
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.guest import Guest as GuestKind
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.network import Network
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.pool import Pool
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.model import Change, Declared, Key, Observed
from ansible_collections.strata.kvm_docker.plugins.module_utils.progress import Event, Progress
from booted_guest import BootedGuest

if TYPE_CHECKING:
    from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.hypervisor import Hypervisor

IMAGE = GuestImage(build=ImageBuild(suite="trixie"))
KINDS: tuple[Any, ...] = (Network(), Pool(), Disk(), GuestKind())


@pytest.fixture(scope="module")
def guest_environment() -> Environment:
    return Environment(
        name="ready",
        folder="/",
        images={"debian": IMAGE},
        networks={"lan": GuestNetwork(cidr=IPv4Network("10.87.0.0/24"), domain="ready")},
        guests={
            "web": Guest(
                name="web",
                image="debian",
                memory=768 * 1024**2,
                networks={"lan": Attachment(address=IPv4Address("10.87.0.11"))},
                engine=EngineSettings(settings={"log-driver": "local"}),
            )
        },
    )


@pytest.fixture(scope="module")
def booted(hypervisor: Hypervisor, guest_environment: Environment) -> Iterator[BootedGuest]:
    prepared = access.prepare(guest_environment, hypervisor.folders, hypervisor.inside([]))
    guest_image.obtain(IMAGE, "/", hypervisor.folders, lambda message, fraction: None)
    digests = {"debian": guest_image.recipe_digest(IMAGE, "/")}
    try:
        make(hypervisor, guest_environment, Inputs(guest_images=digests, authorized_key=prepared.public_key))
        yield wait(hypervisor, guest_environment, prepared)
    finally:
        access.disconnect("ready", hypervisor.folders)
        unmake(hypervisor, "ready")


def make(hypervisor: Hypervisor, environment: Environment, inputs: Inputs) -> None:
    for kind in KINDS:
        for declared in kind.declare(environment, inputs):
            kind.apply(hypervisor, change("create", declared.key, declared=declared), Progress())


def wait(hypervisor: Hypervisor, environment: Environment, prepared: access.Access) -> BootedGuest:
    events: list[Event] = []
    progress, guest, began = Progress(events.append), environment.guests["web"], time.monotonic()
    shell = ready.wait_for_shell(hypervisor, environment, guest, progress)
    to_shell = time.monotonic() - began
    engine = ready.wait_for_engine(hypervisor, environment, guest, shell, progress)
    booted = (to_shell, time.monotonic() - began)
    print(f"\nshell after {booted[0]:.1f} s, engine after {booted[1]:.1f} s")
    return BootedGuest(hypervisor, environment, prepared, shell, engine, booted, events)


def unmake(hypervisor: Hypervisor, environment: str) -> None:
    for kind in reversed(KINDS):
        for observed in list(kind.observe(hypervisor, environment)):
            kind.apply(hypervisor, change("delete", observed.key, observed=observed), Progress())


def change(action: Any, key: Key, declared: Declared | None = None, observed: Observed | None = None) -> Change:
    return Change(key, action, "test", declared=declared, observed=observed)
