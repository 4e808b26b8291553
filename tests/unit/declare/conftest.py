# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures that the tests of the readers share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from declare_files import Folder


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


@pytest.fixture
def change() -> Callable[[str, str, str], str]:
    """Replaces a piece of text that must be there."""

    def changed(text: str, old: str, new: str) -> str:
        assert text.count(old) == 1, old
        return text.replace(old, new)

    return changed
