# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of the kinds of objects, as plans tell them and rules of a declaration name them (``resources.KINDS``)."""

from __future__ import annotations

#: Of objects on the engine of a guest.
ON_ENGINES = ("mount", "engine", "image", "docker_network", "docker_volume", "container")
KINDS = ("network", "pool", "guest_image", "container_archive", "engine_layer", "disk", "guest", "forward", *ON_ENGINES)
