# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A declaration as a program needs it: read and checked by the core, with what is there already. Nothing is registered.

All that can be refused is refused here, before Pulumi hears of a resource.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pulumi
from ansible_collections.strata.kvm_docker.plugins.module_utils import requirements, seal_key
from ansible_collections.strata.kvm_docker.plugins.module_utils.consent import refuse_lost_disks
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare import environment as model
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.read import PLUGIN, Document, read_document
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.scalars import NAME, WORDS
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import DeclarationError, StrataError, os_errors
from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest import access
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest.files import write_whole
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.lock_use import LockUse
from ansible_collections.strata.kvm_docker.plugins.module_utils.inputs import Inputs
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm import host
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.hypervisor import Hypervisor, opened
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan import planner
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.model import Declared, Key, Need, Observed
from ansible_collections.strata.kvm_docker.plugins.module_utils.prepare import complete_inputs, probed
from ansible_collections.strata.kvm_docker.plugins.module_utils.resolve import resolve
from ansible_collections.strata.kvm_docker.plugins.module_utils.resources import (
    ENGINE_KINDS,
    HYPERVISOR_KINDS,
    declared,
    effect,
    observed,
    plan,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.store.use import note

from . import provider_mark
from .engine_look import EngineLook, look


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a declaration is read. ``preview``: nothing may be made, not even keys. ``replace_guests``: those whose
    image changed are made anew, with their disks. ``name``: of the environment that it has to be of, if given.
    ``hypervisor``: in place of the declared one, if given."""

    folders: Folders
    preview: bool = False
    replace_guests: bool = False
    name: str = ""
    hypervisor: str = ""


@dataclass(frozen=True, kw_only=True)
class Declaration:
    """``path``: the file, absolute. ``uri``: libvirt's, as it was found. ``there``: objects of the hypervisor that are
    ours already, whoever made them; ``engines``: what is on those that answer, by guest. ``inputs``: all of them but
    ``virt_type``, see :meth:`with_virt_type`."""

    path: Path
    environment: model.Environment
    inputs: Inputs
    options: Options
    uri: str
    there: Mapping[Key, Observed] = field(default_factory=dict)
    engines: Mapping[str, EngineLook] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.environment.name

    @property
    def folders(self) -> Folders:
        return self.options.folders

    @cached_property
    def declared(self) -> Mapping[Key, Declared]:
        """Every object. A guest's spec holds a ``virt_type`` that is not known before its image is there."""
        kinds = (*HYPERVISOR_KINDS, *ENGINE_KINDS)
        return {item.key: item for item in declared(kinds, self.environment, self.inputs)}

    @cached_property
    def needs(self) -> Mapping[Key, tuple[Need, ...]]:
        """What each object needs, every object after those."""
        return planner.order(self.declared.values())

    def of(self, kind: str, guest: str = "") -> Iterator[Declared]:
        """The objects of *kind* on *guest*, or on the hypervisor, each after those that it needs."""
        return (self.declared[key] for key in self.needs if (key.kind, key.guest) == (kind, guest))

    def with_virt_type(self) -> Declaration:
        """Once the guests' images are there: with what their kernels were probed with."""
        accelerator = probed(self.environment, self.inputs, self.folders)
        return replace(self, inputs=replace(self.inputs, virt_type=accelerator.virt_type))


def read_declaration(path: Path, options: Options) -> Declaration:
    """The declaration in the file *path*. Raises :class:`pulumi.RunError`, which Pulumi shows without a traceback, for
    whatever is wrong with it, and for what its hypervisor cannot hold."""
    with _told():
        requirements.require("docker", "libvirt", "pydantic", "ruamel.yaml")
        document = read_document(path.absolute())
        if options.name not in ("", document.environment.name):
            raise StrataError(
                f"{path}: it declares environment {document.environment.name}, and this stack is for {options.name}."
            )
        with opened(options.hypervisor or document.environment.hypervisor.uri, options.folders) as hypervisor:
            return _read(document, path.absolute(), hypervisor, options)


def write_declaration(content: Mapping[str, Any]) -> Path:
    """Have *content* in the file ``NAME.environment.yml`` of the program's folder; relative paths in it start there."""
    name = content.get("name")
    with _told():
        if not isinstance(name, str) or not re.fullmatch(NAME, name):
            raise StrataError(f"declaration.name: {name!r} is not {WORDS[NAME]}.")
        path = Path.cwd() / f"{name}.environment.yml"
        text = json.dumps({"plugin": PLUGIN, **content}, indent=2, default=_refuse)
        write_whole(path, f"{text}\n".encode(), 0o600)
        return path


def _refuse(value: object) -> None:
    raise StrataError(
        f"declaration: it holds a {type(value).__name__}, which is known later than a declaration is read. "
        "Write plain values; an output's value can be put into a file that it names."
    )


def _read(document: Document, path: Path, hypervisor: Hypervisor, options: Options) -> Declaration:
    environment, folders = document.environment, options.folders
    problems = document.problems(host.facts(hypervisor, environment.name))
    if problems:
        raise DeclarationError(problems)
    lock = LockUse.of(document, path, None, folders)
    resolved = resolve(environment, folders)
    lock.refuse(resolved)
    held = lock.held(resolved)
    if not options.preview:
        access.prepare(environment, folders, hypervisor.inside([]))
        note(folders, environment, held)
    inputs = complete_inputs(
        held,
        authorized_key=access.public_key(environment.name, folders),
        seal=(seal_key.find if options.preview else seal_key.have)(environment.name, folders),
    )
    found = list(observed(("pool", "network", "disk", "guest"), hypervisor, environment.name))
    running = [item.key.name for item in found if item.key.kind == "guest" and item.owned and item.running]
    if not options.replace_guests:
        _refuse_lost_disks(declared(("disk",), environment, inputs), found)
    return Declaration(
        path=path,
        environment=environment,
        inputs=inputs,
        options=options,
        uri=hypervisor.uri,
        there={item.key: item for item in found if item.owned},
        engines=look(
            hypervisor,
            environment,
            inputs,
            [guest for guest in running if guest in environment.guests],
            mark=provider_mark.read(environment.name, folders),
            preview=options.preview,
        ),
    )


def _refuse_lost_disks(wanted: Iterable[Declared], found: Iterable[Observed]) -> None:
    """A volume that the provider has made is marked by the core later on; one that a killed run left is taken over."""
    refuse_lost_disks(plan(wanted, [item for item in found if item.key.kind == "disk"], effect, adopt=True))


@contextmanager
def _told() -> Iterator[None]:
    try:
        with os_errors():
            yield
    except StrataError as error:
        raise pulumi.RunError(str(error)) from error
