# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a resource of a program tells what its provider has told."""

from __future__ import annotations

from typing import Any

import pulumi


def output(resource: pulumi.Resource, name: str) -> pulumi.Output[Any]:
    """The output *name* of *resource*."""
    found: pulumi.Output[Any] = pulumi.get(resource, name)
    return found
