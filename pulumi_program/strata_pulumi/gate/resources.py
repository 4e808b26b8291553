# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every resource that the provider has, by its type in Pulumi's programs."""

from __future__ import annotations

from collections.abc import Mapping

from .access_resource import AccessResource
from .container_files_resource import ContainerFilesResource
from .engine_resource import EngineResource
from .ground import Grounds
from .object_resource import ObjectResource
from .resource import Resource

#: What is opened for one operation serves the others.
_GROUNDS = Grounds()

_ALL: tuple[Resource, ...] = (
    AccessResource(_GROUNDS),
    EngineResource(),
    ObjectResource(_GROUNDS),
    ContainerFilesResource(_GROUNDS),
)

RESOURCES: Mapping[str, Resource] = {resource.TYPE: resource for resource in _ALL}
