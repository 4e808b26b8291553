# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The manifest of a checkpoint of an environment "lab" with one guest."""

from __future__ import annotations

from ansible_collections.strata.kvm_docker.plugins.module_utils.checkpoint.manifest import Manifest, StoredFile
from ansible_collections.strata.kvm_docker.plugins.module_utils.checkpoint.origin import Origin

MADE = Manifest(
    environment="lab",
    made="2026-11-22T15:00:00+00:00",
    origin=Origin({"guest web": "aa"}, {"QEMU": "7.2.9"}),
    places={"pool": "/a/pools/lab"},
    guests=("web",),
    disks=("web",),
    files={"memory/web": StoredFile(3, "bb")},
)
