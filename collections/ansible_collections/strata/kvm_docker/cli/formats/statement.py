# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fingerprint as an in-toto Statement (v1), for who signs and stores what was proved. No I/O.

Its subject is the environment, whose digest is the fingerprint's root; leaves are not in it.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.fingerprint import FORMAT, Fingerprint

STATEMENT = "https://in-toto.io/Statement/v1"
#: The page that describes the predicate, and the format of fingerprints.
PREDICATE = f"https://github.com/strata/kvm_docker/blob/main/docs/fingerprint.md#statement-v{FORMAT}"


def statement(fingerprint: Fingerprint) -> dict[str, Any]:
    """In JSON's types."""
    return {
        "_type": STATEMENT,
        "subject": [{"name": fingerprint.environment, "digest": {"sha256": fingerprint.root}}],
        "predicateType": PREDICATE,
        "predicate": _predicate(fingerprint),
    }


def _predicate(fingerprint: Fingerprint) -> dict[str, Any]:
    return {
        "taken": fingerprint.taken,
        "level": fingerprint.level,
        "rules": fingerprint.rules,
        "planes": {plane: {"sha256": digest} for plane, digest in fingerprint.planes.items()},
        "lock": {"sha256": fingerprint.planes["lock"]} if "lock" in fingerprint.planes else None,
        "leaves": sum(1 for leaf in fingerprint.leaves if leaf.counts),
        "tools": dict(fingerprint.tools),
        "settled": not fingerprint.moving,
        "complete": not fingerprint.incomplete,
        "missing": list(fingerprint.missing),
        "unknown": list(fingerprint.unknown),
        "moving": list(fingerprint.moving),
    }
