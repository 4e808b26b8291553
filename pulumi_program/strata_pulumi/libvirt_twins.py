# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Twins: resources of ``pulumi_libvirt`` that make what the core makes of a declared pool, network, disk or guest.

The provider describes objects in words of its own, which are fewer than libvirt's. So each twin has a stylesheet that
puts the core's document in the place of the provider's.

A twin only makes its object. What changes, and what is removed, is the core's to do: in place where it can, and also
where somebody else was there first.
What the provider does otherwise than one thinks, and which the rules below are for, is in docs/pulumi_twins.md.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import Element, SubElement

import pulumi
import pulumi_libvirt as libvirt
from ansible_collections.strata.kvm_docker.plugins.module_utils import naming
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.disk_files import data_disk_path, disk_path
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.guest_definition import domain_xml_of
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.mark import to_text
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.network_xml import render_network
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.overlay import volume_xml
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.pool import (
    PoolIdentity,
    pool_identity,
    render_pool,
)

if TYPE_CHECKING:
    from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.environment import Environment
    from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders
    from ansible_collections.strata.kvm_docker.plugins.module_utils.guest.image_store import StoredImage
    from ansible_collections.strata.kvm_docker.plugins.module_utils.inputs import Inputs
    from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.model import Declared

_XSLT = "http://www.w3.org/1999/XSL/Transform"

#: What each resource may be given.
_GIVEN: Mapping[type[pulumi.CustomResource], type] = {
    libvirt.Pool: libvirt.PoolArgs,
    libvirt.Network: libvirt.NetworkArgs,
    libvirt.Volume: libvirt.VolumeArgs,
    libvirt.Domain: libvirt.DomainArgs,
}
#: Of a domain. The provider has defaults for them and never reads them back, which would replace a domain that was
#: imported, ignored or not, once it was refreshed. Given as empty, they are what it did not read.
_NEVER_READ = frozenset({"type", "fw_cfg_name"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Twin:
    """A resource before it is registered. All of it is known before its image is there; its document is not.

    ``id``: what Pulumi knows it by. ``arguments``: by the names of the class, without ``xml``; ``empty``: those that
    the provider never reads back. ``adopts``: made where it is there already, it takes that over as it is, so it is
    never imported. ``by_core``: the core makes it before it is registered, so it is always imported.
    """

    resource: type[pulumi.CustomResource]
    id: str
    arguments: Mapping[str, Any]
    empty: frozenset[str] = frozenset()
    adopts: bool = False
    by_core: bool = False

    def options(self, *, found: bool = False) -> pulumi.ResourceOptions:
        """What a program registers it with, beside its place in the program.

        *found*: it is there and is ours. A stack that does not know it imports it; to one that does this means nothing.
        The provider never deletes one: it fails where an object is gone already, or is not as it expects.
        """
        there = found or (self.by_core and not pulumi.runtime.is_dry_run())
        return pulumi.ResourceOptions(
            ignore_changes=sorted(set(inspect.signature(_GIVEN[self.resource]).parameters) - self.empty),
            import_=self.id if there and not self.adopts else None,
            retain_on_delete=True,
        )


def register(
    twin: Twin,
    name: str,
    document: pulumi.Input[str],
    opts: pulumi.ResourceOptions | None = None,
    *,
    found: bool = False,
) -> pulumi.CustomResource:
    """*twin* as the resource *name* of a program. *document* may be known later; *found*: see :meth:`Twin.options`."""
    given = {**twin.arguments, "xml": {"xslt": pulumi.Output.from_input(document).apply(stylesheet)}}
    return twin.resource(name, opts=pulumi.ResourceOptions.merge(twin.options(found=found), opts), **given)


def stylesheet(document: str) -> str:
    """XSLT 1.0 that makes *document*, to the letter, of any other one.

    As text: elements within a stylesheet would have to be kept from it (braces in attributes, namespaces, white space).
    """
    root = Element("xsl:stylesheet", {"version": "1.0", "xmlns:xsl": _XSLT})
    SubElement(root, "xsl:output", method="text", encoding="UTF-8")
    template = SubElement(root, "xsl:template", match="/")
    SubElement(template, "xsl:text").text = document
    return to_text(root)


def pool_twin(declared: Declared) -> Twin:
    """Of a pool."""
    identity = _pool_identity(declared)
    return Twin(
        resource=libvirt.Pool,
        id=identity.uuid,
        arguments={"name": identity.name, "type": declared.spec["type"]},
    )


def pool_document(declared: Declared, folders: Folders) -> str:
    """The XML that the core defines the pool by."""
    folder = Path(declared.spec["path"]) if declared.handle else folders.pool(declared.key.name)
    return render_pool(*_pool_identity(declared), folder)


def _pool_identity(declared: Declared) -> PoolIdentity:
    return pool_identity(declared.handle or declared.key.name, declared.key.name)


def network_twin(declared: Declared) -> Twin | None:
    """Of a network, which the provider starts. None of an isolated one: the provider does not read back that it is, so
    one that was imported would be replaced once it was refreshed."""
    if declared.spec["forward"] == "isolated":
        return None
    name = declared.key.name
    return Twin(
        resource=libvirt.Network,
        id=str(naming.object_uuid(declared.handle, declared.key.kind, name)),
        arguments={"name": naming.libvirt_name(declared.handle, name)},
    )


def network_document(declared: Declared) -> str:
    """The XML that the core defines the network by, with its mark."""
    return render_network(declared.handle, declared.key.name, declared.spec)


def disk_twin(declared: Declared, environment: Environment, folders: Folders) -> Twin:
    """Of a guest's first disk, or of a data disk."""
    path = _disk_path(declared, environment, folders)
    return Twin(
        resource=libvirt.Volume,
        id=str(path),
        arguments={"name": path.name, "pool": declared.handle.pool},
        adopts=True,
    )


def disk_document(declared: Declared, environment: Environment, folders: Folders, below: Path | None = None) -> str:
    """The XML that the core makes the volume by, over the qcow2 file *below*, or a blank one. It has no place for the
    mark."""
    path = _disk_path(declared, environment, folders)
    return volume_xml(path.name, declared.spec["size"], below)


def _disk_path(declared: Declared, environment: Environment, folders: Folders) -> Path:
    source = declared.handle
    if source.disk:
        return data_disk_path(environment, folders, environment.guests[source.guest], source.disk)
    return disk_path(folders.pool(environment.name), source.guest)


def guest_twin(declared: Declared, environment: Environment) -> Twin:
    """Of a guest, for a program to register after the core has made it, and to replace with nothing.

    The provider starts what it makes, told so or not; what does not start stays, and no stack knows of it.
    """
    name = declared.key.name
    return Twin(
        resource=libvirt.Domain,
        id=str(naming.object_uuid(environment.name, declared.key.kind, name)),
        arguments={"name": naming.libvirt_name(environment.name, name), **dict.fromkeys(_NEVER_READ, "")},
        empty=_NEVER_READ,
        by_core=True,
    )


def guest_document(
    declared: Declared, environment: Environment, inputs: Inputs, folders: Folders, stored: StoredImage
) -> str:
    """The XML that the core defines the domain by; its mark has no note of how libvirt wrote that down."""
    return domain_xml_of(environment, environment.guests[declared.key.name], inputs, stored, folders)
