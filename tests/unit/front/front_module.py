# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A module in a process of its own, as Ansible runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

COLLECTIONS = Path(__file__).parents[3] / "collections"


def ran(module: str, **options: Any) -> dict[str, Any]:
    """What the module returns or says, which is never a traceback."""
    done = subprocess.run(
        [sys.executable, "-m", f"ansible_collections.strata.kvm_docker.plugins.modules.{module}"],
        input=json.dumps({"ANSIBLE_MODULE_ARGS": options}),
        env={**os.environ, "PYTHONPATH": str(COLLECTIONS)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert "Traceback" not in done.stdout + done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result
