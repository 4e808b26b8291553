# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation that the modules of the KVM layer share: which environment, on which libvirt, and when they wait."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  environment:
    description:
      - Name of the environment that the object belongs to. In libvirt it is named C(<environment>-<name>), and its UUID
        follows from both, by which it is known as ours. Only such objects are changed or removed.
      - An environment need not be declared anywhere. What the module M(strata.kvm_docker.environment) does not find in
        the declaration of the environment of this name is an orphan to it.
    type: str
    required: true
  uri:
    description:
      - V(auto) is the embedded hypervisor where it was started before, else V(qemu:///system) where it answers.
      - V(embedded) is always the embedded one. Anything else is a URI as libvirt has them.
    type: str
    default: auto
  state_folder:
    description:
      - Where images, disks, keys and locks are kept on the hypervisor.
      - E(STRATA_STATE) or V(/var/lib/strata) where not given.
    type: path
requirements:
  - python >= 3.11
  - libvirt-python >= 9.0
  - pydantic >= 2.8
attributes:
  platform:
    support: full
    platforms: posix
    details: A Linux machine with QEMU and libvirt; root is needed for the embedded hypervisor.
seealso:
  - module: strata.kvm_docker.hypervisor
  - module: strata.kvm_docker.guest_info
"""

    CHANGING = r"""
options:
  lock_timeout:
    description: Seconds to wait while another run works on the environment; V(0) refuses at once.
    type: float
    default: 60
"""

    ADOPT = r"""
options:
  adopt:
    description:
      - Whether an object of this name that is not ours is taken over. It is an error otherwise, which names this option
        where it helps, and else what is in the way.
      - A network is replaced by one of ours. A pool keeps its files, and must be in the folder that is declared. A disk
        keeps its data, and must be one that would not have to be made anew. A guest must be off, have the disks that
        are declared, and have neither snapshots nor a saved state nor a TPM, which it would lose.
    type: bool
    default: false
"""
