# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A guest that runs, and the ways to it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.environment import Environment, Guest
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest.access import Access
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest.ssh import Shell
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.hypervisor import Hypervisor
from ansible_collections.strata.kvm_docker.plugins.module_utils.progress import Event


@dataclass
class BootedGuest:
    """``booted``: seconds from power-on to the shell and to the engine. ``engine``: socket of its engine."""

    hypervisor: Hypervisor
    environment: Environment
    access: Access
    shell: Shell
    engine: Path
    booted: tuple[float, float]
    events: list[Event]

    @property
    def guest(self) -> Guest:
        return self.environment.guests["web"]

    def other_shell(self) -> Shell:
        """As another run of Strata has it."""
        return Shell("web", self.access.ssh_config)
