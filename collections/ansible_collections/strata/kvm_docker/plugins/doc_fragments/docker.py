# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation that the modules of the Docker layer share: which engine, whose objects, and what they return."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  docker_host:
    description:
      - The engine, as V(unix:///path/of/its.sock) on the machine that the module runs on, or V(ssh://user@host:port).
      - V(unix:///var/run/docker.sock) where neither this nor O(guest) is given.
      - An V(ssh://) engine is reached over one OpenSSH connection that all calls share and that stays for ten minutes.
        Aliases, keys and known hosts of the user's C(~/.ssh/config) apply; nobody is asked for a password. A path in
        the URL is the engine's socket on that host.
    type: str
  environment:
    description:
      - Name of the environment in the mark that every object gets. Only objects with this mark are changed or removed.
      - V(standalone) where not given.
      - With O(guest), the environment of that guest, which must be up on this hypervisor.
    type: str
  guest:
    description:
      - Guest of O(environment) whose engine it is, reached as its SSH configuration in the state folder says.
      - What a module makes there is no orphan to the module M(strata.kvm_docker.environment), but for an image or a
        setting of the engine that the environment's declaration does not name.
    type: str
  state_folder:
    description:
      - Where SSH connections and locks are kept.
      - E(STRATA_STATE), or V(/var/lib/strata) for root and V(~/.local/state/strata) for others, where not given.
    type: path
requirements:
  - python >= 3.11
  - docker >= 5.0.3 (Docker SDK for Python)
  - OpenSSH's client, for an engine that is reached by SSH
attributes:
  platform:
    support: full
    platforms: posix
    details: A Linux machine. No root is needed, but the right to use the engine (the group C(docker)).
seealso:
  - module: strata.kvm_docker.docker_info
"""

    CHANGING = r"""
options:
  lock_timeout:
    description: Seconds to wait while another run holds the lock of the engine; V(0) refuses at once.
    type: float
    default: 60
"""

    ADOPT = r"""
options:
  adopt:
    description:
      - Whether an object of this name that does not carry our mark is taken over. It is an error otherwise.
      - Containers and networks are replaced, the data of a volume is kept, an image is made and tagged.
    type: bool
    default: false
"""
