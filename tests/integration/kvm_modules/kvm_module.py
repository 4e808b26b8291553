# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests of the modules of the KVM layer share, beside those of the Docker layer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def causes(result: Mapping[str, Any]) -> dict[str, str]:
    """Why each leaf of the first change differs, by path."""
    return {difference["path"]: difference["cause"] for difference in result["plan"][0]["differences"]}
