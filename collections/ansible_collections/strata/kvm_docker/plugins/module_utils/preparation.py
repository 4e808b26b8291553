# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a checked declaration to a run over it: digests, keys, the lock, the accelerator, open engines."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from . import seal_key
from .checkpoint.warm import WarmStart
from .convergence import Convergence
from .declare.environment import Environment
from .docker.engine import Engine
from .guest import access
from .identity.lock_use import LockUse
from .inputs import Inputs
from .kvm.hypervisor import Hypervisor
from .prepare import complete_inputs, open_guest_engine, probed
from .resolve import resolve
from .session import Session
from .store.use import note

if TYPE_CHECKING:
    from .converge import Options


@dataclass
class Preparation:
    """Gathers what planning needs to know beside the declaration: digests, keys, the accelerator."""

    environment: Environment
    hypervisor: Hypervisor
    options: Options
    only: Literal["start"] | None = None
    lock: LockUse | None = None
    warnings: list[str] = field(default_factory=list)
    inputs: Inputs = field(default_factory=Inputs)

    def convergence(self) -> Convergence:
        resolved = resolve(self.environment, self.options.folders)
        if self.lock:
            self.lock.refuse(resolved)
        self.inputs = self._keyed(self.lock.held(resolved) if self.lock else resolved)
        if not self.options.check:
            note(self.options.folders, self.environment, self.inputs)
        session = Session(self.environment.name, self.hypervisor, self._open_engine)
        return Convergence(
            environment=self.environment,
            inputs=self.inputs,
            session=session,
            progress=self.options.progress,
            probe=self._virt_type,
            remove_orphans=self.options.remove_orphans,
            replace_guests=self.options.replace_guests,
            adopt=self.options.adopt,
            only=self.only,
            lock=self.lock,
            resolved=resolved,
            warm=WarmStart(
                mode=self.options.start,
                allow_clone=self.options.allow_clone,
                lock=self.lock.content if self.lock else b"",
                rekey=self._rekeyed,
            ),
        )

    def _keyed(self, inputs: Inputs) -> Inputs:
        """With the environment's own keys, made where they are missing and something may be made."""
        name, folders = self.environment.name, self.options.folders
        if not self.options.check:
            access.prepare(self.environment, folders, self.hypervisor.inside([]))
        seal = (seal_key.find if self.options.check else seal_key.have)(name, folders)
        return complete_inputs(
            inputs, authorized_key=access.public_key(name, folders), seal=seal, virt_type=inputs.virt_type
        )

    def _rekeyed(self, inputs: Inputs) -> Inputs:
        """With the keys as they are now; engines that are opened from now on know them too."""
        self.inputs = self._keyed(self.inputs)
        return replace(inputs, authorized_key=self.inputs.authorized_key, seal=self.inputs.seal)

    def _virt_type(self, inputs: Inputs) -> str:
        with self.options.progress.stage("accelerator"):
            found = probed(self.environment, inputs, self.options.folders)
        if found.virt_type == "qemu" and self.environment.hypervisor.virt_type == "auto":
            self.warnings.append(f"guests run without KVM, several times slower: {found.reason}")
        return found.virt_type

    def _open_engine(self, guest: str) -> Engine:
        return open_guest_engine(
            self.hypervisor,
            self.environment,
            guest,
            self.inputs,
            self.options.progress,
            wait_timeout=self.options.wait_timeout,
            remove_volumes=self.options.remove_orphans,
        )
