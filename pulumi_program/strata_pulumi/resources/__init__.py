# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The resources of the provider ``strata``, as programs declare them."""

from .access import Access, AccessArgs
from .engine import Engine, EngineArgs, Provider, ProviderArgs
from .object import ContainerFiles, ContainerFilesArgs, Object, ObjectArgs, object_args, spec_of

__all__ = [
    "Access",
    "AccessArgs",
    "ContainerFiles",
    "ContainerFilesArgs",
    "Engine",
    "EngineArgs",
    "Object",
    "ObjectArgs",
    "Provider",
    "ProviderArgs",
    "object_args",
    "spec_of",
]
