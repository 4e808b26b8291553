# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fingerprints of an environment that never was: trees of plain data, assembled as those that are taken."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.fingerprint import Assembly, Fingerprint
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.leaf import Branch, Plane
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.rules import Rule, Rules
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.tokens import Tokens
from ansible_collections.strata.kvm_docker.plugins.module_utils.masking import Masker
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.secrets import Seal

RULES = Rules(
    (
        Rule(1, "containers/*/*/State/Pid", "id", "the kernel numbers processes as they come", "one restart"),
        Rule(2, "**/:mtime", "time", "when it was written", "two builds of one tree"),
    )
)
KEY = b"k" * 32


def made(*branches: Branch, key: bytes = KEY, tokens: Tokens | None = None, **told: Any) -> Fingerprint:
    """The fingerprint of *branches* at level 3; *told*: other fields of it, or ``rules`` and ``masker``."""
    rules, level = told.pop("rules", RULES), told.pop("level", 3)
    assembly = Assembly(
        tokens=tokens or Tokens({}), rules=rules, seal=Seal(key), masker=told.pop("masker", None) or Masker()
    )
    return Fingerprint(
        leaves=assembly.leaves(branches, level),
        level=level,
        rules=rules.version,
        key=hashlib.sha256(key).hexdigest()[:16],
        **{"environment": "lab", "taken": "2026-01-02T03:04:05+00:00", **told},
    )


def branch(path: str, tree: Any, plane: Plane = "runtime", level: int = 1, **more: Any) -> Branch:
    return Branch(path=tuple(path.split("/")), tree=tree, plane=plane, level=level, **more)


def lab(container: Mapping[str, Any] | None = None, files: Mapping[str, Any] | None = None) -> tuple[Branch, ...]:
    """One guest with files and one container; *container* and *files* stand for what is there otherwise."""
    state = {"State": {"Status": "running", "Pid": 4711}, "Config": {"Env": ["DB_PASSWORD=hunter2-of-old", "A=1"]}}
    there = {"etc": {"hosts": {":mode": "0644", ":mtime": 1}, "motd": {":mode": "0644"}}}
    return (
        branch("intent", {"name": "lab"}, "intent"),
        branch("lock", {"builds": "0" * 64}, "lock"),
        branch("guests/apps/files", files or there),
        branch("containers/apps/apps-app-1", {**state, **(container or {})}),
        branch("identity", {"name": "lab", "uuid": "1b4e28ba-2fa1-11d2-883f-0016d3cca427"}, "identity"),
    )
