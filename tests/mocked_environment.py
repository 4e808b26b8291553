# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The component of an environment under Pulumi's own mocks; the hypervisor is libvirt's test driver."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import kvm_lab
import pulumi
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.read import read_environment
from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest import image_store
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.model import Key
from ansible_collections.strata.kvm_docker.plugins.module_utils.resolve import guest_images
from strata_pulumi.components import Environment

#: Of a declaration.
HYPERVISOR = {"uri": "test:///default", "virt_type": "qemu"}
#: What resources have beside their inputs, by type.
TOLD: dict[str, dict[str, Any]] = {
    "strata:index:Access": {"sshConfig": "/ssh_config", "mark": "of this stack"},
    "strata:index:Object": {"handle": {"id": "sha256:0", "volumes": "", "boot": "one"}, "made": "first"},
    "strata:index:Engine": {"host": "ssh://root@guest", "sshOpts": ["-F", "x"], "apiVersion": "1.45", "engineId": "E"},
}
#: Of what another provider makes, by the type of its resource.
KINDS = {
    "libvirt:index/pool:Pool": "pool",
    "libvirt:index/network:Network": "network",
    "libvirt:index/volume:Volume": "disk",
    "libvirt:index/domain:Domain": "guest",
    "docker:index/network:Network": "docker_network",
    "docker:index/volume:Volume": "docker_volume",
    "docker:index/container:Container": "container",
}


def fill_store(declaration: Path) -> None:
    """Have something in the store in place of the images of its guests."""
    folders = Folders.of()
    for recipe in guest_images(read_environment(declaration)).values():
        if image_store.resolve(folders, recipe) is None:
            with image_store.making(folders, recipe) as staging:
                kvm_lab.empty_qcow2(staging / image_store.DISK, 16 * kvm_lab.MIB)
                image_store.store(folders, recipe, staging)


def run(declaration: Any, **more: Any) -> Environment:
    """The program, until all is registered."""

    async def program() -> Environment:
        made = Environment("environment", {"declaration": declaration, **more})
        await pulumi.runtime.stack.wait_for_rpcs()
        return made

    return asyncio.get_event_loop().run_until_complete(program())


def title(environment: str, key: Key) -> str:
    """The name of the resources of the object of *key*."""
    return "/".join(part for part in (environment, key.kind, key.guest, key.name) if part)
