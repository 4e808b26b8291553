# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation that the modules of this collection share: what they do in check mode, diff mode and when repeated."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying the target.
  diff_mode:
    description: >-
      Will return details on what has changed (or possibly needs changing in C(check_mode)), when in diff mode.
  idempotent:
    description:
      - When run twice in a row outside check mode, with the same arguments, the second invocation indicates no change.
      - This assumes that the system controlled or queried by the module has not changed in a relevant way.
  platform:
    description: Target operating systems that can be operated against.
"""

    INFO_MODULE = r"""
options: {}
attributes:
  check_mode:
    support: full
    details: It never changes anything.
  diff_mode:
    support: none
    details: It never changes anything.
  idempotent:
    support: full
"""

    PLATFORM = r"""
options: {}
attributes:
  platform:
    support: full
    platforms: posix
    details: A Linux machine with QEMU and libvirt; root is needed for the embedded hypervisor.
"""

    STATE_FOLDER = r"""
options:
  state_folder:
    description:
      - Where images, disks, keys and sockets are kept on the hypervisor.
      - E(STRATA_STATE) or V(/var/lib/strata) where not given. E(STRATA_IMAGES) places the image store elsewhere.
    type: path
"""

    LIBRARIES = r"""
options: {}
requirements:
  - python >= 3.11
  - libvirt-python >= 9.0
  - docker >= 5.0.3 (Docker SDK for Python)
  - pydantic >= 2.8
  - ruamel.yaml >= 0.18
"""
