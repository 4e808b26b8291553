# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation that the modules of a whole environment share: its declaration, and what it is brought to."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  declaration:
    description: Path of the declaration, C(<name>.environment.yml), on the machine that the module runs on.
    type: path
    required: true
"""

    CONVERGING = r"""
options:
  state:
    description:
      - V(present) makes the environment as declared.
      - V(absent) removes every object of the environment, volumes and disks included.
      - Guest images are kept for the next build.
      - V(stopped) shuts the guests down and ends the forwards of published ports; V(started) starts what is there and
        is not running, and waits for the containers. Both leave all else as it is, also where it differs from the
        declaration.
    type: str
    choices: [present, absent, started, stopped]
    default: present
  orphans:
    description:
      - What happens to objects of the environment that are no longer declared.
      - V(report) leaves them alone and returns them as RV(orphans), and the module M(strata.kvm_docker.environment)
        warns of them; V(remove) removes them.
      - Containers beyond the declared number of replicas are none; they are removed in any case.
    type: str
    choices: [report, remove]
    default: report
  replace_guests:
    description:
      - Whether a guest whose image changed is made anew.
      - Its disk goes with it, and so does every volume on its engine. Without this option such a change is refused
        before anything is touched.
    type: bool
    default: false
  adopt:
    description:
      - Whether objects that somebody else made under a declared name are taken over. They are replaced by objects of
        the environment; the data of a volume is copied.
      - Pools, disks and guests keep what is in them. They are taken over only where nothing of it would be lost, and a
        guest only while it is off.
    type: bool
    default: false
"""
