# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a program declares: an environment, or the parts of one."""

from .engine import Engine, EngineArgs
from .environment import Environment, EnvironmentArgs
from .guest import Guest, GuestArgs
from .network import Network, NetworkArgs
from .services import Services, ServicesArgs

__all__ = [
    "Engine",
    "EngineArgs",
    "Environment",
    "EnvironmentArgs",
    "Guest",
    "GuestArgs",
    "Network",
    "NetworkArgs",
    "Services",
    "ServicesArgs",
]
