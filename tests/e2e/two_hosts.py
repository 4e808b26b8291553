# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The environment that the end-to-end tests share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from environments import EnvironmentCopy


@dataclass
class TwoHosts:
    """``preview``: what check mode said on the empty hypervisor. ``kills``: the events after which it was killed.

    ``neighbour``: what another environment reported that was brought up meanwhile.
    """

    copy: EnvironmentCopy
    preview: str
    neighbour: dict[str, Any] = field(default_factory=dict)
    kills: list[str] = field(default_factory=list)
