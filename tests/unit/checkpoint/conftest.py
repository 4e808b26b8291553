# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A store without checkpoints."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.checkpoint.store import Store
from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(Folders(tmp_path / "state"), "lab")
