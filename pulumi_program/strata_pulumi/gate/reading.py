# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A declaration as it was read once, with the digests of all that it names, as the core's own runs have them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ansible_collections.strata.kvm_docker.plugins.module_utils import seal_key
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.environment import Environment
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.read import Document, read_document
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import StrataError
from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest import access
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.lock_use import LockUse
from ansible_collections.strata.kvm_docker.plugins.module_utils.inputs import Inputs
from ansible_collections.strata.kvm_docker.plugins.module_utils.masking import secrets_of
from ansible_collections.strata.kvm_docker.plugins.module_utils.prepare import complete_inputs
from ansible_collections.strata.kvm_docker.plugins.module_utils.resolve import resolve


@dataclass(kw_only=True)
class Reading:
    """``document``: of the file ``declaration``."""

    declaration: Path
    document: Document
    folders: Folders

    @property
    def environment(self) -> Environment:
        return self.document.environment

    @cached_property
    def secrets(self) -> frozenset[str]:
        """Texts of the declaration that no message may tell."""
        return frozenset(secrets_of(self.environment))

    @property
    def inputs(self) -> Inputs:
        """Complete but for ``virt_type``, which is of a guest's spec; with the keys that there are now."""
        name = self.environment.name
        key, seal = access.public_key(name, self.folders), seal_key.find(name, self.folders)
        return complete_inputs(self._held, authorized_key=key, seal=seal)

    @cached_property
    def _held(self) -> Inputs:
        """Held to the environment's lock, where there is one."""
        lock = LockUse.of(self.document, self.declaration, None, self.folders)
        resolved = resolve(self.environment, self.folders)
        lock.refuse(resolved)
        return lock.held(resolved)


def reading(declaration: Path, environment: str, folders: Folders) -> Reading:
    """What *declaration* says now. Raises :class:`StrataError`, too, where it is not of *environment*."""
    document = read_document(declaration)
    if document.environment.name != environment:
        raise StrataError(
            f"{declaration} declares environment {document.environment.name}, and the property environment is "
            f"{environment}. Take both from one declaration."
        )
    return Reading(declaration=declaration, document=document, folders=folders)
