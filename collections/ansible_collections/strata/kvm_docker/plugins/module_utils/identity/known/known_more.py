# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fields that libvirt or Docker were seen to tell and their descriptions lack. Kept by hand, each with its origin."""

from __future__ import annotations

from collections.abc import Mapping

#: Networks of a swarm, asked ``verbose``, of engines 20.10 to 28.5; the API's description has a service without fields.
_SERVICES = """\
Services/*: LocalLBIndex Ports Tasks VIP
Services/*/Ports: *
Services/*/Tasks: *
Services/*/Tasks/*: EndpointID EndpointIP Info Name
Services/*/Tasks/*/Info: *
"""

#: By source, rows as in the generated tables.
MORE: Mapping[str, str] = {"docker_network": _SERVICES}
