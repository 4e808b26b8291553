# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests of the modules of the KVM layer share, beside those of the Docker layer."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

#: Runs `python module.py` with less patience: firmware that finds nothing to boot does not hear the power button, and
#: never lets go of a device.
_IMPATIENT = """
import runpy, sys
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm import domain, guest_live
domain.SHUTDOWN_TIMEOUT = guest_live.RELEASE_TIMEOUT = 0.5
module = sys.argv[2]
del sys.argv[1:]
runpy.run_path(module, run_name="__main__")
"""
IMPATIENT = (sys.executable, "-c", _IMPATIENT)


def causes(result: Mapping[str, Any]) -> dict[str, str]:
    """Why each leaf of the first change differs, by path."""
    return {difference["path"]: difference["cause"] for difference in result["plan"][0]["differences"]}
