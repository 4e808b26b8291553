# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A module in a process of its own, as Ansible runs it."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

from forked import forked, run_module

MODULES = Path(__file__).parents[3] / "collections/ansible_collections/strata/kvm_docker/plugins/modules"


def ran(module: str, **options: Any) -> dict[str, Any]:
    """What the module returns or says, which is never a traceback."""
    done = forked(partial(run_module, MODULES / f"{module}.py"), json.dumps({"ANSIBLE_MODULE_ARGS": options}))
    assert "Traceback" not in done.stdout + done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result
