# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two state folders, each with a store."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders


@pytest.fixture
def here(tmp_path: Path) -> Folders:
    return Folders(tmp_path / "here")


@pytest.fixture
def there(tmp_path: Path) -> Folders:
    return Folders(tmp_path / "there")
