# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A program for the real CLI: the twins of a small environment, and a stand-in for what the core adds to them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import kvm_lab
import pulumi
import pulumi_libvirt
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.environment import Disk, Environment
from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest import image_store
from ansible_collections.strata.kvm_docker.plugins.module_utils.inputs import Inputs
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.disk import mark_of
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.hypervisor import Hypervisor, open_hypervisor
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.overlay import mark_overlay, read_overlay_mark
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.model import Declared, Plan
from ansible_collections.strata.kvm_docker.plugins.module_utils.resources import plan
from strata_pulumi import libvirt_twins

CASE = Path("case.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What a run is about. ``memory``: MiB. ``recipe``: which image. ``found``: kinds that are there and ours.
    ``by_core``: the core makes the guest, as it is meant."""

    uri: str
    root: str
    images: str
    memory: int = 64
    recipe: int = 0
    found: tuple[str, ...] = ()
    by_core: bool = True

    @property
    def folders(self) -> Folders:
        return Folders(Path(self.root), Path(self.images))

    @property
    def environment(self) -> Environment:
        """A description with what XML and stylesheets have words of their own for."""
        made = kvm_lab.with_network(kvm_lab.environment(guests=["web"]), "lan", forward="nat")
        description = "{braces} <&> \"quotes\" '{}' ]]> grün\n  two lines"
        return kvm_lab.with_guest(
            made,
            "web",
            memory=self.memory * kvm_lab.MIB,
            description=description,
            disks={"data": Disk(size=kvm_lab.MIB)},
        )

    @property
    def inputs(self) -> Inputs:
        return replace(kvm_lab.INPUTS, guest_images={"debian": kvm_lab.RECIPES[self.recipe]})

    def declared(self, kind: str) -> list[Declared]:
        return list(kvm_lab.KINDS[kind].declare(self.environment, self.inputs))

    def write(self, folder: Path) -> None:
        (folder / CASE).write_text(json.dumps(asdict(self)))


def main() -> None:
    """The program, in the folder of its case."""
    told: dict[str, Any] = json.loads(CASE.read_text())
    case = Case(**{**told, "found": tuple(told["found"])})
    provider = pulumi_libvirt.Provider("hypervisor", uri=case.uri)
    pool, network = _pool(case, provider), _network(case, provider)
    disks = _disks(case, provider, pool)
    _guest(case, provider, [*disks, network])


def _pool(case: Case, provider: pulumi.ProviderResource) -> pulumi.Resource:
    declared = case.declared("pool")[0]
    return libvirt_twins.register(
        libvirt_twins.pool_twin(declared),
        "pool",
        libvirt_twins.pool_document(declared, case.folders),
        pulumi.ResourceOptions(provider=provider),
        found="pool" in case.found,
    )


def _network(case: Case, provider: pulumi.ProviderResource) -> pulumi.Resource:
    declared = case.declared("network")[0]
    twin = libvirt_twins.network_twin(declared)
    assert twin
    return libvirt_twins.register(
        twin,
        "lan",
        libvirt_twins.network_document(declared),
        pulumi.ResourceOptions(provider=provider),
        found="network" in case.found,
    )


def _disks(case: Case, provider: pulumi.ProviderResource, pool: pulumi.Resource) -> list[pulumi.Resource]:
    stored = image_store.resolve(case.folders, case.inputs.guest_images["debian"])
    return [
        libvirt_twins.register(
            libvirt_twins.disk_twin(declared, case.environment, case.folders),
            f"disk-{declared.key.name}",
            libvirt_twins.disk_document(
                declared, case.environment, case.folders, stored.disk if stored and not declared.handle.disk else None
            ),
            pulumi.ResourceOptions(provider=provider, depends_on=[pool]),
            found="disk" in case.found,
        )
        for declared in case.declared("disk")
    ]


def _guest(case: Case, provider: pulumi.ProviderResource, needs: list[pulumi.Resource]) -> None:
    declared = case.declared("guest")[0]
    stored = image_store.resolve(case.folders, case.inputs.guest_images["debian"])
    assert stored
    document = libvirt_twins.guest_document(declared, case.environment, case.inputs, case.folders, stored)
    libvirt_twins.register(
        replace(libvirt_twins.guest_twin(declared, case.environment), by_core=case.by_core),
        "web",
        pulumi.Output.all(*[need.urn for need in needs]).apply(lambda _urns: _made_by_core(case, document)),
        pulumi.ResourceOptions(provider=provider, depends_on=needs),
        found="guest" in case.found,
    )


def _made_by_core(case: Case, document: str) -> str:
    """*document*, once the core has completed all twins and made the guest, which stays off."""
    if case.by_core and not pulumi.runtime.is_dry_run():
        kvm = open_hypervisor(case.uri, case.folders)
        for disk in case.declared("disk"):
            path = case.folders.pool("lab") / f"{disk.key.name}.qcow2"
            if read_overlay_mark(path) is None:
                mark_overlay(path, mark_of(disk))
        kvm_lab.apply(kvm, core_plan(kvm, case))
        kvm.close()
    return document


def core_plan(kvm: Hypervisor, case: Case, *, adopt: bool = False) -> Plan:
    """What the core would do to have the case, but for starting the guest. *adopt*: it takes over what has no mark."""
    declared = [replace(item, running=kind != "guest") for kind in kvm_lab.KINDS for item in case.declared(kind)]
    found = kvm_lab.observe(kvm, "lab")
    return plan(declared, found, lambda key, difference: kvm_lab.KINDS[key.kind].effect(difference), adopt=adopt)
